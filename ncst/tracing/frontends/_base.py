"""What every front-end shares: the clip's length, batches in, arrays out, a fingerprint."""

import numpy as np

from ncst.core import files
from ncst.core.devices import computing, device_of, precision_of
from ncst.errors import NcstError

CLIP_SAMPLES = 64_600


class Base:
    """A front-end: waveforms of one length in, what a model reads out.

    A subclass writes ``compute(waves)``, which maps (B, `samples`) float32 waveforms at 16 kHz to a (B, *`shape`) array
    of `dtype`, row by row, and sets `shape`, `dtype` and `time_axis`.

    Parameters
    ----------
    entry : dict
        The front-end's entry of ``config/models.yaml``; its key ``samples`` changes the clip's length (64,600),
        ``precision`` that of networks (fp32).
    weights : path or None
        The weight file of front-ends that have one.
    device : str
        Where networks run.

    Attributes
    ----------
    shape : tuple of int
        Shape of one clip's features.
    dtype : numpy dtype
        int16 features are fractions of 32,768; others are what they are.
    time_axis : int
        The axis of `shape` that is time: where training crops.
    needs_weights : bool
        Whether there is a network: only then there is a `device`, and jobs ask for a GPU.
    version : int
        Raised whenever the code changes what `compute` returns.
    """

    shape: tuple[int, ...]
    dtype: type[np.generic] = np.float32
    time_axis = 0
    version = 1
    needs_weights = False

    def __init__(self, entry, weights=None, device="cpu"):
        if self.needs_weights and weights is None:
            raise NcstError(
                "This front-end needs weights: name them under `weights` of its entry in config/models.yaml."
            )
        self.entry = entry
        self.weights = weights
        self.device = device_of(device) if self.needs_weights else None
        self.precision = precision_of(entry, self.device) if self.device else "fp32"
        self.samples = entry.get("samples", CLIP_SAMPLES)

    def __call__(self, waves):
        """Return what `compute` makes of (B, `samples`) float32 *waves* at the entry's precision."""
        return self.start(self.prepare(waves))()

    def prepare(self, waves):
        """Return what the network reads of (B, `samples`) float32 *waves*, B rows; threads call it ahead of `start`."""
        return waves

    def start(self, inputs, precision=None):
        """Start the work on *inputs*, what `prepare` returned; the function that is returned waits for the features.

        *precision* is by default the entry's.
        """
        if self.device is None:
            return self.launch(inputs)
        with computing(self.device, precision or self.precision):
            return self.launch(inputs)

    def launch(self, inputs):
        """Do what `start` promises; a front-end without a network has its features at once."""
        features = self.compute(inputs)
        return lambda: features

    def fingerprint(self):
        """Return what decides the features' values: equal fingerprints mean equal features."""
        unused = {"weights", "title", "notes", "reference", "licence", "samples"}
        return {
            "module": type(self).__module__,
            "version": self.version,
            "samples": self.samples,
            "options": {k: v for k, v in sorted(self.entry.items()) if k not in unused},
            "weights": files.sha256(self.weights) if self.weights else None,
            "shape": list(self.shape),
            "dtype": np.dtype(self.dtype).name,
            "time_axis": self.time_axis,
        }


def fit_clip(samples, length=CLIP_SAMPLES):
    """Return the first *length* of (T,) *samples*; a shorter clip is repeated from its start.

    >>> fit_clip(np.array([1, 2, 3]), 7)
    array([1, 2, 3, 1, 2, 3, 1])
    """
    return np.resize(samples, length) if len(samples) < length else samples[:length]
