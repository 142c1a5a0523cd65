"""Whether a configuration makes sense: its schemas first, then the names and options of its entries."""

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import yaml

from ncst.core.names import key_problems
from ncst.core.shipped import shipped
from ncst.errors import NcstError
from ncst.plan import Config
from ncst.plan.options import option_problems
from ncst.plan.references import missing_files, reference_problems

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

FAMILIES = (
    "codecs",
    "alms",
    "corpora",
    "releases",
    "sources",
    "splits",
    "frontends",
    "models",
    "detectors",
    "perturbations",
)
Place = tuple[Any, ...]
"""Keys, from the top level down."""

LONGEST = 300  # characters of what a schema says
TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def validate(config: Config, shipped: Callable[[], Config] | None = None) -> None:
    """Check the merged *config*.

    Raises
    ------
    NcstError
        With what `problems` says, a line each.
    """
    found, _ = problems(config, shipped)
    if found:
        raise NcstError("\n".join(found))


def problems(config: Config, shipped: Callable[[], Config] | None = None) -> tuple[list[str], Config | None]:
    """Return what is wrong with the merged *config*, and the config that can be checked further, if there is one.

    The schemas in ``workflow/schemas`` come first, then names and options, then the files that the config takes. Where
    a schema refuses a key or an entry, the rest is checked with what *shipped* returns in its place.

    Returns
    -------
    list of str
        One sentence for each key that is wrong: the key, what is wrong with it and what it may be.
    dict or None
    """
    shapes = list(_shape_problems(config))
    found, sound = [sentence for _, sentence in shapes], config
    if shapes:
        repaired = shipped and _repaired(config, shipped(), [place for place, _ in shapes])
        if not repaired or any(_shape_problems(repaired)):
            return list(dict.fromkeys(found)), None
        sound = repaired
    found += [*reference_problems(sound), *option_problems(sound)]
    return list(dict.fromkeys(found or missing_files(sound))), sound


def _repaired(config: Config, shipped: Config, places: list[Place]) -> Config | None:
    """Return *config* with the shipped keys and entries at *places*, None where there are none."""
    found = {key: dict(value) if isinstance(value, dict) else value for key, value in config.items()}
    for key, *rest in places:
        if rest and key in FAMILIES and isinstance(found.get(key), dict):
            if rest[0] not in shipped[key]:
                return None
            found[key][rest[0]] = shipped[key][rest[0]]
        elif key in shipped:
            found[key] = shipped[key]
        else:
            found.pop(key, None)
    return found


def _shape_problems(config: Config) -> Iterator[tuple[Place, str]]:
    """Yield the place of each value that cannot be, and what is wrong with it."""
    yield from _number_problems(config)
    named = set()
    for error in _validator("config").iter_errors(config):
        unknown = error.validator == "additionalProperties" and not error.absolute_path
        keys = [key for key in config if key not in error.schema["properties"]] if unknown else []
        named |= {error.absolute_path[0]} if error.validator in ("pattern", "type") and error.absolute_path else set()
        for key in keys or [next(iter(error.absolute_path), "")]:
            yield (key,), _sentence(error, ())
    for family in (name for name in FAMILIES if name in config and name not in named):
        for name, problem in key_problems(config[family], parts=family == "splits"):
            yield (family,), f"Config error at {family}: {_shown(name)} {problem}: give the entry another name."
            named.add(family)
    for family in (name for name in FAMILIES if name in config and name not in named):
        for name, entry in config[family].items():
            yield from _worst(_validator(family).iter_errors(entry), (family, name))
            if isinstance(entry, dict) and "download" in entry:
                yield from _worst(_validator("download").iter_errors(entry["download"]), (family, name, "download"))


def _number_problems(value: Any, where: Place = ()) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with numbers that limits cannot be compared with."""
    if isinstance(value, float) and not math.isfinite(value):
        yield where, f"Config error at {_key(where)}: {value} is no limit: write a finite number."
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _number_problems(item, (*where, key))


def _worst(errors: Iterable["ValidationError"], where: Place) -> Iterator[tuple[Place, str]]:
    from jsonschema.exceptions import best_match

    error = best_match(errors)
    if error is not None:
        yield where, _sentence(error, where)


@functools.cache
def _validator(schema: str) -> "Draft202012Validator":
    """Return the validator of a schema, to which 10.0 is no integer: it would reach code that counts with it."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    whole = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    path = shipped("workflow", "schemas", f"{schema}.schema.yaml")
    return extend(Draft202012Validator, type_checker=whole)(yaml.safe_load(path.read_text(encoding="utf-8")))


def _sentence(error: "ValidationError", where: Place) -> str:
    """Return what a schema's *error* says to someone who writes YAML."""
    value, message, fix = error.instance, error.message, "config/README.md explains every key"
    if error.validator in ("type", "pattern") and "description" in error.schema and not isinstance(value, bool):
        message = f"{_shown(value)} is not {error.schema['description']}"
    elif error.validator == "type":
        wanted = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        message = f"{_shown(value)} stands where {' or '.join(TYPES[name] for name in wanted)} belongs"
        if value is None:
            fix = "leave the key out to keep what config/ says"
        elif isinstance(value, str) and value[:1] in ("{", "["):
            fix = f"quote it for the shell: --config '{_key((*where, *error.absolute_path))}={{name: value}}'"
    elif error.validator == "additionalProperties" and "properties" in error.schema:
        message += f"; it may hold {sorted(error.schema['properties'])}"
    return f"Config error at {_key((*where, *error.absolute_path))}: {message} ({fix})."


def _shown(value: object) -> str:
    if value is None or isinstance(value, dict | list):
        return {type(None): "null", dict: "a mapping", list: "a list"}[type(value)]
    if isinstance(value, bool):
        return f"{str(value).lower()}, which is how YAML reads yes, no, on and off,"
    shown = repr(value)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]} ..."


def _key(path: Iterable[object]) -> str:
    return ".".join(map(str, path)) or "the top level"
