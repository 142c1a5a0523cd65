"""The sampled clips through one perturbation at one strength."""

from typing import Any

import numpy as np

from ncst import registry
from ncst.core.files import PathLike
from ncst.core.names import file_stem
from ncst.core.seeds import seed_of
from ncst.core.waveforms import encode_flac
from ncst.formats.cells import write_cell
from ncst.formats.shards import iter_clips


def perturb_clips(clean: PathLike, name: str, entry: dict[str, Any], out: PathLike, seed: int) -> None:
    """Write the clips of the cell *clean* through one perturbation.

    Parameters
    ----------
    clean : path
        What `sample_clips.sample_clips` wrote.
    name : str
        The perturbation's key in the config.
    entry : dict
        Its entry.
    out : path
        The file to write, with the same rows.
    seed : int
        With the names of perturbation and clip it decides what is random.

    Raises
    ------
    NcstError
        If an option is unknown or the audio unreadable.
    """
    perturbation = registry.build("perturbations", name, entry)
    rows = []
    for row, samples in iter_clips(clean):
        rng = np.random.default_rng(seed_of(seed, name, row["clip_id"], bits=64))
        audio = {"bytes": encode_flac(perturbation(samples, rng)), "path": f"{file_stem(row['clip_id'])}.flac"}
        rows.append(row | {"audio": audio})
    write_cell(out, rows)
