"""Less bandwidth."""

from scipy.signal import butter, sosfiltfilt

from ncst.audio.perturbations._base import Base, draw
from ncst.core.waveforms import SAMPLE_RATE


class Lowpass(Base):
    """A Butterworth low-pass run both ways: no delay, 6 dB down at the cut-off.

    Parameters
    ----------
    cutoff_hz : float or (float, float)
        Below 8,000 Hz.
    order : int
        Of one run: 6 dB per octave each.
    """

    def __init__(self, cutoff_hz=(3000, 7500), order=8):
        self.cutoff_hz = cutoff_hz
        self.order = order

    def apply(self, samples, rng):
        """Return (T,) *samples* without what is above the cut-off."""
        sections = butter(self.order, draw(rng, self.cutoff_hz), fs=SAMPLE_RATE, output="sos")
        return sosfiltfilt(sections, samples, padlen=min(1024, len(samples) - 1))
