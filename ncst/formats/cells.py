"""Cells of the robustness grid: clips that went through one perturbation, and what a model makes of every cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ncst.core import parquet
from ncst.core.files import PathLike
from ncst.formats.scores import matrix
from ncst.formats.shards import ROW_GROUP
from ncst.formats.shards import SCHEMA as SHARD

COLUMNS = ("split", "clip_id", "utt_id", "codec", "label")
SCHEMA = pa.schema([*((name, pa.string()) for name in COLUMNS[:-1]), ("label", pa.int16()), SHARD.field("audio")])


def write_cell(path: PathLike, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a cell's *rows* (dicts of `SCHEMA`) to *path*; `ncst.formats.shards.iter_clips` reads them."""
    parquet.write(path, pa.Table.from_pylist(rows, schema=SCHEMA), compression="snappy", row_group_size=ROW_GROUP)


@dataclass(frozen=True)
class CellScores:
    """The clips of all cells, as one model and its detectors saw them.

    Attributes
    ----------
    about : dict
        ``name`` and ``seed`` of the model, ``classes`` (ids in the order of the logits), ``class_names``,
        ``detectors``.
    cell, split, utt_id : (N,) arrays of str
    label : (N,) array of int
    logits : (N, C) float32 array
    rated : dict of str to (N,) array
        Detector to its scores, higher = more out-of-distribution.
    """

    about: dict[str, Any]
    cell: np.ndarray
    split: np.ndarray
    utt_id: np.ndarray
    label: np.ndarray
    logits: np.ndarray
    rated: dict[str, np.ndarray]


def read_cell_scores(path: PathLike) -> CellScores:
    """Return the `CellScores` in the Parquet file *path*; a `NcstError` if it is no such file."""
    what = "score file of perturbed clips"
    with parquet.reading(path, what):
        table = parquet.read(path, what=what)
        about = parquet.facts(table.schema)
        columns = {name: table[name].to_numpy() for name in ("cell", "split", "utt_id", "label")}
        rated = {name: table[f"score_{name}"].to_numpy() for name in about["detectors"]}
        return CellScores(about, **columns, logits=matrix(path, table["logits"]), rated=rated)


def write_cell_scores(
    path: PathLike,
    about: Mapping[str, Any],
    cells: Mapping[str, tuple[list[dict[str, Any]], np.ndarray, Mapping[str, np.ndarray]]],
) -> None:
    """Write the score file *path*.

    Parameters
    ----------
    path : path
    about : dict
        See `CellScores`.
    cells : dict of str to (list of dict, (N, C) array, dict of str to (N,) array)
        Cell to the rows of its clips, their logits, and the scores of each detector.
    """
    tables = []
    for cell, (rows, logits, rated) in cells.items():
        columns = {"cell": [cell] * len(rows)} | {name: [row[name] for row in rows] for name in COLUMNS}
        columns["logits"] = pa.array(list(logits), pa.list_(pa.float32()))
        tables.append(pa.table(columns | {f"score_{name}": values for name, values in rated.items()}))
    parquet.write(path, pa.concat_tables(tables), about)
