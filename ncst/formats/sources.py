"""Source sets: the utterances of a set in the order of the draw, and their shards."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from ncst.core.files import atomic
from ncst.core.seeds import seed_of
from ncst.formats.index import SCHEMA
from ncst.plan.sharding import shard_names


def write_table(name, rows, missing, out_path, replaced=()):
    """Write the *rows* of a source set, and the ids that are *missing* or *replaced*, as `write_sources` describes."""
    facts = {"source_set": name, "drawn": len(rows), "missing": missing, "replaced": list(replaced)}
    metadata = {"ncst": json.dumps(facts)}
    columns = [pa.field("source_set", pa.string()), pa.field("shard", pa.string()), pa.field("row", pa.int32())]
    with atomic(out_path) as temporary:
        table = pa.Table.from_pylist(rows, schema=pa.schema([*SCHEMA, *columns], metadata=metadata))
        pq.write_table(table, temporary, compression="zstd")


def ranked(rows, seed):
    """Return *rows* in the order in which sets draw them: by a hash of seed and id."""
    return sorted(rows, key=lambda row: (seed_of(seed, row["utt_id"]), row["utt_id"]))


def to_shards(name, rows, options):
    """Cut the ranking into shards of nearly equal size, whose number follows from the config alone."""
    shards = shard_names(options["size"], options["shard_size"])
    bounds = [len(rows) * i // len(shards) for i in range(len(shards) + 1)]
    return [
        {**row, "source_set": name, "shard": shard, "row": position}
        for shard, start, end in zip(shards, bounds, bounds[1:])
        for position, row in enumerate(rows[start:end])
    ]
