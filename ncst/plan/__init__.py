"""What a configuration asks for: YAML in, strings out; all that the Snakefile imports."""

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]
"""A merged, completed configuration."""

Entry = Mapping[str, Any]
"""One entry of a registry: a codec's, a corpus', a model's ..."""

Pair = tuple[str, str]
"""A source set and a codec."""
