"""The index of a corpus: its rows by name, and what the header of each file says."""

import logging
import os
import stat
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import soundfile

from ncst import registry
from ncst.core import containers, parquet
from ncst.core.names import id_problem
from ncst.core.waveforms import LONGEST, UNRECOGNISED
from ncst.errors import NcstError
from ncst.formats.index import write_index
from ncst.plan import folders
from ncst.speech.audio_headers import audio_note

LOG = logging.getLogger(__name__)
_HEADERS = pa.schema(
    {
        "path": pa.string(),
        "size": pa.int64(),
        "mtime_ns": pa.int64(),
        "duration": pa.float64(),
        "sample_rate": pa.int32(),
        "channels": pa.int16(),
        "reason": pa.string(),
        "note": pa.string(),
    }
)
LOWEST_RATE = 1000  # Hz
LOWEST_BITRATE = 100  # bit/s; FLAC of digital silence takes twice that
_CHUNK = 500
_UNKNOWN_LENGTH = 2**40


def index_corpus(name, entry, root, out_path, min_duration=0.5, max_duration=LONGEST, workers=None):
    """Write the index of one corpus.

    Headers are remembered beside it, in ``<corpus>.headers`` (Parquet), by path, size and time of change, so that a
    second run opens only new and changed files; and the times of its folders, see `ncst.plan.folders`.

    Parameters
    ----------
    name, entry : str, dict
        The corpus' key and entry in the config.
    root, out_path : path
        The corpus' folder, and the file to write (see `ncst.formats.index`), in the order of the corpus; paths in it
        are relative to that folder.
    min_duration, max_duration : float
        Shorter and longer recordings are rejected, in seconds.
    workers : int, optional
        Threads that read headers; default: four per core (they mostly wait for the disk).

    Returns
    -------
    counts : dict
        Recordings by status, ``{"ok": n, "rejected": m}``.

    Raises
    ------
    NcstError
        If the corpus' folder is not as it should be (see `corpora._base.Base.index`), or no recording is usable.
    """
    corpus = registry.load("corpora", entry.get("module", name))(entry, root)
    rows = list(corpus.index())
    folders.remember(out_path, corpus.root, (row["path"] for row in rows))
    memory = Path(out_path).with_suffix(".headers")
    headers = probe([row["path"] for row in rows], recall(memory, corpus.root), workers)
    for row, header in zip(rows, headers):
        row["path"] = header["path"] = _below(corpus.root, row["path"])
        reason = header["reason"]
        if reason is None and header["duration"] < min_duration:
            reason = f"shorter than {min_duration:g} s"
        elif reason is None and header["duration"] > max_duration:
            reason = f"longer than {max_duration:g} s"
        row |= {"corpus": name, "status": "rejected" if reason else "ok", "reason": reason or header["note"]}
        row |= {key: header[key] for key in ("duration", "sample_rate", "channels")}
        if any(_printable(row[key]) != row[key] for key in ("utt_id", "path", "speaker")):
            row |= {key: _printable(row[key]) for key in ("utt_id", "path", "speaker")}
            row |= {"status": "rejected", "reason": "file name is not UTF-8"}
        elif problem := id_problem(row["utt_id"]):
            row |= {"status": "rejected", "reason": f"its id {row['utt_id'][:80]!r} {problem}"}
    _mention_rates(name, rows)
    ok = sum(row["status"] == "ok" for row in rows)
    if not ok:
        raise NcstError(f"None of the {len(rows)} recordings in {root} is usable, the first: {rows[0]['reason']}.")
    kept = [header for header in headers if header["size"] is not None and _printable(header["path"]) == header["path"]]
    parquet.write(memory, pa.Table.from_pylist(kept, schema=_HEADERS))
    write_index(out_path, rows)
    return {"ok": ok, "rejected": len(rows) - ok}


