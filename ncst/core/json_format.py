"""JSON files with a schema: what a key may hold, a reader with one sentence for what cannot be read, a writer."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ncst.core.files import PathLike, atomic
from ncst.errors import NcstError

Schema = dict[str, Any]

TEXT, WHOLE, NUMBER, YES_NO = ({"type": name} for name in ("string", "integer", "number", "boolean"))


def record(needed: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    """Return the schema of an object that has the keys *needed*, may have those *optional*, and no others."""
    optional = optional or {}
    return {
        "type": "object",
        "properties": needed | optional,
        "required": list(needed),
        "additionalProperties": False,
    }


def by_name(values: Schema) -> Schema:
    """Return the schema of an object of any keys, each with *values*."""
    return {"type": "object", "additionalProperties": values}


def listing(values: Schema) -> Schema:
    """Return the schema of a list of *values*."""
    return {"type": "array", "items": values}


def or_null(values: Schema) -> Schema:
    """Return the schema of *values* or null."""
    return {"anyOf": [{"type": "null"}, values]}


@dataclass(frozen=True)
class Format:
    """One sort of JSON file.

    Attributes
    ----------
    what : str
        What it is called in messages.
    schema : dict
        JSON Schema.
    """

    what: str
    schema: Schema

    def read(self, path: PathLike) -> Any:
        """Return the content of the file *path*.

        Raises
        ------
        NcstError
            If the file is missing, damaged, or not as the schema says.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            wrong = self._wrong(content)
        except (OSError, ValueError) as error:
            wrong = str(error)
        if wrong:
            raise NcstError(f"{path} is not a readable {self.what}: delete it and run again ({wrong}).")
        return content

    def write(self, path: PathLike, content: Any, end: str = "\n") -> None:
        """Write *content* to *path*, whole or not at all.

        Raises
        ------
        ValueError
            If it is not as the schema says, or holds a number that is not finite.
        NcstError
            If the folder cannot be written or the disk is full.
        """
        text = json.dumps(content, indent=1, allow_nan=False)
        wrong = self._wrong(json.loads(text))
        if wrong:
            raise ValueError(f"no {self.what}: {wrong}")
        with atomic(path) as temporary:
            temporary.write_text(text + end, encoding="utf-8")

    def _wrong(self, content: Any) -> str | None:
        """Say what in *content* is not as the schema says; None if all is."""
        from jsonschema.exceptions import best_match

        error = best_match(self._validator.iter_errors(content))
        if error is None:
            return None
        return f"at {'.'.join(map(str, error.absolute_path)) or 'the top'}: {error.message[:200]}"

    @functools.cached_property
    def _validator(self) -> Any:
        from jsonschema import Draft202012Validator

        return Draft202012Validator(self.schema)
