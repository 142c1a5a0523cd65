"""Shards: one Parquet file of clips, readable as a Hugging Face dataset with an `Audio` column."""

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ncst.core import parquet
from ncst.core.files import PathLike
from ncst.core.names import file_stem
from ncst.core.waveforms import SAMPLE_RATE, Samples, UnusableAudio, encode_flac, read_audio, rms_db
from ncst.errors import NcstError

ROW_GROUP = 100
CLIPPED = "beyond full scale, clipped"

_FIELDS = [
    ("clip_id", pa.string()),
    ("utt_id", pa.string()),
    ("source_set", pa.string()),
    ("corpus", pa.string()),
    ("speaker", pa.string()),
    ("language", pa.string()),
    ("gender", pa.string()),
    ("codec", pa.string()),
    ("label", pa.int16()),
    ("vq", pa.string()),
    ("aux", pa.string()),
    ("dec", pa.string()),
    ("bitrate_kbps", pa.float64()),
    ("native_rate", pa.int32()),
    ("duration", pa.float64()),
    ("rms_db", pa.float32()),
    ("delay_ms", pa.float32()),
    ("status", pa.string()),
    ("reason", pa.string()),
]
_AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def huggingface_type(kind: pa.DataType) -> str:
    """Return what `datasets` calls a pyarrow type of a number or text."""
    return {"float": "float32", "double": "float64"}.get(str(kind), str(kind))


def _schema() -> pa.Schema:
    features: dict[str, Any] = {name: {"dtype": huggingface_type(kind), "_type": "Value"} for name, kind in _FIELDS}
    features["audio"] = {"sampling_rate": SAMPLE_RATE, "_type": "Audio"}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([*_FIELDS, ("audio", _AUDIO)], metadata=metadata)


SCHEMA = _schema()
COLUMNS = [name for name, _ in _FIELDS]


def clip_id(codec: str, utt_id: str) -> str:
    """Name a clip as the benchmark does: the utterance's own id for real speech, else ``<codec>_<utt_id>``."""
    return utt_id if codec == "real" else f"{codec}_{utt_id}"


def codec_columns(name: str, entry: Mapping[str, Any], label: int | None, traced: bool) -> dict[str, Any]:
    """Return the columns of a clip that its codec decides; a clip that is not *traced* has no taxonomy."""
    taxonomy = entry["taxonomy"] if traced else {}
    return {
        "codec": name,
        "label": label,
        "vq": taxonomy.get("vq"),
        "aux": taxonomy.get("aux"),
        "dec": taxonomy.get("dec"),
        "bitrate_kbps": entry.get("bitrate_kbps"),
    }


def ok_columns(
    samples: Samples, native_rate: int | None, delay_ms: float | None, audio: bytes | Path | None = None
) -> dict[str, Any]:
    """Return the columns of a usable clip of (T,) *samples* at 16 kHz; *audio* is by default made of them."""
    return {
        "native_rate": native_rate,
        "duration": len(samples) / 16_000,
        "rms_db": rms_db(samples),
        "delay_ms": delay_ms,
        "status": "ok",
        "reason": None,
        "audio": audio or encode_flac(samples),
    }


def clipped_note(samples: Samples) -> str | None:
    """Return the note of a clip of (T,) *samples* that 16 bits cannot hold, None where all lie within full scale."""
    beyond = int(np.count_nonzero(np.abs(samples) > 1))
    return f"{beyond:,} of {len(samples):,} samples {CLIPPED}" if beyond else None


def failed_columns(reason: str, native_rate: int | None) -> dict[str, Any]:
    """Return the columns of a clip without audio."""
    return {
        "native_rate": native_rate,
        "duration": None,
        "rms_db": None,
        "delay_ms": None,
        "status": "failed",
        "reason": reason,
        "audio": None,
    }


def write_shard(path: PathLike, rows: Collection[Mapping[str, Any]], notes: Mapping[str, Any] | None = None) -> None:
    """Write *rows* to *path*, whole or not at all.

    Parameters
    ----------
    path : path
    rows : list of dict
        The keys of `SCHEMA`; ``audio`` is FLAC bytes, or the path of a 16 kHz file that is pointed at, or None.
    notes : dict, optional
        What was out of the ordinary when the clips were made, for the metadata: see `read_notes`.

    The SHA-256 over the content of all clips in order goes into the file's metadata.
    """
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    columns["audio"] = [_audio(row) for row in rows]
    content = hashlib.sha256()
    for row in rows:
        audio = row["audio"]
        content.update((audio.read_bytes() if isinstance(audio, Path) else audio) or b"\0")
    metadata = {**SCHEMA.metadata, "audio_sha256": content.hexdigest()}
    schema = SCHEMA.with_metadata(metadata | ({"notes": json.dumps(notes, sort_keys=True)} if notes else {}))
    parquet.write(path, pa.table(columns, schema=schema), row_group_size=ROW_GROUP)


