"""Manifests: which clips are in a split, with which label; pointers into shards, no audio."""

import pyarrow as pa
import pyarrow.parquet as pq

from ncst.errors import NcstError

SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("utt_id", pa.string()),
        ("split", pa.string()),
        ("label", pa.int16()),
        *[(name, pa.string()) for name in ("codec", "source_set", "corpus", "speaker", "language", "gender")],
        *[(name, pa.string()) for name in ("vq", "aux", "dec")],
        ("bitrate_kbps", pa.float32()),
        ("duration", pa.float32()),
        ("shard_file", pa.string()),
        ("row", pa.int32()),
    ]
)


def read_manifest(path, columns=tuple(SCHEMA.names)):
    """Return *columns* of the manifest *path* as a pyarrow table.

    Raises
    ------
    NcstError
        If the file is unreadable, lacks a column or has no clips.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise NcstError(f"{path} is not a readable manifest: delete it and run again ({error}).") from error
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise NcstError(f"{path} is not a manifest: it lacks the columns {missing}.")
    if not len(table):
        raise NcstError(f"The manifest {path} has no clips: check its split and the failed clips of its shards.")
    return table.select(list(columns))
