"""Score files: one row per clip of a split, with logits and embedding."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ncst.core.files import atomic
from ncst.errors import NcstError

_COLUMNS = ("clip_id", "utt_id", "codec", "label")


@dataclass(frozen=True)
class Scores:
    """The clips of one split, as one model saw them.

    Attributes
    ----------
    path : Path
    split : str
    classes : list of int
        Class ids in the order of the logits.
    class_names : list of str
    clip_id, utt_id, codec : (N,) arrays of str
    label : (N,) array of int
        Class ids; out-of-distribution clips carry ids that are not in `classes`.
    logits : (N, C) float32 array
    embedding : (N, D) float32 array or None
    """

    path: Path
    split: str
    classes: list
    class_names: list
    clip_id: np.ndarray
    utt_id: np.ndarray
    codec: np.ndarray
    label: np.ndarray
    logits: np.ndarray
    embedding: np.ndarray | None

    def __len__(self):
        return len(self.clip_id)

    def predicted(self):
        """Return the (N,) positions of the largest logits."""
        return self.logits.argmax(axis=1)

    def positions(self):
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


def read_scores(path, embedding=False):
    """Return the `Scores` in the Parquet file *path*, with embeddings only where asked for.

    Raises
    ------
    NcstError
        If the file is no score file, holds no clip, a clip twice, a value that is not finite, or another number of
        logits than classes.
    """
    path = Path(path)
    try:
        table = pq.read_table(path, columns=[*_COLUMNS, "logits", *(["embedding"] if embedding else [])])
        facts = json.loads(table.schema.metadata[b"ncst"])
        columns = {name: table[name].to_numpy() for name in _COLUMNS}
        split, classes, names = facts["split"], facts["classes"], facts["class_names"]
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise NcstError(
            f"{path} is not a readable score file: delete it and score the model again ({error})."
        ) from error
    if len(table) == 0:
        raise NcstError(f"{path} holds no clips: check the split's sources and the status of its audio shards.")
    refuse_repeats(path, columns["clip_id"])
    logits = matrix(path, table["logits"])
    if logits.shape[1] != len(classes):
        raise NcstError(f"{path} holds {logits.shape[1]} logits per clip for {len(classes)} classes: score it again.")
    return Scores(
        path, split, classes, names, *columns.values(), logits, matrix(path, table["embedding"]) if embedding else None
    )


def write_scores(path, about, columns, outputs):
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
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata({"ncst": json.dumps(about)}), temporary, compression="zstd")


def read_ood(path):
    """Return ``{split: (clip_id (N,), score (N,))}`` and the options' facts of the detector file *path*.

    Raises
    ------
    NcstError
        If the file is no detector file.
    """
    try:
        table = pq.read_table(path, columns=["split", "clip_id", "score"])
        facts = json.loads((table.schema.metadata or {}).get(b"ncst", b"{}"))
    except (OSError, pa.ArrowException, ValueError) as error:
        raise NcstError(f"{path} is not a readable detector file: delete it and run detection again.") from error
    split, clip, score = (table[name].to_numpy() for name in ("split", "clip_id", "score"))
    return {str(name): (clip[split == name], score[split == name]) for name in np.unique(split)}, facts


def aligned(scores, path, clips, values):
    """Return the (N,) detector *values* of *clips*, both from the file *path*, in the order of the clips of *scores*.

    Raises
    ------
    NcstError
        If clips are missing, repeated or unknown, or a value is not finite.
    """
    refuse_repeats(path, clips)
    here, there = np.argsort(scores.clip_id), np.argsort(clips)
    if not np.array_equal(scores.clip_id[here], clips[there]):
        missing = sorted(set(scores.clip_id) - set(clips))
        raise NcstError(
            f"{path} does not hold the clips of {scores.split} ({len(clips)} instead of {len(scores)}"
            f"{', missing ' + missing[0] if missing else ''}): run detection again."
        )
    if not np.isfinite(values).all():
        raise NcstError(f"{path} holds scores of {scores.split} that are not finite: run detection again.")
    ordered = np.empty(len(scores), np.float64)
    ordered[here] = values[there]
    return ordered


def refuse_repeats(path, clips):
    """Raise a `NcstError` if one of the *clips* of the file *path* occurs twice."""
    names, counts = np.unique(clips, return_counts=True)
    if (counts > 1).any():
        raise NcstError(f"{path} holds the clip {names[counts > 1][0]} {counts.max()} times: delete it and run again.")


def matrix(path, column):
    """Return the lists of an Arrow *column* of the file *path* as an (N, D) float32 array; a `NcstError` if uneven."""
    column = column.combine_chunks()
    widths = np.unique(column.value_lengths().to_numpy(zero_copy_only=False))
    values = column.flatten().to_numpy(zero_copy_only=False)
    if len(widths) != 1 or not np.isfinite(values).all():
        raise NcstError(f"{path} holds logits or embeddings that are not finite or of unequal length: score it again.")
    return values.astype(np.float32, copy=False).reshape(len(column), -1)
