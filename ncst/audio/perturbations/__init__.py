"""Perturbations: what happens to a recording on its way, one per file; for augmentation and for robustness tests."""

from ncst.registry import folders

__path__ = folders("perturbations")
