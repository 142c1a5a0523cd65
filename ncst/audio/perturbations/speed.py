"""Speed."""

import numpy as np
import soxr

from ncst.audio.perturbations._base import Base, draw
from ncst.core.waveforms import SAMPLE_RATE


class Speed(Base):
    """Faster or slower, pitch and tempo together, by resampling.

    Parameters
    ----------
    factor : float or (float, float)
        Above 1 is faster and shorter.
    """

    keeps_length = False

    def __init__(self, factor=(0.9, 1.1)):
        self.factor = factor

    def apply(self, samples, rng):
        """Return (T / factor,) samples."""
        return soxr.resample(samples.astype(np.float32), SAMPLE_RATE * draw(rng, self.factor), SAMPLE_RATE)
