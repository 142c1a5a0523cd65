"""Features: what a front-end makes of one shard of clips, computed once, read many times through memory maps."""

from pathlib import Path

import numpy as np

from ncst.errors import NcstError
from ncst.formats import shards
from ncst.formats.features import writing
from ncst.tracing.frontends._base import fit_clip


def compute_features(shard_path, frontend, out_path, batch=8):
    """Write the features of every clip of a shard, and beside them (``.json``) their fingerprint and the audio's.

    Row i belongs to clip i of the shard; rows of failed clips are zero. Every clip is cut or repeated to the same
    length, so a clip's features do not depend on the others.

    Parameters
    ----------
    shard_path : path
        A shard of clips.
    frontend : ncst.tracing.frontends._base.Base
        Computes the features.
    out_path : path
        The ``.npy`` file, written whole or not at all.
    batch : int
        Clips per forward pass.

    Raises
    ------
    NcstError
        If the shard is unreadable, the disk is full, or the front-end refuses a clip.
    """
    if not Path(shard_path).is_file():
        raise NcstError(f"No shard {shard_path}: make the audio before its features.")
    shape = (shards.count_rows(shard_path), *frontend.shape)
    about = frontend.fingerprint() | {"audio": shards.read_digest(shard_path)}
    with writing(out_path, shape, frontend.dtype, about) as features:
        waiting = []
        for number, (_, samples) in enumerate(shards.iter_clips(shard_path)):
            if samples is not None:
                waiting.append((number, fit_clip(samples, frontend.samples)))
            if len(waiting) == batch:
                _flush(waiting, frontend, features)
        _flush(waiting, frontend, features)


def _flush(waiting, frontend, features):
    """Compute the *waiting* (row, clip) pairs, store them, and empty the list."""
    if waiting:
        numbers, clips = zip(*waiting)
        features[list(numbers)] = frontend(np.stack(clips).astype(np.float32))
        waiting.clear()
