"""Downloads: corpora, releases, weights."""
