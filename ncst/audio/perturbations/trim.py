"""Silence cut off."""

from ncst.audio.perturbations._base import Base
from ncst.core.waveforms import speech_span


class Trim(Base):
    """Without the silence before and after the speech.

    Parameters
    ----------
    below_db : float
        Frames this far below the loudest one are silent.
    """

    keeps_length = False

    def __init__(self, below_db=40.0):
        self.below_db = below_db

    def apply(self, samples, rng):
        """Return *samples* from the first frame of speech to the last; all of them where there is none."""
        first, last = speech_span(samples, self.below_db)
        return samples[first:last]
