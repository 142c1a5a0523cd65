"""Features: what a front-end makes of one shard of clips, computed once, read many times through memory maps."""

import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np

from ncst.core.devices import is_full, release_memory
from ncst.core.threads import ahead
from ncst.errors import NcstError
from ncst.formats import shards
from ncst.formats.features import writing
from ncst.tracing.frontends._base import fit_clip

log = logging.getLogger(__name__)

BATCH, GPU_BATCH = 8, 64
TINY = 1e-12
FIRST = 8  # clips on which a precision is measured


def compute_features(shard_path, frontend, out_path, batch=None, readers=1):
    """Write the features of every clip of a shard, and beside them (``.json``) their fingerprint and the audio's.

    Row i belongs to clip i of the shard; rows of failed clips are zero. Every clip is cut or repeated to the same
    length, so a clip's features do not depend on the others. A batch that the GPU's memory does not hold is halved, as
    are those after it; that and the difference that a precision below fp32 makes are among the notes in the ``.json``.

    Parameters
    ----------
    shard_path : path
        A shard of clips.
    frontend : ncst.tracing.frontends._base.Base
        Computes the features.
    out_path : path
        The ``.npy`` file, written whole or not at all.
    batch : int, optional
        Clips per forward pass; by default 8 on a CPU and 64 on a GPU, whatever the memory: their number may change the
        last bits.
    readers : int
        Threads that read, decode and normalise clips ahead.

    Raises
    ------
    NcstError
        If the shard is unreadable, the disk is full, the GPU does not hold one clip, or the front-end refuses a clip.
    """
    if not Path(shard_path).is_file():
        raise NcstError(f"No shard {shard_path}: make the audio before its features.")
    shape = (shards.count_rows(shard_path), *frontend.shape)
    about = frontend.fingerprint() | {"audio": shards.read_digest(shard_path)}
    with writing(out_path, shape, frontend.dtype, about) as features, ThreadPoolExecutor(readers) as pool:
        run = Batches(frontend, batch)
        for rows, values in run(ahead(pool, run.read, run.of_shard(shard_path), readers + 1)):
            features[rows] = values
        if run.notes:
            about["notes"] = run.notes


class Batches:
    """A front-end's way through the batches of a shard, one of them always on the device.

    Attributes
    ----------
    size : int
        Clips per batch.
    notes : dict
        ``precision``: the one below fp32 and its ``relative_error`` over the first ``clips``; ``batch``: clips that the
        GPU's memory held where ``size`` did not fit.
    """

    def __init__(self, frontend, size=None):
        self.frontend = frontend
        self.size = self.most = size or (GPU_BATCH if frontend.device and frontend.device.type == "cuda" else BATCH)
        self.notes = {}

    def of_shard(self, path):
        """Yield the usable clips of the shard *path* as lists of `size` (row, audio) pairs."""
        clips = ((row, audio) for row, audio in enumerate(shards.iter_audio(path)) if audio is not None)
        while batch := list(islice(clips, self.size)):
            yield batch

    def read(self, batch):
        """Return the rows of a *batch* of (row, audio) pairs, and what the network reads of these clips."""
        clips = [fit_clip(shards.samples_of(audio), self.frontend.samples) for _, audio in batch]
        return [row for row, _ in batch], self.frontend.prepare(np.stack(clips).astype(np.float32))

    def __call__(self, batches):
        """Yield (rows, features) of the (rows, inputs) *batches*, in order."""
        started = deque()
        for rows, inputs in batches:
            if self.frontend.precision != "fp32" and "precision" not in self.notes:
                self.notes["precision"] = self._difference(inputs[:FIRST])
            while rows:
                result = self._start(inputs[: self.most])
                if result:
                    started.append((rows[: self.most], result))
                    rows, inputs = rows[self.most :], inputs[self.most :]
                yield from self._finished(started, 1 if result else 0)
                if not result:
                    self._halve(len(rows))
        yield from self._finished(started, 0)

    def _start(self, inputs):
        """Return what waits for the features of *inputs*, or None where the GPU's memory does not hold them."""
        try:
            return self.frontend.start(inputs)
        except RuntimeError as error:
            if not is_full(error):
                raise
            return None

    def _halve(self, clips):
        """Lower `most` after a part of so many *clips* was too much."""
        failed = min(clips, self.most)
        if failed == 1:
            raise NcstError(
                f"The GPU's memory does not hold one clip of {self.frontend.samples} samples: run fewer jobs on it, or"
                " use a larger one."
            )
        self.most = failed // 2
        self.notes["batch"] = {"size": self.size, "held": self.most}
        log.warning("the GPU's memory does not hold %d clips: %d at a time from here on", failed, self.most)
        release_memory()

    @staticmethod
    def _finished(started, left):
        while len(started) > left:
            rows, result = started.popleft()
            yield rows, result()

    def _difference(self, inputs):
        lower, exact = (self.frontend.start(inputs, precision)().astype(np.float64) for precision in (None, "fp32"))
        error = float(np.linalg.norm(lower - exact) / max(np.linalg.norm(exact), TINY))
        log.info("%s instead of fp32 changes features by %.2g", self.frontend.precision, error)
        return {"name": self.frontend.precision, "relative_error": error, "clips": len(inputs)}
