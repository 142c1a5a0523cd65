"""Front-ends: what a tracing model reads, one per file."""
