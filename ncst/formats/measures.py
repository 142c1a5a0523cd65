"""Measures: what is measured of the clips of a manifest, one row per clip."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from ncst.core import parquet
from ncst.core.files import PathLike
from ncst.formats import manifests
from ncst.formats.scores import refuse_repeats

FACTS = ("clip_id", "utt_id", "codec", "corpus", "speaker", "language", "gender", "label")
MEASURES = ("rms_db", "peak_db", "bandwidth_hz", "leading_s", "trailing_s", "noise_db", "snr_db", "seconds")
SCHEMA = pa.schema([*(manifests.SCHEMA.field(name) for name in FACTS), *((name, pa.float32()) for name in MEASURES)])


def read_measures(path: PathLike, columns: Iterable[str]) -> dict[str, np.ndarray]:
    """Return ``{column: (N,) array}`` of the file *path*.

    Raises
    ------
    NcstError
        If the file holds no measures, or those of a clip twice.
    """
    table = parquet.read(path, dict.fromkeys(["clip_id", *columns]), "table of measures")
    refuse_repeats(path, table["clip_id"].to_numpy())
    return {name: table[name].to_numpy() for name in columns}


def write_measures(path: PathLike, clips: pa.Table, measured: Sequence[Mapping[str, float]]) -> None:
    """Write the file *path*.

    Parameters
    ----------
    path : path
    clips : pyarrow.Table
        `FACTS` of the clips, of a manifest whose metadata is kept.
    measured : list of dict
        `MEASURES` of each clip.
    """
    columns = [clips[name] for name in FACTS]
    columns += [pa.array([values[name] for values in measured], pa.float32()) for name in MEASURES]
    parquet.write(path, pa.table(columns, schema=SCHEMA.with_metadata(clips.schema.metadata)))
