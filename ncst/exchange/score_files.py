"""Anyone's score files and label lists as plain columns: text, CSV, Parquet, npz. Clips are named, never counted."""

import json
import math
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ncst.core.files import DAMAGED
from ncst.errors import NcstError
from ncst.formats.scores import matrix
from ncst.speech.corpora._base import AUDIO_SUFFIXES

NAMES = ("clip_id", "file_name", "name")
LARGEST, RATIO = 5e7, 100  # an npz file over so many bytes, and so many times its size on disk, is refused
TEXTS = ("utt_id", "codec", "corpus", "speaker")
COLUMNS = {*NAMES, *TEXTS, "label", "predicted", "score", "logits", "embedding"}
READ = {*COLUMNS, "classes"}
EXPECTED = {
    "scores": "clip_id and logit_<class> of every known class (or predicted, and score if known), beside them label",
    "labels": "clip_id and label",
}
TEXT = {"scores": ("clip_id", "predicted", "score"), "labels": ("clip_id", "kind", "label")}


def read_columns(path, kind):
    """Return the columns of one file.

    Parameters
    ----------
    path : path
        ``.txt`` in the layout of the official repository (scores: name, predicted class and, if known, its
        probability; labels: name, anything, class), ``.csv``, ``.parquet`` or ``.npz`` with named columns.
    kind : {"scores", "labels"}
        What a text file holds.

    Returns
    -------
    dict
        ``clip_id`` (N,) array of str, without folder and ending of an audio file, and what else the file has: ``label``
        and ``predicted`` (N,) int, ``score`` (N,) float, ``logits`` (N, C) and ``embedding`` (N, D) float32,
        ``utt_id`` and ``codec`` (N,) str, ``corpus`` and ``speaker`` (N,) str or None,
        ``classes`` (list of int, the order of the logits).

    Raises
    ------
    NcstError
        If the file cannot be read, names no clips, a clip twice, or holds a value that is no finite number.
    """
    path = Path(path)
    readers = {".txt": _text, ".csv": _csv, ".parquet": _parquet, ".npz": _npz}
    if path.suffix.lower() not in readers:
        raise NcstError(f"{path} is no score file or label list: its name must end in {', '.join(readers)}.")
    try:
        found = readers[path.suffix.lower()](path, kind)
    except (*DAMAGED, pa.ArrowException) as error:
        told = " ".join(str(error).split()).rstrip(".")
        raise NcstError(
            f"{path} cannot be read as {path.suffix[1:]}: {told}; it must hold {EXPECTED[kind]}."
        ) from error
    name = next((name for name in NAMES if name in found), None)
    if name is None:
        raise NcstError(
            f"{path} names no clips: it must hold {EXPECTED[kind]}, and it has {sorted(found)[:12]}"
            f"{' (cells stand between commas)' if len(found) == 1 else ''}."
        )
    columns = {"clip_id": _clip_ids(path, name, found[name])}
    count = len(columns["clip_id"])
    columns |= {key: np.asarray(found[key]).astype(str).astype(object) for key in ("utt_id", "codec") if key in found}
    columns |= {key: _or_none(found[key]) for key in ("corpus", "speaker") if key in found}
    columns |= {
        key: _whole(path, key, found[key], columns["clip_id"]) for key in ("label", "predicted") if key in found
    }
    columns |= {
        key: _finite(path, key, found[key], columns["clip_id"])
        for key in ("score", "logits", "embedding")
        if key in found
    }
    uneven = [key for key, values in columns.items() if len(values) != count]
    if uneven:
        raise NcstError(f"{path} holds {count} clips but {len(columns[uneven[0]])} rows of {uneven[0]}.")
    once, times = np.unique(columns["clip_id"], return_counts=True)
    if len(once) < count:
        raise NcstError(f"{path} holds the clip {once[times > 1][0]} {times.max()} times: keep one row of each clip.")
    if "classes" in found:
        columns["classes"] = _classes(path, found["classes"])
    return columns


def _clip_ids(path, name, values):
    values = np.asarray(values)
    if values.ndim != 1:
        raise NcstError(f"{path} holds {name} of the shape {values.shape}: it must be a list of names, one per clip.")
    if not len(values):
        raise NcstError(f"{path} holds no clips: an empty split cannot be scored.")
    bad = [row for row, value in enumerate(values, 1) if pd.isna(value) or not str(value).strip()]
    if bad:
        raise NcstError(f"{path} has no {name} in row {bad[0]} ({len(bad)} in all): every clip needs its name.")
    return np.array([clip_of(value) for value in values], dtype=object)


def _or_none(values):
    return np.array([None if pd.isna(value) or not str(value).strip() else str(value) for value in values], object)


