"""Regenerate, extend and re-score ST-Codecfake, the benchmark of neural codec source tracing."""

__version__ = "0.1.0"
