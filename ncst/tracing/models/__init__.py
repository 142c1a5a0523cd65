"""Source-tracing models: one per file, named as in `config/models.yaml`."""

from ncst.registry import folders

__path__ = folders("models")
