"""Features: one memory-mapped array per shard and front-end, and the fingerprint of what made it."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ncst.core.files import DAMAGED, PathLike, atomic
from ncst.errors import NcstError
from ncst.formats.shards import read_digest
from ncst.plan import paths


def feature_path(results: PathLike, frontend: str, shard_file: str) -> Path:
    """Return the path of the features of *shard_file*, a shard's path relative to ``<results>/audio``."""
    return paths.place(results, paths.FEATURES, frontend=frontend, shard_file=shard_file).with_suffix(".npy")


@contextlib.contextmanager
def writing(
    path: PathLike, shape: tuple[int, ...], dtype: npt.DTypeLike, about: Mapping[str, Any]
) -> Iterator[np.ndarray]:
    """Yield a memory map of *shape* and *dtype* that becomes the feature file *path* when the block succeeds.

    Parameters
    ----------
    path : path
        Ends in ``.npy``.
    shape : tuple of int
        Rows of the shard, then the shape of a clip's features.
    dtype : numpy.dtype
    about : dict
        What the features are made with: the front-end's fingerprint, and ``audio``, the shard's digest. It is written
        beside them as JSON, with what the block adds: ``notes`` of what was out of the ordinary.

    Raises
    ------
    NcstError
        If the folder cannot be written or the disk is full.
    """
    with atomic(path) as temporary:
        features = np.lib.format.open_memmap(temporary, "w+", dtype, shape)
        _reserve(temporary)
        yield features
        features.flush()
        del features
    with atomic(Path(path).with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")


def all_notes(results: PathLike) -> list[tuple[str, dict[str, Any]]]:
    """Return the front-end and the notes of every feature file below *results*, sorted.

    ``precision`` is what the front-end's network ran at instead of fp32, and how far its features are from those;
    ``batch`` that the GPU's memory made batches smaller.
    """
    files = paths.find(results, paths.FINGERPRINT)
    return [(names["frontend"], _read_fingerprint(path).get("notes", {})) for path, names in files.items()]


def _read_fingerprint(path: Path) -> dict[str, Any]:
    """Return what *path* says its features were made with; a `NcstError` where it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except DAMAGED as error:
        raise NcstError(f"Features damaged: {path}; delete the file and run again.") from error
    if not isinstance(found, dict):
        raise NcstError(f"Features damaged: {path}; delete the file and run again.")
    return found


def _reserve(path: Path) -> None:
    """Take a file's space on the disk now: a disk that fills up under a memory map ends the process without a word."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


class FeatureStore:
    """The features of one front-end under a results folder; files are opened when first needed.

    Parameters
    ----------
    results : path
        The results folder.
    frontend : str
        The front-end's entry.
    fingerprint : dict or None
        What the features must have been made with; None takes that of the first file.
    """

    def __init__(self, results: PathLike, frontend: str, fingerprint: dict[str, Any] | None = None) -> None:
        self.results = Path(results)
        self.frontend = frontend
        self.fingerprint = fingerprint
        self._maps: dict[str, np.ndarray] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_maps": {}}

    def open(self, shard_file: str) -> np.ndarray:
        """Return the memory map of the features of *shard_file*.

        Raises
        ------
        NcstError
            If the features are missing or damaged, or made of other audio or with other weights, options or clip
            length.
        """
        if shard_file not in self._maps:
            path = feature_path(self.results, self.frontend, shard_file)
            try:
                found = _read_fingerprint(path.with_suffix(".json"))
                features = np.load(path, mmap_mode="c").view(np.ndarray)
            except FileNotFoundError as error:
                raise NcstError(
                    f"Features missing: {error.filename}; compute them before training or scoring."
                ) from error
            except DAMAGED as error:
                raise NcstError(f"Features damaged: {path}; delete the file and run again.") from error
            found.pop("notes", None)
            audio, shard = found.pop("audio", ""), self.results / paths.AUDIO / shard_file
            if shard.is_file() and audio != read_digest(shard):
                raise NcstError(f"{path} was made of other audio than {shard} holds now: delete it and run again.")
            self.fingerprint = self.fingerprint or found
            if found != self.fingerprint:
                raise NcstError(
                    f"{path} was made with other {_differences(found, self.fingerprint)}: delete it and run again."
                )
            self._maps[shard_file] = features
        return self._maps[shard_file]

    def read(self, shard_files: Iterable[str], rows: Iterable[int]) -> npt.NDArray[np.float32]:
        """Return the (B, *shape) float32 features of the given rows of the given shards, int16 scaled to [-1, 1)."""
        import torch

        parts = [torch.from_numpy(self.open(file)[row]) for file, row in zip(shard_files, rows)]
        values = torch.empty(len(parts), *parts[0].shape)
        for value, part in zip(values, parts):
            value.copy_(part)
        return (values.mul_(1 / 32768) if parts[0].dtype == torch.int16 else values).numpy()


def as_float(features: np.ndarray) -> np.ndarray:
    """Return *features* as float32, int16 scaled to [-1, 1)."""
    return features.astype(np.float32) / 32768 if features.dtype == np.int16 else features.astype(np.float32)


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Name the keys in which two fingerprints differ, with short values."""
    keys = [k for k in sorted(found.keys() | wanted.keys()) if found.get(k) != wanted.get(k)]
    return ", ".join(f"{k} ({str(found.get(k))[:60]} instead of {str(wanted.get(k))[:60]})" for k in keys)
