"""The clips that are perturbed: a few of each source set and codec of the test splits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ncst.core.files import PathLike
from ncst.core.seeds import seed_of
from ncst.formats.cells import COLUMNS, write_cell
from ncst.formats.manifests import read_manifest
from ncst.formats.shards import read_audio_of


def sample_clips(manifests: Mapping[str, int], audio: PathLike, out: PathLike, seed: int) -> None:
    """Write the clips that are perturbed, with their audio: the cell ``clean``.

    Parameters
    ----------
    manifests : dict of path to int
        Manifests, and how many clips to take of each at most: of every source set and codec the same number, as far as
        there are as many.
    audio : path
        ``<results>/audio``.
    out : path
        The file to write, see `ncst.formats.cells`.
    seed : int

    Raises
    ------
    NcstError
        If a manifest or shard is unreadable.
    """
    rows = []
    for path, count in manifests.items():
        manifest = read_manifest(path, (*COLUMNS, "source_set", "shard_file", "row")).to_pylist()
        drawn = [manifest[i] for i in _drawn(manifest, count, seed_of(seed, manifest[0]["split"], bits=64))]
        by_shard: dict[str, list[dict[str, Any]]] = {}
        for row in drawn:
            by_shard.setdefault(row["shard_file"], []).append(row)
        for shard, members in by_shard.items():
            found = read_audio_of(Path(audio) / shard, [row["row"] for row in members])
            rows += [{name: row[name] for name in COLUMNS} | {"audio": a} for row, a in zip(members, found)]
    write_cell(out, rows)


def _drawn(manifest, count, seed):
    """Return the sorted positions of *count* rows, drawn in turns from each source set and codec."""
    turns: dict[tuple[str, str], int] = {}
    taken: list[tuple[int, int, int]] = []
    for position in np.random.default_rng(seed).permutation(len(manifest)):
        key = manifest[position]["source_set"], manifest[position]["codec"]
        turns[key] = turns.get(key, -1) + 1
        taken.append((turns[key], len(taken), int(position)))
    return sorted(position for *_, position in sorted(taken)[:count])
