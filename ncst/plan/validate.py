"""Whether a configuration makes sense: its schemas first, then the names that its entries use of each other."""

import functools
import math

import yaml

from ncst.core.shipped import shipped
from ncst.errors import NcstError
from ncst.plan.references import reference_problems

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


def validate(config):
    """Check the merged *config* against the schemas in ``workflow/schemas``, then the names in it.

    Raises
    ------
    NcstError
        One sentence for each key that is wrong, a line each: the key, what is wrong with it and what it may be.
    """
    for problems_of in (_number_problems, _schema_problems, reference_problems):
        problems = [*dict.fromkeys(filter(None, problems_of(config)))]
        if problems:
            raise NcstError("\n".join(problems))


def _number_problems(value, where=()):
    """Yield what is wrong with numbers that limits cannot be compared with."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"Config error at {_key(where)}: {value} is no limit: write a finite number."
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _number_problems(item, (*where, key))


def _schema_problems(config):
    """Yield what the schemas say: of every key of the top level, and of every entry the worst."""
    for error in _validator("config").iter_errors(config):
        yield _worst([error], ())
    for family in FAMILIES:
        entries = config.get(family)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            yield _worst(_validator(family).iter_errors(entry), (family, name))
            if isinstance(entry, dict) and "download" in entry:
                yield _worst(_validator("download").iter_errors(entry["download"]), (family, name, "download"))


def _worst(errors, where):
    from jsonschema.exceptions import best_match

    error = best_match(errors)
    return error and _sentence(error, where)


@functools.cache
def _validator(schema):
    from jsonschema import Draft202012Validator

    path = shipped("workflow", "schemas", f"{schema}.schema.yaml")
    return Draft202012Validator(yaml.safe_load(path.read_text(encoding="utf-8")))


def _sentence(error, where):
    """Return what a schema's *error* says to someone who writes YAML."""
    value, message, fix = error.instance, error.message, "config/README.md explains every key"
    if error.validator in ("type", "pattern") and "description" in error.schema:
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


def _shown(value):
    if value is None or isinstance(value, dict | list):
        return {type(None): "null", dict: "a mapping", list: "a list"}[type(value)]
    shown = repr(value)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]} ..."


def _key(path):
    return ".".join(map(str, path)) or "the top level"
