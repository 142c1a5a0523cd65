"""Parquet files: one reader with one sentence for what cannot be read, one writer."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ncst.core.files import PathLike, atomic
from ncst.errors import NcstError

UNREADABLE = (OSError, pa.ArrowException, IndexError, KeyError, TypeError, ValueError)


@contextlib.contextmanager
def reading(path: PathLike, what: str) -> Iterator[None]:
    """Turn what goes wrong in the block into a sentence.

    Raises
    ------
    NcstError
        If the file *path* is missing, damaged, or not *what* it should be.
    """
    try:
        yield
    except UNREADABLE as error:
        told = " ".join(str(error).split())[:300]
        raise NcstError(f"{path} is not a readable {what}: delete it and run again ({told}).") from error


def read(
    path: PathLike,
    columns: Iterable[str] | None = None,
    what: str = "table",
    filters: list[tuple[str, str, Any]] | None = None,
) -> pa.Table:
    """Return the `pyarrow.Table` in the file *path*.

    Parameters
    ----------
    path : path
    columns : iterable of str, optional
        The columns to read, all of which the file must have; default: all.
    what : str
        What the file is, for the sentence.
    filters : list of tuple, optional
        As of `pyarrow.parquet.read_table`.

    Raises
    ------
    NcstError
        See `reading`.
    """
    with reading(path, what):
        return pq.read_table(path, columns=None if columns is None else list(columns), filters=filters)


def facts(schema: pa.Schema) -> dict[str, Any]:
    """Return the JSON in the metadata key ``ncst`` of a `pyarrow.Schema`; empty without one."""
    return json.loads((schema.metadata or {}).get(b"ncst", b"{}"))


def write(
    path: PathLike,
    table: pa.Table,
    about: Mapping[str, Any] | None = None,
    compression: str = "zstd",
    row_group_size: int | None = None,
) -> None:
    """Write *table* to *path*, whole or not at all.

    Parameters
    ----------
    path : path
    table : pyarrow.Table
    about : dict, optional
        Becomes the file's metadata, as JSON under the key ``ncst``.
    compression, row_group_size
        As of `pyarrow.parquet.write_table`.

    Raises
    ------
    NcstError
        If the folder cannot be written or the disk is full.
    """
    if about is not None:
        table = table.replace_schema_metadata({"ncst": json.dumps(about)})
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression=compression, row_group_size=row_group_size)
