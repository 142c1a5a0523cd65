"""Files that ship with the code: resources, default configs, schemas, the workflow."""

import importlib.resources
from pathlib import Path

from ncst.core.files import PathLike

FOLDERS = ("config",), ("resources",)


def shipped(*parts: PathLike) -> Path:
    """Return the path of a file or folder that ships with the code, by its place in the repository.

    An installed wheel holds them in ``ncst/shipped/``, a clone at its root.

    >>> shipped("resources", "costs.yaml").is_file()
    True
    """
    package = Path(str(importlib.resources.files("ncst")))
    root = package / "shipped"
    return (root if root.is_dir() else package.parent).joinpath(*parts)


def located(path: PathLike) -> str:
    """Return *path* (str), or where it ships if the working folder lacks it and it begins with config or resources.

    In a clone, and wherever the working folder has such a file, it stays relative and names the same file everywhere.
    """
    wanted, ours = Path(path), shipped(path)
    return str(ours if wanted.parts[:1] in FOLDERS and not wanted.exists() and ours.exists() else path)
