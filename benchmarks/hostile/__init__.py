"""Targets of ``benchmarks/fuzz.py``: files and answers that go wrong, and what reads them."""
