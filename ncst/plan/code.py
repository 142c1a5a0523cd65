"""The code that decides what a job computes, as one hash that follows imports.

Read by the Snakefile: nothing heavier than the standard library. A job's roots are its script, which imports the stage,
and the plugins that its config entries name; from there every import of ncst counts, lazy ones included, and every
string that is the name of a module, which another process may run. Docstrings, comments and formatting do not count.
"""

import ast
import functools
import hashlib
import re
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

from ncst import registry
from ncst.errors import NcstError
from ncst.plan import Pair

PACKAGE = Path(__file__).parents[1]
MODULE = re.compile(r"ncst(\.\w+)+")
INFRASTRUCTURE = frozenset(
    {
        "ncst.errors",  # sentences for people
        "ncst.registry",  # finds plugins; those found are roots
        "ncst.plan.code",  # what it says counts by itself
        "ncst.core.cards",  # which GPU
        "ncst.core.files",  # a file is whole or absent, whatever is in it
        "ncst.core.job",  # logs, and how a job fails
        "ncst.core.memory",  # where freed memory goes
        "ncst.core.shipped",  # finds files
        "ncst.tracing.progress",  # the bar on the terminal
    }
)
"""Modules that cannot change the bytes of a product: neither they nor what they import counts."""

POSITIONS = {"ctx", "kind", "type_comment"}
"""Fields of syntax nodes that say nothing beyond the others, or differ between Python versions."""


def code_of(script: str | Path, *plugins: Pair) -> str:
    """Return the SHA-256 of the code that a job runs, equal on every Python version.

    Parameters
    ----------
    script : path
        The file that the job starts.
    *plugins : tuple of (str, str)
        Family and module of each plugin that the job's config entries name.

    Raises
    ------
    NcstError
        If there is no such plugin.
    """
    return _combined(str(script), plugins)


@functools.cache
def _combined(script: str, plugins: tuple[Pair, ...]) -> str:
    first, names = _parsed(script, source(script))
    queue, found = _modules(names, ""), dict[str, str]()
    for family, name in plugins:
        registry.file_of(family, name)
        queue += [f"{registry.FAMILIES[family]}.{name}", f"{registry.FAMILIES[family]}._base"]
    while queue:
        module = queue.pop()
        path = module_file(module)
        if path and module not in found and module not in INFRASTRUCTURE:
            found[module], names = _parsed(str(path), source(str(path)))
            queue += _modules(names, module if path.name == "__init__.py" else module.rpartition(".")[0])
    lines = [first, *(f"{module} {found[module]}" for module in sorted(found))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def source(path: str) -> str:
    """Return the text of the file *path*; a `NcstError` if it is not UTF-8."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise NcstError(f"{path} is not valid Python: {error}.") from error


@functools.cache
def syntax_tree(path: str, text: str) -> ast.Module:
    """Return the syntax tree of the *text* of the file *path*; a `NcstError` if it is no Python."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise NcstError(f"{path} is not valid Python: {error.msg} in line {error.lineno}.") from error


@functools.cache
def _parsed(path: str, text: str) -> tuple[str, list[str]]:
    """Return the hash of a syntax tree and what it imports or names: ``ncst.x.module`` or ``ncst.x.module.name``."""
    tree = syntax_tree(path, text)
    return tree_hash(tree), sorted({name for node in ast.walk(tree) for name in _named(node)})


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom):
        start = "." * node.level + (f"{node.module}." if node.module else "")
        yield from (start + alias.name for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE.fullmatch(node.value):
        yield node.value


def _modules(names: list[str], package: str) -> list[str]:
    """Return the modules of ncst among *names*, which a module of *package* imports, or which hold one of them."""
    full = [resolve_name(name, package) for name in names]
    return [name if module_file(name) else name.rpartition(".")[0] for name in full if f"{name}.".startswith("ncst.")]


@functools.cache
def module_file(module: str) -> Path | None:
    """Return the file of *module*, or None where ncst, the user's plugins included, has no such module."""
    package, _, name = module.rpartition(".")
    family = next((family for family, place in registry.FAMILIES.items() if place == package), None)
    folders = registry.folders(family) if family else [PACKAGE.parent.joinpath(*package.split("."))]
    files = [Path(folder, place) for folder in folders for place in (f"{name}.py", f"{name}/__init__.py")]
    return next((path for path in files if path.is_file()), None)


def tree_hash(tree: ast.AST) -> str:
    """Return the SHA-256 of a syntax tree, the same for sources that differ in docstrings, comments or format alone."""
    return hashlib.sha256("".join(_canonical(tree)).encode()).hexdigest()


def _canonical(node: Any) -> Iterator[str]:
    """Yield text of a syntax node: names of nodes and of fields that are not empty, constants by type and value."""
    if isinstance(node, ast.Constant):
        yield f"{type(node.value).__name__}:{node.value!a}"
    elif isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for field, value in ast.iter_fields(node):
            if field not in POSITIONS and value is not None and value != []:
                yield f"{field}="
                yield from _canonical(_merged(value) if isinstance(node, ast.JoinedStr) else value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for item in node:
            if not _is_text(item):
                yield from _canonical(item)
                yield ","
        yield "]"
    else:
        yield ascii(node)


def _is_text(node: Any) -> bool:
    """Say whether a statement is a string alone: a docstring."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _merged(parts: list[Any]) -> list[Any]:
    """Return the parts of an f-string with neighbouring texts as one, which Python versions split differently."""
    found: list[Any] = []
    for part in parts:
        if not isinstance(part, ast.Constant):
            found.append(part)
        elif found and isinstance(found[-1], str):
            found[-1] += str(part.value)
        elif part.value:
            found.append(str(part.value))
    return found
