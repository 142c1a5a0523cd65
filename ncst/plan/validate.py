"""Whether a configuration makes sense: its schemas first, then the names and options of its entries."""

import functools
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import yaml

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


def validate(config: Config) -> None:
    """Check the merged *config*: its schemas in ``workflow/schemas``, then names and options, then the files it takes.

    Raises
    ------
    NcstError
        One sentence for each key that is wrong, a line each: the key, what is wrong with it and what it may be.
    """
    checks = _number_problems, _top_problems, _entry_problems, _content_problems, missing_files
    for problems_of in checks:  # each relies on those before it
        problems = list(dict.fromkeys(problems_of(config)))
        if problems:
            raise NcstError("\n".join(problems))


def _content_problems(config: Config) -> Iterator[str]:
    yield from reference_problems(config)
    yield from option_problems(config)


def _number_problems(value: Any, where: tuple[object, ...] = ()) -> Iterator[str]:
    """Yield what is wrong with numbers that limits cannot be compared with."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"Config error at {_key(where)}: {value} is no limit: write a finite number."
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _number_problems(item, (*where, key))


def _top_problems(config: Config) -> Iterator[str]:
    """Yield what the schema says of every key of the top level, and of the names of entries."""
    for error in _validator("config").iter_errors(config):
        yield from _worst([error], ())


def _entry_problems(config: Config) -> Iterator[str]:
    """Yield the worst that the schemas say of every entry."""
    for family in FAMILIES:
        for name, entry in config[family].items():
            yield from _worst(_validator(family).iter_errors(entry), (family, name))
            if isinstance(entry, dict) and "download" in entry:
                yield from _worst(_validator("download").iter_errors(entry["download"]), (family, name, "download"))


def _worst(errors: Iterable["ValidationError"], where: tuple[str, ...]) -> Iterator[str]:
    from jsonschema.exceptions import best_match

    error = best_match(errors)
    if error is not None:
        yield _sentence(error, where)


@functools.cache
def _validator(schema: str) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator

    path = shipped("workflow", "schemas", f"{schema}.schema.yaml")
    return Draft202012Validator(yaml.safe_load(path.read_text(encoding="utf-8")))


def _sentence(error: "ValidationError", where: tuple[str, ...]) -> str:
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
