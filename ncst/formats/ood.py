"""Out-of-distribution scores: one file per detector, with the clips of every split that it rated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ncst.core import parquet
from ncst.core.files import PathLike
from ncst.errors import NcstError
from ncst.formats.scores import Scores, refuse_repeats

_SCHEMA = pa.schema({"split": pa.string(), "clip_id": pa.string(), "score": pa.float32()})
_COLUMNS = tuple(_SCHEMA.names)


@dataclass(frozen=True)
class Ratings:
    """What one detector makes of clips.

    Attributes
    ----------
    path : Path
    about : dict
        ``options`` of the detector, and where a development split was given what `ncst.evaluation.tune.tune` returns;
        ``calibration`` turns the scores of the file into log likelihood ratios. ``unfit`` says why the detector cannot
        serve the model; the file then holds no scores.
    splits : dict of str to ((N,) array, (N,) array)
        Split to its clips and their scores, higher = more out-of-distribution.
    """

    path: Path
    about: dict[str, Any]
    splits: dict[str, tuple[np.ndarray, np.ndarray]]

    def of(self, scores: Scores) -> np.ndarray:
        """Return the (N,) float64 values of the clips of the `ncst.formats.scores.Scores` *scores*, in their order.

        Raises
        ------
        NcstError
            If the split or clips are missing, clips repeated or unknown, or a value is not finite.
        """
        if scores.split not in self.splits:
            raise NcstError(f"{self.path} holds no scores of the split {scores.split}: run detection again.")
        clips, values = self.splits[scores.split]
        refuse_repeats(self.path, clips)
        here, there = np.argsort(scores.clip_id), np.argsort(clips)
        if not np.array_equal(scores.clip_id[here], clips[there]):
            missing = sorted(set(scores.clip_id) - set(clips))
            raise NcstError(
                f"{self.path} does not hold the clips of {scores.split} ({len(clips)} instead of {len(scores)}"
                f"{', missing ' + missing[0] if missing else ''}): run detection again."
            )
        if not np.isfinite(values).all():
            raise NcstError(f"{self.path} holds scores of {scores.split} that are not finite: run detection again.")
        ordered = np.empty(len(scores), np.float64)
        ordered[here] = values[there]
        return ordered


def read_ood(path: PathLike) -> Ratings:
    """Return the `Ratings` in the Parquet file *path*.

    Raises
    ------
    NcstError
        If the file is no detector file.
    """
    with parquet.reading(path, "detector file"):
        table = parquet.read(path, _COLUMNS, "detector file")
        split, clips, values = (table[name].to_numpy() for name in _COLUMNS)
        about = parquet.facts(table.schema)
    found = {str(name): (clips[split == name], values[split == name]) for name in np.unique(split)}
    return Ratings(Path(path), about, found)


def write_ood(path: PathLike, about: Mapping[str, Any], rated: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> None:
    """Write the detector file *path*.

    Parameters
    ----------
    path : path
    about : dict
        See `Ratings`.
    rated : list of (str, (N,) array of str, (N,) float32 array)
        Split, clips and scores.
    """
    parts = [
        pa.table({"split": [split] * len(clips), "clip_id": clips, "score": values}) for split, clips, values in rated
    ]
    parquet.write(path, pa.concat_tables(parts or [_SCHEMA.empty_table()]), about)
