"""Out-of-distribution detectors on plain arrays: one per file, named as in `config/detectors.yaml`."""

from ncst.registry import folders

__path__ = folders("detectors")
