"""Score files: one row per clip of a split, with logits and embedding."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ncst.core import parquet
from ncst.core.files import PathLike
from ncst.errors import NcstError

UNLABELLED = -1
TAXONOMY = ("vq", "aux", "dec")
_COLUMNS = ("clip_id", "utt_id", "codec", "label")
_WHAT = "score file"
PROBABILITIES = "looks like probabilities, not logits: every row sums to 1; give logits, or their logs."


@dataclass(frozen=True)
class Scores:
    """The clips of one split, as one model saw them.

    Attributes
    ----------
    path : Path
    model : str
    seed : int
    split : str
    classes : list of int
        Class ids in the order of the logits.
    class_names : list of str
    clip_id, utt_id, codec : (N,) arrays of str
    label : (N,) array of int
        Class ids; out-of-distribution clips carry ids that are not in `classes`, those of unlabelled splits
        `UNLABELLED`.
    logits : (N, C) float32 array
    embedding : (N, D) float32 array or None
    clusters : (N,) or (N, 2) array of str
        What a bootstrap resamples: utterances, or speakers and utterances.
    """

    path: Path
    model: str
    seed: int
    split: str
    classes: list[int]
    class_names: list[str]
    clip_id: np.ndarray
    utt_id: np.ndarray
    codec: np.ndarray
    label: np.ndarray
    logits: np.ndarray
    embedding: np.ndarray | None
    clusters: np.ndarray

    def __len__(self) -> int:
        return len(self.clip_id)

    def predicted(self) -> np.ndarray:
        """Return the (N,) positions of the largest logits."""
        return self.logits.argmax(axis=1)

    def positions(self) -> np.ndarray:
        """Return the (N,) positions of the labels among the classes.

        Raises
        ------
        NcstError
            If a label is none of the classes.
        """
        unknown = sorted(set(self.label.tolist()) - set(self.classes))
        if unknown:
            raise NcstError(
                f"{self.path} holds clips of the classes {unknown}, which the model was not trained on "
                f"({self.classes}): give the split the role ood, or train the model again."
            )
        order = np.argsort(self.classes)
        return order[np.searchsorted(np.asarray(self.classes)[order], self.label)]


def read_scores(path: PathLike, embedding: bool = False) -> Scores:
    """Return the `Scores` in the Parquet file *path*, with embeddings only where asked for.

    Raises
    ------
    NcstError
        If the file is no score file, holds no clip, a clip twice, a value that is not finite, or another number of
        logits than classes.
    """
    path = Path(path)
    with parquet.reading(path, _WHAT):
        table = parquet.read(path, [*_COLUMNS, "logits", *(["embedding"] if embedding else [])], _WHAT)
        facts = parquet.facts(table.schema)
        about = {name: facts[name] for name in ("model", "seed", "split", "classes", "class_names")}
    classes, columns = facts["classes"], {name: table[name].to_numpy() for name in _COLUMNS if name != "label"}
    columns["label"] = table["label"].cast("int64").fill_null(UNLABELLED).to_numpy()
    if len(table) == 0:
        raise NcstError(f"{path} holds no clips: check the split's sources and the status of its audio shards.")
    refuse_repeats(path, columns["clip_id"])
    logits = matrix(path, table["logits"])
    if logits.shape[1] != len(classes):
        raise NcstError(f"{path} holds {logits.shape[1]} logits per clip for {len(classes)} classes: score it again.")
    embeddings = matrix(path, table["embedding"]) if embedding else None
    return Scores(path, **about, **columns, logits=logits, embedding=embeddings, clusters=columns["utt_id"])


def read_clips(path: PathLike, columns: Iterable[str]) -> pa.Table:
    """Return *columns* of the score file *path*, whatever the model, as a `pyarrow.Table`."""
    return parquet.read(path, columns, _WHAT)


def read_embeddings(path: PathLike) -> npt.NDArray[np.float32]:
    """Return the (N, D) float32 embeddings in the score file *path*."""
    return matrix(path, parquet.read(path, ["embedding"], _WHAT)["embedding"])


def read_tracer_scores(
    path: PathLike,
) -> tuple[dict[str, list[Any]], dict[str, npt.NDArray[np.float32]], dict[str, Any]]:
    """Return what a taxonomy tracer made of the clips of one split.

    Returns
    -------
    columns : dict of str to list
        ``clip_id``, ``utt_id``, ``codec`` and `TAXONOMY`.
    logits : dict of str to (N, outputs) float32 array
        By head.
    heads : dict
        As in the tracer's ``model.json``.

    Raises
    ------
    NcstError
        If the file is no such file, or holds a clip twice or a value that is not finite.
    """
    what = "score file of a taxonomy tracer"
    with parquet.reading(path, what):
        table = parquet.read(path, what=what)
        heads = parquet.facts(table.schema)["heads"]
        columns = {name: table[name].to_pylist() for name in ("clip_id", "utt_id", "codec", *TAXONOMY)}
        logits = {head: matrix(path, table[f"{head}_logits"]) for head in heads}
    refuse_repeats(path, np.array(columns["clip_id"]))
    return columns, logits, heads


def write_scores(
    path: PathLike, about: Mapping[str, Any], columns: Mapping[str, Any], outputs: Mapping[str, np.ndarray]
) -> None:
    """Write the score file *path*.

    Parameters
    ----------
    path : path
    about : dict
        ``classes, class_names, model, seed, split``: the key ``ncst`` of the file's metadata, as JSON.
    columns : dict
        ``clip_id, utt_id, codec, label`` and any other column of N values.
    outputs : dict
        ``logits`` (N, C) and ``embedding`` (N, D), float32; D is 0 where the model's embeddings are not known.
    """
    table = pa.table(dict(columns))
    for name, values in outputs.items():
        count, width = values.shape
        offsets = pa.array(np.arange(count + 1, dtype=np.int32) * width)
        flat = pa.array(np.asarray(values, np.float32).ravel(), pa.float32())
        table = table.append_column(name, pa.ListArray.from_arrays(offsets, flat))
    parquet.write(path, table, about)


def refuse_repeats(path: PathLike, clips: np.ndarray) -> None:
    """Raise a `NcstError` if one of the *clips* of the file *path* occurs twice."""
    names, counts = np.unique(clips, return_counts=True)
    if (counts > 1).any():
        raise NcstError(f"{path} holds the clip {names[counts > 1][0]} {counts.max()} times: delete it and run again.")


def matrix(path: PathLike, column: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """Return the lists of an Arrow *column* of the file *path* as an (N, D) float32 array; a `NcstError` if uneven."""
    column = column.combine_chunks()
    widths = np.unique(column.value_lengths().to_numpy(zero_copy_only=False))
    values = column.flatten().to_numpy(zero_copy_only=False)
    if len(widths) != 1 or not np.isfinite(values).all():
        raise NcstError(f"{path} holds logits or embeddings that are not finite or of unequal length: score it again.")
    return values.astype(np.float32, copy=False).reshape(len(column), -1)


def like_probabilities(logits: np.ndarray) -> bool:
    """Say whether the rows of *logits* (N, C) are probabilities; ones among zeros are predicted classes alone."""
    rows = logits.astype(np.float64)
    within = rows.min() >= 0 and rows.max() <= 1 and not np.isin(rows, (0, 1)).all()
    return bool(within and np.abs(rows.sum(axis=1) - 1).max() < 1e-3)
