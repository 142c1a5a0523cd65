"""What the entries of a configuration may set, as the constructors in the code say it; nothing is imported for it."""

import ast
import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ncst.errors import NcstError
from ncst.plan import Config, entries
from ncst.plan.code import PACKAGE, module_file, source, syntax_tree
from ncst.plan.command_codecs import command_problems
from ncst.registry import FAMILIES, file_of, modules

GIVEN = {"self", "classes", "shape", "weights", "heads"}  # what training hands over, not the config
KINDS = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}


def option_problems(config: Config) -> Iterator[str]:
    """Yield a sentence for each option, training key or setting that its module does not know or that is no such value.

    The schemas hold for *config*.
    """
    for family in ("detectors", "perturbations"):
        for name, entry in config[family].items():
            where, known = f"{family}.{name}", _module_options(config, family, name)
            limits = _reported(family, name, limits_of, entries.module_of(config, family, name))
            yield from _problems(entry.get("options"), known, f"{where}.options", ranges=family == "perturbations")
            yield from _limit_problems(entry.get("options"), limits, known, f"{where}.options")
            members = (entry.get("options") or {}).get("members")
            for member, options in members.items() if isinstance(members, dict) else ():
                inner = _reported(family, name, lambda path: options_of("detectors", path), member)
                yield from _problems(options, inner, f"{where}.options.members.{member}")
                inner_limits = _reported("detectors", name, limits_of, member)
                yield from _limit_problems(options, inner_limits, inner, f"{where}.options.members.{member}")
            for key, values in (entry.get("tune") or {}).items():
                for value in values:
                    yield from _problems({key: value}, known, f"{where}.tune")
                    yield from _limit_problems({key: value}, limits, known, f"{where}.tune")
    for name, entry in config["models"].items():
        for size in sorted(entry.keys() & {"published", "compact"}):
            known = _module_options(config, "models", name)
            yield from _problems(entry[size].get("options"), known, f"models.{name}.{size}.options")
            yield from _training_problems(entry[size].get("training"), f"models.{name}.{size}.training")
        yield from _training_problems(entry.get("training"), f"models.{name}.training")
    for family in ("corpora", "alms", "codecs", "frontends"):
        for name, entry in config[family].items():
            module, where = entries.module_of(config, family, name), f"{family}.{name}.settings"
            yield from _problems(entry.get("settings"), _reported(family, name, settings_of, module), where)
            allowed = _reported(family, name, allowed_values, module)
            yield from _value_problems(entry.get("settings"), allowed, where)
            if (family, module) == ("codecs", "command"):
                for key, said in command_problems(entry.get("settings") or {}):
                    yield f"Config error at {'.'.join(filter(None, (where, key)))}: {said}."


def _training_problems(training: dict[str, Any] | None, where: str) -> Iterator[str]:
    defaults = constant(PACKAGE / "tracing" / "recipe.py", "DEFAULTS")
    yield from _problems(training, defaults, where)
    objective = dict((training or {}).get("objective") or {})
    if name := objective.pop("name", None):
        if name not in modules("objectives"):
            yield f"Config error at {where}.objective.name: no objective {name!r}; there are {modules('objectives')}."
        known = _reported("objectives", name, lambda path: options_of("objectives", path), name)
        yield from _problems(objective, known, f"{where}.objective")


def _module_options(config: Config, family: str, name: str) -> Any:
    return _reported(family, name, lambda path: options_of(family, path), entries.module_of(config, family, name))


def _reported(family: str, name: str, read: Callable[[Path], Any], module: str) -> Any:
    """Return what *read* makes of the file of *module*, None where there is none, or what is wrong with it.

    A selected entry without a file is said where the workflow looks for its code.
    """
    if module not in modules(family):
        return None
    try:
        return read(file_of(family, module))
    except NcstError as error:
        return f"Config error at {family}.{name}: {error}"


