"""Speech corpora: one parser per file, named as in `config/corpora.yaml`."""

from ncst.registry import folders

__path__ = folders("corpora")
