"""Front-ends: what a tracing model reads, one per file."""

from ncst.registry import folders

__path__ = folders("frontends")