def _problems(values: Any, known: Any, where: str, ranges: bool = False) -> Iterator[str]:
    if isinstance(known, str):
        yield known
    if not isinstance(values, dict) or not isinstance(known, dict):
        return
    for key, value in values.items():
        if key not in known:
            yield f"Config error at {where}: {key!r} unknown; it may hold {sorted(known)}."
        elif isinstance(value, float) and value.is_integer() and type(known[key]) is int and not ranges:
            yield f"Config error at {where}.{key}: {value!r} stands where a whole number belongs: write {value:.0f}."
        elif not _fits(value, known[key], ranges):
            kind = KINDS[type(known[key])] + (" or [low, high]" if ranges else "")
            yield f"Config error at {where}.{key}: {value!r} is not {kind}, as {known[key]!r} is."


def _value_problems(values: Any, allowed: Any, where: str) -> Iterator[str]:
    """Yield the settings that are none of the values *allowed*, or no text; the keys of one that is a mapping."""
    if isinstance(values, dict) and isinstance(allowed, dict):
        for key in [key for key in values if key in allowed and values[key] is not None]:
            value, fitting = values[key], allowed[key]
            for item in value if isinstance(value, dict | list) else [value]:
                if fitting == "text" and not isinstance(item, str):
                    yield f"Config error at {where}.{key}: {item!r} is not text: put it in quotation marks."
                elif fitting != "text" and not any(item == one and type(item) is type(one) for one in fitting):
                    yield f"Config error at {where}.{key}: {item!r} is none of {fitting}."


def _limit_problems(values: Any, limits: Any, known: Any, where: str) -> Iterator[str]:
    """Yield the options of the right kind that are none of the values that `LIMITS` of their module allows."""
    if not isinstance(values, dict) or not isinstance(known, dict) or not isinstance(limits, dict) or not limits:
        return
    from jsonschema import Draft202012Validator

    for key in [key for key in values if key in limits and key in known and _fits(values[key], known[key], False)]:
        for error in Draft202012Validator(limits[key]).iter_errors(values[key]):
            yield f"Config error at {where}.{key}: {error.message}."


def _fits(value: Any, default: Any, ranges: bool) -> bool:
    """Say whether *value* is of the kind of *default*; None, and what no literal says, is of every kind."""
    if value is None or type(default) not in KINDS:
        return True
    if ranges and isinstance(value, list) and isinstance(default, int | float | list):
        return all(isinstance(item, int | float) for item in value)
    if isinstance(default, list):
        return isinstance(value, list) or (ranges and isinstance(value, int | float) and not isinstance(value, bool))
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    return isinstance(value, int | float) if isinstance(default, int | float) else isinstance(value, str)


def _tree(path: Path) -> ast.Module:
    return syntax_tree(str(path), source(str(path)))


def constant(path: Path, name: str) -> Any:
    """Return the literal that the module *path* assigns to *name*; entries that are no literals are None."""
    for node in _tree(path).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            if isinstance(node.value, ast.Dict):
                pairs = zip(node.value.keys, node.value.values, strict=True)
                return {key.value: _literal(value) for key, value in pairs if isinstance(key, ast.Constant)}
            return _literal(node.value)
    raise NcstError(f"{path} assigns no {name}.")


def _literal(node: ast.AST | None) -> Any:
    try:
        value = ast.literal_eval(node) if node is not None else None
    except ValueError:
        return None
    return list(value) if isinstance(value, tuple) else value


def options_of(family: str, path: Path) -> dict[str, Any] | None:
    """Return the options of the class of *family* in the file *path*, with their defaults, None where there is none.

    Returns None where the constructor takes any keyword.
    """
    for node in _tree(path).body:
        if isinstance(node, ast.ClassDef) and (found := _constructor(family, path, node)):
            arguments = found.args
            if arguments.kwarg:
                return None
            names = [*arguments.posonlyargs, *arguments.args]
            padding = [None] * (len(names) - len(arguments.defaults))
            pairs = zip([*names, *arguments.kwonlyargs], [*padding, *arguments.defaults, *arguments.kw_defaults])
            return {name.arg: _literal(default) for name, default in pairs if name.arg not in GIVEN}
    return None


