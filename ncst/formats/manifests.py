"""Manifests: which clips are in a split, with which label; pointers into shards, no audio."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from ncst.core import parquet
from ncst.core.files import PathLike
from ncst.errors import NcstError

SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("utt_id", pa.string()),
        ("split", pa.string()),
        ("label", pa.int16()),
        *[(name, pa.string()) for name in ("codec", "source_set", "corpus", "speaker", "language", "gender")],
        *[(name, pa.string()) for name in ("vq", "aux", "dec")],
        ("bitrate_kbps", pa.float64()),
        ("duration", pa.float64()),
        ("shard_file", pa.string()),
        ("row", pa.int32()),
    ]
)


def read_manifest(path: PathLike, columns: Sequence[str] = tuple(SCHEMA.names)) -> pa.Table:
    """Return *columns* of the manifest *path* as a pyarrow table.

    Raises
    ------
    NcstError
        If the file is unreadable, lacks a column or has no clips.
    """
    table = parquet.read(path, what="manifest")
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise NcstError(f"{path} is not a manifest: it lacks the columns {missing}.")
    if not len(table):
        raise NcstError(f"The manifest {path} has no clips: check its split and the failed clips of its shards.")
    return table.select(list(columns))


def read_speakers(paths: Iterable[PathLike]) -> dict[str, str]:
    """Return ``{utterance: corpus and speaker}`` of manifests; an utterance without a speaker is its own."""
    found = {}
    for path in paths:
        for row in read_manifest(path, ("utt_id", "corpus", "speaker")).to_pylist():
            found[row["utt_id"]] = f"{row['corpus']} {row['speaker'] or row['utt_id']}"
    return found


def write_manifest(path: PathLike, clips: pa.Table, about: Mapping[str, Any]) -> None:
    """Write a manifest.

    Parameters
    ----------
    path : path
    clips : pyarrow.Table
        With the columns of `SCHEMA`.
    about : dict
        ``clips``, ``failed`` and ``audio_sha256``: the usable clips, the failed ones of each codec, and the digest of
        each shard's audio.
    """
    parquet.write(path, clips.select(SCHEMA.names).cast(SCHEMA), about)
