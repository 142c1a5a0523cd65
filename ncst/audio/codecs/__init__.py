"""Neural audio codecs: one per file, named as in `config/codecs.yaml`."""

from ncst.registry import folders

__path__ = folders("codecs")