def _audio(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if isinstance(row["audio"], Path):
        return {"bytes": None, "path": str(row["audio"].absolute())}
    return None if row["audio"] is None else {"bytes": row["audio"], "path": f"{file_stem(row['clip_id'])}.flac"}


def read_rows(path: PathLike, columns: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of the shard *path* as dicts, by default without the audio (fast).

    Raises
    ------
    NcstError
        If the file is no shard.
    """
    return parquet.read(path, columns or COLUMNS, "shard").to_pylist()


def read_columns(path: PathLike, columns: Iterable[str]) -> pa.Table:
    """Return *columns* of the shard *path* as a `pyarrow.Table` with its metadata; a `NcstError` if it is none."""
    return parquet.read(path, columns, "shard")


def read_digest(path: PathLike) -> str:
    """Return the SHA-256 of the audio of the shard *path*, from its metadata; empty where it has none.

    Raises
    ------
    NcstError
        If the file is no shard.
    """
    with parquet.reading(path, "shard"):
        return (pq.read_schema(path).metadata or {}).get(b"audio_sha256", b"").decode()


def read_notes(path: PathLike) -> dict[str, Any]:
    """Return the notes in the metadata of the shard *path*; a `NcstError` if it is none.

    ``precision`` is what the codec's network ran at instead of fp32, and how far that is from fp32; ``batch`` that the
    GPU's memory made batches smaller.
    """
    with parquet.reading(path, "shard"):
        notes: dict[str, Any] = json.loads((pq.read_schema(path).metadata or {}).get(b"notes", b"{}"))
    return notes


def count_rows(path: PathLike) -> int:
    """Return the number of rows of the shard *path*; a `NcstError` if it is none."""
    with parquet.reading(path, "shard"):
        return pq.read_metadata(path).num_rows


def iter_clips(path: PathLike) -> Iterator[tuple[dict[str, Any], Samples | None]]:
    """Yield ``(row, samples)`` of the shard *path* in order, one row group in memory at a time.

    `samples` is (T,) float32 at 16 kHz, or None where the row's status is not ``ok``.

    Raises
    ------
    NcstError
        If the file is no shard, or see `samples_of`.
    """
    for row in _iter_rows(path):
        audio = row.pop("audio")
        yield row, None if audio is None else samples_of(audio)


def iter_audio(path: PathLike) -> Iterator[dict[str, Any] | None]:
    """Yield the ``audio`` column of the shard *path* in order, for `samples_of`, one row group in memory at a time.

    Raises
    ------
    NcstError
        If the file is no shard.
    """
    return (row["audio"] for row in _iter_rows(path, ["audio"]))


def _iter_rows(path: PathLike, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    with parquet.reading(path, "shard"), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROW_GROUP, columns=columns):
            yield from batch.to_pylist()


def read_audio_of(path: PathLike, rows: Sequence[int]) -> list[dict[str, Any]]:
    """Return the values of the ``audio`` column of the given *rows* of the shard *path*, reading no other row groups.

    Raises
    ------
    NcstError
        If the file is no shard or lacks a row.
    """
    with parquet.reading(path, "shard"), pq.ParquetFile(path) as file:
        groups = {
            number: file.read_row_group(number, columns=["audio"])["audio"]
            for number in sorted({row // ROW_GROUP for row in rows})
        }
        return [groups[row // ROW_GROUP][row % ROW_GROUP].as_py() for row in rows]


def samples_of(audio: Mapping[str, Any]) -> Samples:
    """Return the (T,) float32 samples at 16 kHz of one value of the ``audio`` column.

    Raises
    ------
    NcstError
        If it points at a file that is gone, unreadable or at another rate.
    """
    try:
        samples, rate = read_audio(audio["bytes"] or audio["path"], longest=math.inf)
    except UnusableAudio as error:
        if audio["bytes"]:
            raise NcstError(f"{audio['path']} in a shard is {error}: delete the shard and run again.") from error
        raise NcstError(
            f"{audio['path']}, which a shard points at, is {error}: put it back, or set `release: {{root: ...}}` to "
            "where it is now."
        ) from error
    if rate != SAMPLE_RATE:
        raise NcstError(f"{audio['path']} is at {rate} Hz, not {SAMPLE_RATE}: set `release: {{copy: true}}`.")
    return samples
