"""A new member of a family to start from: one file and one entry that work at once."""

import contextlib
import keyword
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from string import Template
from typing import Any

import yaml

from ncst import registry
from ncst.core.files import PathLike, atomic
from ncst.errors import NcstError

TEMPLATES = Path(__file__).parent / "templates"
FAMILIES = {
    "codec": "codecs",
    "corpus": "corpora",
    "model": "models",
    "frontend": "frontends",
    "objective": "objectives",
    "perturbation": "perturbations",
    "detector": "detectors",
}
TAKEN = {"all", "compact", "default", "demo", "fetch", "generate", "official", "plan", "plugins", "published", "real"}
"""Words of configs, targets and command lines."""

CONFIG = {"frontends": "models"}
"""Families whose entries stand in the file of another."""


def new(kind: str, name: str, root: PathLike = ".") -> str:
    """Start *name*, a member of a family, in the project folder *root*.

    Writes a class that already runs, into the family's folder of a clone or else into ``plugins/<family>/``, and puts
    its entry behind the others of the family in ``config/``, whose comments stay. An objective has no entry.

    Parameters
    ----------
    kind : str
        One of `FAMILIES`: ``codec``, ``corpus`` ...
    name : str
        Lower-case letters, digits and underscores, a letter first; it is used in file names and tables.
    root : path

    Returns
    -------
    str
        What to fill in and how to check it.

    Raises
    ------
    NcstError
        If the name is not valid or taken, or *root* is not the project; nothing is written then.
    """
    family, root = FAMILIES[kind], Path(root)
    config = root / "config" / f"{CONFIG.get(family, family)}.yaml"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise NcstError(
            f"{name!r} cannot name a {kind}: use lower-case letters, digits and underscores, a letter first."
        )
    if name in TAKEN or name in sys.stdlib_module_names or name in packages_distributions():
        raise NcstError(f"{name!r} cannot name a {kind}: it means something else already; choose another name.")
    if not (root / "config").is_dir():
        raise NcstError(
            f"{root.absolute()} has no config folder: run this in the project's folder (`ncst init` lays one out)."
        )
    inside = root.joinpath(*registry.FAMILIES[family].split("."))
    in_clone = inside.is_dir()
    path = (inside if in_clone else root / "plugins" / family) / f"{name}.py"
    if path.exists() or name in registry.modules(family):
        raise NcstError(f"There is a {kind} {name!r} in {path.parent} or in ncst: choose another name.")
    values = {"name": name, "title": name.replace("_", " ").capitalize(), "file": path.relative_to(root).as_posix()}
    text = (TEMPLATES / f"{kind}.txt").read_text(encoding="utf-8")
    module, entry, advice = (Template(part).substitute(values) for part in re.split(r"^---\n", text, flags=re.M))
    written = {path: module}
    if entry:
        written[config] = _with_entry(config, family, name, entry)
    with contextlib.ExitStack() as files:
        for target, content in written.items():
            files.enter_context(atomic(target)).write_text(content, encoding="utf-8")
    wrote = f"Wrote {path}, {'an' if kind[0] in 'aeiou' else 'a'} {kind} that runs" + (
        f", and its entry in {config}." if entry else "."
    )
    check = f"\nCheck it with `pytest tests/contract -k {name}`." if in_clone else ""
    return f"{wrote}\n{advice.rstrip()}{check}"


def _with_entry(config: Path, family: str, name: str, entry: str) -> str:
    """Return the text of *config* with *entry* behind the last one of *family*, everything else as it is."""
    try:
        text = config.read_text(encoding="utf-8")
    except OSError as error:
        raise NcstError(f"Cannot read {config} ({error.strerror}): run this in the project's folder.") from error
    before = _read(config, text)
    if not isinstance(before.get(family), dict):
        raise NcstError(f"{config} has no mapping `{family}:` to put an entry into: add it.")
    if name in before[family]:
        raise NcstError(f"{config} has an entry {name!r} among its {family}: choose another name.")
    lines = text.splitlines(keepends=True)
    lines[-1] = lines[-1].rstrip("\n") + "\n"
    end = _end(text, family)
    while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
        end -= 1
    after = "".join([*lines[:end], "\n", entry, *lines[end:]])
    changed = yaml.safe_load(entry)
    with contextlib.suppress(yaml.YAMLError, ValueError):
        if yaml.safe_load(after) == before | {family: before[family] | changed}:
            return after
    raise NcstError(
        f"{config}: `{family}:` is not a block of entries, two spaces in: write it so, or add {name} by hand."
    )


def _read(config: Path, text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise NcstError(f"{config} is not valid YAML: {' '.join(str(error).split())}.") from error
    return content if isinstance(content, dict) else {}


def _end(text: str, family: str) -> int:
    """Return the number of the line behind the mapping *family* of the YAML *text*, counted from 0."""
    document = yaml.compose(text, yaml.SafeLoader)
    for key, value in document.value if document else ():
        if key.value == family:
            return value.end_mark.line + (value.end_mark.column > 0)
    raise KeyError(family)
