"""The index of a corpus: one row per recording, with who, what, where, and why it was rejected."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ncst.core import parquet
from ncst.core.files import PathLike

SCHEMA = pa.schema(
    {
        "utt_id": pa.string(),
        "corpus": pa.string(),
        "speaker": pa.string(),
        "language": pa.string(),
        "gender": pa.string(),
        "text": pa.string(),
        "path": pa.string(),
        "kind": pa.string(),
        "subset": pa.string(),
        **dict.fromkeys(("parent", "codec", "vq", "aux", "dec"), pa.string()),
        "duration": pa.float32(),
        "sample_rate": pa.int32(),
        "channels": pa.int16(),
        "status": pa.string(),
        "reason": pa.string(),
    }
)


def read_index(path: PathLike) -> list[dict[str, Any]]:
    """Return the rows (dicts of `SCHEMA`) of the index *path*; a `NcstError` if it is none."""
    return parquet.read(path, SCHEMA.names, "index of a corpus").to_pylist()


def write_index(path: PathLike, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write *rows*, dicts of `SCHEMA`, to *path*."""
    parquet.write(path, pa.Table.from_pylist(rows, schema=SCHEMA))
