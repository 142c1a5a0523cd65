"""Speech corpora: one parser per file, named as in `config/corpora.yaml`."""
