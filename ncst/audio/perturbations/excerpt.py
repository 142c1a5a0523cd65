"""Less to listen to."""

from ncst.audio.perturbations._base import Base, draw
from ncst.core.waveforms import SAMPLE_RATE


class Excerpt(Base):
    """The first seconds of a recording; a shorter one stays whole.

    Parameters
    ----------
    seconds : float or (float, float)
        Length of what is kept.
    """

    keeps_length = False

    def __init__(self, seconds=(1.0, 4.0)):
        self.seconds = seconds

    def apply(self, samples, rng):
        """Return the first `seconds` of *samples*."""
        return samples[: max(1, int(draw(rng, self.seconds) * SAMPLE_RATE))]
