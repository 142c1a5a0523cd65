"""Embedding maps: two coordinates of each of some test clips."""

import pandas as pd
import pyarrow as pa

from ncst.core import parquet
from ncst.core.files import PathLike

CLIP = ("clip_id", "codec", "label", "corpus", "speaker")
COLUMNS = ("split", *CLIP, "x", "y")


def read_map(path: PathLike) -> pd.DataFrame:
    """Return the map in the Parquet file *path* as a DataFrame of `COLUMNS`; a `NcstError` if it is none."""
    return parquet.read(path, COLUMNS, "embedding map").to_pandas()


def write_map(path: PathLike, places: pd.DataFrame) -> None:
    """Write *places*, a DataFrame of `COLUMNS`, to *path*; ``x`` and ``y`` are within 0 to 1."""
    parquet.write(path, pa.Table.from_pandas(places[list(COLUMNS)], preserve_index=False), compression="snappy")
