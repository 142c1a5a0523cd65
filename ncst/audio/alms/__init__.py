"""Audio language models with a back-end codec of the benchmark: one per file, named as in `config/alms.yaml`."""

from ncst.registry import folders

__path__ = folders("alms")
