"""Where batches are decoded: in this process, or in several that share a GPU and keep it busy."""

import logging
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread

import torch

from ncst import registry
from ncst.core.memory import keep_freed_memory
from ncst.errors import NcstError

log = logging.getLogger(__name__)

MEMORY = 16 * 2**30  # bytes of a card for each worker
MOST = 4

_codec = None  # of a worker process


def default_count(codec, seconds):
    """Return how many workers *seconds* of audio get: one on a CPU, on a GPU as many as its memory allows."""
    if codec.device.type == "cpu":
        return 1
    room = torch.cuda.get_device_properties(codec.device).total_memory // MEMORY
    return int(max(1, min(MOST, room, seconds // codec.batch_seconds)))


class Workers:
    """One or several networks of one codec, each with a batch at a time.

    Parameters
    ----------
    codec : ncst.audio.codecs._base.Base
        Runs the batches where *count* is 1.
    made_of : tuple
        Module, entry, weights and device of the codec, for the others to make one like it.
    count : int
        Networks; more than one run in processes of their own.

    Attributes
    ----------
    halved : list of int
        Sizes of the batches that did not fit the GPU's memory and were halved, in the order of the batches.
    """

    def __init__(self, codec, made_of, count):
        self.codec, self.count, self.halved = codec, count, []
        self._pool = None
        if count > 1:
            os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")  # batches of many sizes
            self._pool = ProcessPoolExecutor(count, get_context("spawn"), _open, made_of)
            log.info("%d workers", count)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def start(self, audio, seeds):
        """Begin with a batch: arrays from the codec's `prepare` and their seeds. Return what `result` waits for."""
        if self._pool is None:
            return _run(self.codec, audio, seeds)
        return self._pool.submit(_run_in_worker, audio, seeds)

    def result(self, started):
        """Return the decoded arrays of a batch that has been started.

        Raises
        ------
        NcstError
            If a worker process ended.
        """
        if self._pool is not None:
            try:
                started = started.result()
            except BrokenProcessPool as error:
                raise NcstError(
                    f"One of {self.count} worker processes ended without a word, probably for lack of memory: "
                    f"set `workers: {self.count // 2}` in the codec's entry."
                ) from error
        decoded, halved = started
        self.halved += halved
        return decoded


def _open(module, entry, weights, device):
    global _codec
    Thread(target=_end_with, args=(parent_process(),), daemon=True).start()
    keep_freed_memory()
    _codec = registry.load("codecs", module)(entry, weights, device)


def _end_with(process):
    """Wait for the end of *process*, and end this one: nobody would tell it, and it would keep a part of the GPU."""
    process.join()
    os._exit(1)


def _run_in_worker(audio, seeds):
    return _run(_codec, audio, seeds)


def _run(codec, audio, seeds):
    codec.halved.clear()
    return codec.run(audio, seeds), list(codec.halved)