def _constructor(family: str, path: Path, node: ast.ClassDef) -> ast.FunctionDef | None:
    """Return the ``__init__`` of a class that stands on the family's Base, its own or an ancestor's."""
    if not _on_base(family, path, node):
        return None
    for place, ancestor in _ancestors(path, node):
        for item in ancestor.body:
            if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                return item
        if ancestor.name == "Base" and place.name == "_base.py":
            return ast.parse("def __init__(self): pass").body[0]  # type: ignore[return-value]
    return None


def _on_base(family: str, path: Path, node: ast.ClassDef) -> bool:
    base = PACKAGE.joinpath(*FAMILIES[family].split(".")[1:], "_base.py")
    return any(ancestor.name == "Base" and place == base for place, ancestor in _ancestors(path, node))


def _ancestors(path: Path, node: ast.ClassDef) -> Iterator[tuple[Path, ast.ClassDef]]:
    """Yield (file, class) of *node* and of its ancestors in ncst, nearest first."""
    yield path, node
    for base in node.bases:
        if isinstance(base, ast.Name) and (found := _class(path, base.id)):
            yield from _ancestors(*found)


def _class(path: Path, name: str) -> tuple[Path, ast.ClassDef] | None:
    for node in _tree(path).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return path, node
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ncst."):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    file = module_file(node.module or "")
                    return _class(file, alias.name) if file else None
    return None


def settings_of(path: Path) -> dict[str, None] | None:
    """Return the keys of an entry's ``settings`` that the module *path*, and those of its family it imports, read.

    Returns None where the code reads keys that it does not spell out, neither there nor in a tuple ``SETTINGS``.
    """
    with contextlib.suppress(NcstError):
        return dict.fromkeys(constant(path, "SETTINGS"))
    keys: dict[str, None] = {}
    for file in _family_files(path):
        _, read = _walked(str(file), source(str(file)))
        if False in read:
            return None
        keys |= dict.fromkeys(key for key in read if isinstance(key, str))
    return keys


def allowed_values(path: Path) -> dict[str, list[Any] | str]:
    """Return what `VALUES` of the module *path*, and of those of its family it imports, says of settings.

    That is the values that each may have, or ``text``.
    """
    allowed: dict[str, list[Any] | str] = {}
    for file in _family_files(path):
        with contextlib.suppress(NcstError):
            allowed = constant(file, "VALUES") | allowed
    return allowed


def limits_of(path: Path) -> dict[str, dict[str, Any]]:
    """Return `LIMITS` of the module *path*: the JSON schema of an option's value, for those that have one."""
    with contextlib.suppress(NcstError):
        return dict(constant(path, "LIMITS"))
    return {}


def _family_files(path: Path) -> Iterable[Path]:
    files, queue = [], [path]
    while queue:
        if (file := queue.pop()) not in files:
            files.append(file)
            imported, _ = _walked(str(file), source(str(file)))
            packages = tuple(f"{package}." for package in FAMILIES.values())
            queue += [found for m in imported if m.startswith(packages) and (found := module_file(m))]
    return files


@functools.cache
def _walked(path: str, text: str) -> tuple[list[str], list[str | bool]]:
    """Return the modules that the file *path* of this *text* imports from, and what it reads of ``settings``."""
    nodes = list(ast.walk(syntax_tree(path, text)))
    imported = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return imported, [key for node in nodes if (key := _settings_key(node)) is not None]


def _settings_key(node: ast.AST) -> str | bool | None:
    """Return the key that an expression reads of ``settings``, False where it is not spelled out, None elsewhere."""

    def settings(part: ast.AST) -> bool:
        return (isinstance(part, ast.Attribute) and part.attr == "settings") or (
            isinstance(part, ast.Name) and part.id == "settings"
        )

    if isinstance(node, ast.Subscript) and settings(node.value):
        return _text(node.slice) or False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and settings(node.func.value):
        first = node.args[0] if node.args else None
        return (node.func.attr == "get" and _text(first)) or False
    if isinstance(node, ast.Dict) and any(k is None and settings(v) for k, v in zip(node.keys, node.values)):
        return False
    if isinstance(node, ast.keyword) and node.arg is None and settings(node.value):
        return False
    return None


def _text(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