def _mention_rates(name, rows):
    """Log the sample rates of a corpus that mixes them: a codec or model may hear the resampling of the odd ones."""
    rates = Counter(row["sample_rate"] for row in rows if row["sample_rate"])
    usual = max(rates, key=rates.get, default=None)
    for rate, count in sorted(rates.items()):
        if rate != usual:
            first = next(row["path"] for row in rows if row["sample_rate"] == rate)
            LOG.warning(
                "%s: %d of %d recordings have %d Hz where most have %d, first %s: take the files as published, or give "
                "each rate a corpus of its own, lest resampling mark them.",
                *(name, count, len(rows), rate, usual, first),
            )


def probe(paths, known=None, workers=None):
    """Read the headers of audio files.

    Parameters
    ----------
    paths : list of str
    known : dict, optional
        Earlier results by path; used where size and time of change are the same.
    workers : int, optional
        Threads; default: four per core.

    Returns
    -------
    headers : list of dict
        In the order of *paths*: path, size (bytes), mtime_ns, duration (s), sample_rate (Hz), channels, reason: why
        the file is unusable, or None, and note: what is odd about a usable one, or None. What could not be read is
        None.
    """
    known = known or {}
    chunks = [paths[start : start + _CHUNK] for start in range(0, len(paths), _CHUNK)]
    with ThreadPoolExecutor(workers or 4 * (os.cpu_count() or 1)) as pool:
        parts = pool.map(lambda chunk: [_header(path, known.get(path)) for path in chunk], chunks)
        return [header for part in parts for header in part]


def _header(path, known):
    header = dict.fromkeys(_HEADERS.names) | {"path": path}
    try:
        status = os.stat(path)  # noqa: PTH116 (a fifth of the time of Path.stat)
    except OSError as error:
        return header | {"reason": error.strerror or "unreadable"}
    except ValueError:
        return header | {"reason": "a name that no file can have"}
    if known and (known["size"], known["mtime_ns"]) == (status.st_size, status.st_mtime_ns):
        return known
    header |= {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    if not stat.S_ISREG(status.st_mode):
        return header | {"reason": "not a file"}
    if not status.st_size:
        return header | {"reason": "empty file"}
    try:
        frames, rate, channels, kind, tracks = _facts(path)
    except (soundfile.LibsndfileError, OSError, RuntimeError, ValueError) as error:
        return header | {"reason": f"unreadable header: {str(error).split(': ')[-1].strip()}"}
    if not 0 < frames < _UNKNOWN_LENGTH:
        return header | {"reason": "length not in the header" if frames else "no samples"}
    if rate < LOWEST_RATE:
        return header | {"reason": f"sample rate of {rate} Hz"}
    if 8 * status.st_size < LOWEST_BITRATE * frames / rate:
        return header | {"reason": f"header counts {frames / rate:,.0f} s in {status.st_size:,} bytes"}
    notes = [audio_note(path, kind), f"the first of {tracks} sound tracks" if tracks > 1 else None]
    note = "; ".join(filter(None, notes)) or None
    return header | {"duration": frames / rate, "sample_rate": rate, "channels": channels, "note": note}


def _facts(path):
    """Return frames, rate (Hz), channels, kind and number of sound tracks of an audio file."""
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            return file.frames, file.samplerate, file.channels, file.format, 1
    except soundfile.LibsndfileError as error:
        if error.code != UNRECOGNISED:
            raise
    found = containers.read_header(path)
    return round(found.seconds * found.rate), found.rate, found.channels, found.kind, found.tracks


def recall(memory, root):
    """Return ``{path: header}`` of the files below *root* as `index_corpus` remembers them beside an index.

    None when the file *memory* is absent or damaged: it only saves time.
    """
    try:
        headers = parquet.read(memory, _HEADERS.names).to_pylist()
    except NcstError:
        return {}
    return {str(root / header["path"]): header for header in headers}


def _below(root, path):
    """Return *path* relative to the corpus' root, or as it is where a table names a file elsewhere."""
    path = Path(path)
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _printable(text):
    """Return *text* with the bytes of names that are not UTF-8 replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
