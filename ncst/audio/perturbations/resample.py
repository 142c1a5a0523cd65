"""Another sample rate on the way."""

from ncst.audio.perturbations._base import Base, draw
from ncst.core import waveforms


class Resample(Base):
    """Down to a lower sample rate and back up, with a steep linear-phase filter.

    Parameters
    ----------
    rate_hz : float or (float, float)
        Below 16,000 Hz; half of it is the bandwidth that is left.
    """

    def __init__(self, rate_hz=(8000, 15000)):
        self.rate_hz = rate_hz

    def apply(self, samples, rng):
        """Return (T,) *samples* as the lower rate holds them."""
        rate = draw(rng, self.rate_hz)
        return waveforms.resample(waveforms.resample(samples, waveforms.SAMPLE_RATE, rate), rate, waveforms.SAMPLE_RATE)
