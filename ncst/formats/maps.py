"""Embedding maps: two coordinates of each of some test clips."""

import pyarrow as pa

from ncst.core import parquet

CLIP = ("clip_id", "codec", "label", "corpus", "speaker")
COLUMNS = ("split", *CLIP, "x", "y")


def read_map(path):
    """Return the map in the Parquet file *path* as a DataFrame of `COLUMNS`; a `NcstError` if it is none."""
    return parquet.read(path, COLUMNS, "embedding map").to_pandas()


def write_map(path, places):
    """Write *places*, a DataFrame of `COLUMNS`, to *path*; ``x`` and ``y`` are within 0 to 1."""
    parquet.write(path, pa.Table.from_pandas(places[list(COLUMNS)], preserve_index=False), compression="snappy")
