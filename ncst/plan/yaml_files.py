"""YAML files of users: read in seconds, or refused with one sentence."""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from ncst.core.files import PathLike
from ncst.errors import NcstError

LARGEST = 1_000_000  # values of one file, aliases written out
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_mapping(path: PathLike) -> dict[Any, Any]:
    """Return the mapping that the YAML file *path* holds.

    Raises
    ------
    NcstError
        If the file is not there, is not UTF-8 or YAML, holds anything but a mapping or a key twice, or its aliases run
        in a circle or make more than `LARGEST` values.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise NcstError(f"Cannot read the config file {path} ({error.strerror}): name a file that exists.") from error
    except UnicodeDecodeError as error:
        raise NcstError(f"{path} is not UTF-8 text: save it as UTF-8.") from error
    try:
        loader = LOADER(text)
        try:
            node = loader.get_single_node()
            _check(node, path, {}, set())
            found = node and loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError) as error:
        raise NcstError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise NcstError(f"{path} nests its values too deeply: write it flatter.") from error
    if not isinstance(found, dict):
        held = "nothing" if found is None else f"a {type(found).__name__}"
        raise NcstError(f"{path} holds {held} where a mapping belongs: write `key: value` lines into it.")
    return found


def _check(node: Any, path: PathLike, sizes: dict[int, int], above: set[int]) -> int:
    """Return how many values *node* holds with its aliases written out, and refuse what is not a plain tree."""
    if not isinstance(node, yaml.CollectionNode):
        return 1
    where = f"{path}, line {node.start_mark.line + 1}"
    if id(node) in above:
        raise NcstError(f"{where}: an alias stands inside of what it stands for: write the value out.")
    if id(node) not in sizes:
        children = node.value
        if isinstance(node, yaml.MappingNode):
            keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            twice = [key for key, count in keys.items() if count > 1]
            if twice:
                raise NcstError(f"{where}: the key {twice[0]!r} stands twice in one mapping: keep one of them.")
            children = [child for pair in node.value for child in pair]
        sizes[id(node)] = 1 + sum(_check(child, path, sizes, above | {id(node)}) for child in children)
        if sizes[id(node)] > LARGEST:
            raise NcstError(f"{where}: its aliases make more than {LARGEST:,} values: write out what is meant.")
    return sizes[id(node)]