def _classes(path, values):
    values = values.tolist() if isinstance(values, np.ndarray) else values
    if not isinstance(values, list) or {*map(type, values)} != {int} or len(set(values)) != len(values):
        raise NcstError(
            f"{path} has the classes {str(values)[:60]}: they must be a list of different class ids, in the order of "
            "the logits."
        )
    return values


def clip_of(name):
    """Return a clip's id: the file's name without folder and audio ending."""
    file = PurePosixPath(str(name).replace("\\", "/"))
    return file.stem if file.suffix.lower() in AUDIO_SUFFIXES else file.name


def _text(path, kind):
    rows = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    names = TEXT[kind]
    for number, row in enumerate(rows, 1):
        if len(row) != (len(rows[0]) if kind == "scores" else 3) or len(row) not in (2, 3):
            raise ValueError(f"row {number} has {len(row)} columns, not {' '.join(names)}")
    return dict(zip(names, map(np.array, zip(*rows)))) or {"clip_id": []}


def _csv(path, kind):
    frame = pd.read_csv(path, dtype=dict.fromkeys((*NAMES, *TEXTS), str), encoding="utf-8-sig")
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("its rows have more cells than its first line has names")
    return _joined({name: frame[name].to_numpy() for name in frame.columns})


def _parquet(path, kind):
    table = pq.read_table(path)
    found = {
        name: matrix(path, table[name]) if pa.types.is_list(table[name].type) else table[name].to_numpy()
        for name in table.column_names
        if len(table) and (name in COLUMNS or name.startswith("logit_"))
    }
    facts = json.loads((table.schema.metadata or {}).get(b"ncst", b"{}"))
    found = _joined(found or {"clip_id": []})
    return found | ({"classes": facts["classes"]} if "classes" in facts else {})


def _npz(path, kind):
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST and size > RATIO * path.stat().st_size:
            raise ValueError(f"it unpacks to {size / 1e9:.1f} GB, {size / path.stat().st_size:,.0f} times its size")
        for member in archive.infolist():
            with archive.open(member) as stream:
                _check_shape(member, stream)
    with np.load(path, allow_pickle=False) as file:
        wanted = [name for name in file.files if name in READ or name.startswith("logit_")]
        return _joined({name: file[name] for name in wanted}) | dict.fromkeys(set(file.files) - set(wanted))


def _check_shape(member, stream):
    """Refuse an array whose header promises more than the archive's *member* holds."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if math.prod(shape) * dtype.itemsize > member.file_size:
        raise ValueError(f"the header of {member.filename} promises the shape {shape}, which it does not hold")


def _joined(found):
    """Put columns ``logit_<class>`` together as ``logits``, by class."""
    named = [name[6:] for name in found if name.startswith("logit_")]
    if odd := [name for name in named if not name.isdigit()]:
        raise ValueError(f"the column logit_{odd[0]} names no class: write logit_0, logit_1 and so on")
    classes = sorted(map(int, named))
    if not classes:
        return found
    return found | {"logits": np.column_stack([found[f"logit_{c}"] for c in classes]), "classes": classes}


def _whole(path, name, values, clips):
    values = np.asarray(values).ravel()
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~(np.isfinite(numbers) & (numbers == np.round(numbers))))
    if len(bad) and pd.isna(values[bad[0]]):
        raise NcstError(
            f"{path} has no {name} for {_clip(clips, bad[0])}: give every clip one, or leave the column out."
        )
    if len(bad):
        raise NcstError(
            f"{path} holds the {name} {str(values[bad[0]])!r} of {_clip(clips, bad[0])}: classes are whole numbers, as "
            "in config/codecs.yaml."
        )
    return numbers.astype(np.int64)


def _finite(path, name, values, clips):
    try:
        numbers = np.asarray(values).astype(np.float32)
    except (ValueError, TypeError) as error:
        raise NcstError(
            f"{path} holds {name} values that are no numbers ({str(error)[:80]}): it needs {EXPECTED['scores']}."
        ) from error
    if numbers.ndim != (1 if name == "score" else 2):
        raise NcstError(f"{path} holds {name} of the shape {numbers.shape}: it needs one row per clip.")
    bad = np.flatnonzero(~np.isfinite(numbers.reshape(len(numbers), -1)).all(axis=1))
    if len(bad):
        raise NcstError(
            f"{path} holds {name} values that are not finite, those of {_clip(clips, bad[0])} first ({len(bad)} "
            "clips): score it again."
        )
    return numbers


def _clip(clips, row):
    return f"the clip {clips[row]}" if row < len(clips) else f"row {row + 1}"
