"""Source-tracing models: one per file, named as in `config/models.yaml`."""
