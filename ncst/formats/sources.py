"""Source sets: the utterances of a set in the order of the draw, and their shards."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from ncst.core import parquet
from ncst.core.files import PathLike
from ncst.core.seeds import seed_of
from ncst.formats import index
from ncst.plan.sharding import most, shard_names

SCHEMA = pa.schema([*index.SCHEMA, ("source_set", pa.string()), ("shard", pa.string()), ("row", pa.int32())])
_WHAT = "source set"


def write_sources(
    path: PathLike,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    missing: Sequence[str],
    replaced: Iterable[str] = (),
) -> None:
    """Write a source set.

    Parameters
    ----------
    path : path
    name : str
    rows : list of dict
        Of `SCHEMA`, by shard and row.
    missing, replaced : list of str
        Listed ids that the corpora lack, and ids that were drawn in their place.
    """
    facts = {"source_set": name, "drawn": len(rows), "missing": missing, "replaced": list(replaced)}
    parquet.write(path, pa.Table.from_pylist(rows, schema=SCHEMA), facts)


def read_shard(path: PathLike, shard: str) -> list[dict[str, Any]]:
    """Return the rows (dicts of `SCHEMA`) that the source set *path* deals to *shard*, in their order.

    Raises
    ------
    NcstError
        If the file is no source set.
    """
    return parquet.read(path, what=_WHAT, filters=[("shard", "==", shard)]).sort_by("row").to_pylist()


def read_columns(path: PathLike, columns: Iterable[str]) -> pa.Table:
    """Return *columns* of the source set *path* as a `pyarrow.Table`; a `NcstError` if it is none."""
    return parquet.read(path, columns, _WHAT)


def read_facts(path: PathLike) -> dict[str, Any]:
    """Return ``source_set``, ``drawn``, ``missing`` and ``replaced`` of the source set *path* (see `write_sources`)."""
    return parquet.facts(parquet.read(path, [], _WHAT).schema)


def ranked(rows: Iterable[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Return *rows* in the order in which sets draw them: by a hash of seed and id."""
    return sorted(rows, key=lambda row: (seed_of(seed, row["utt_id"]), row["utt_id"]))


def to_shards(name: str, rows: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Cut the ranking into shards of nearly equal size, whose number follows from the config alone."""
    shards = shard_names(most(options), options["shard_size"])
    bounds = [len(rows) * i // len(shards) for i in range(len(shards) + 1)]
    return [
        {**row, "source_set": name, "shard": shard, "row": position}
        for shard, start, end in zip(shards, bounds, bounds[1:])
        for position, row in enumerate(rows[start:end])
    ]
