"""The index of the official release: a table of its clips and a table of its utterances."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ncst.core import parquet
from ncst.core.files import PathLike

CLIPS = pa.schema(
    {
        **dict.fromkeys(("source_set", "codec", "utt_id", "path"), pa.string()),
        "duration": pa.float32(),
        "sample_rate": pa.int32(),
    }
)
UTTERANCES = pa.schema(dict.fromkeys(("source_set", "utt_id", "corpus", "speaker", "language", "gender"), pa.string()))


def write_rows(path: PathLike, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write *rows*, dicts of *schema* (`CLIPS` or `UTTERANCES`), to *path*."""
    parquet.write(path, pa.Table.from_pylist(rows, schema=schema))


def read_rows(path: PathLike, **wanted: str) -> list[dict[str, Any]]:
    """Return the rows of the table *path* (dicts) with the *wanted* values; a `NcstError` if it is none."""
    filters = [(name, "==", value) for name, value in wanted.items()]
    return parquet.read(path, what="index of the release", filters=filters).to_pylist()
