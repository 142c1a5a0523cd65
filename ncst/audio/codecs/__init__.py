"""Neural audio codecs: one per file, named as in `config/codecs.yaml`."""
