"""Additive stationary noise."""

import numpy as np

from ncst.audio.perturbations._base import Base, draw


class Noise(Base):
    """Gaussian noise at a signal-to-noise ratio over the whole clip; silence stays silent.

    Parameters
    ----------
    snr_db : float or (float, float)
        Ratio of the clip's power to the noise's in dB.
    slope_db : float
        Of the noise's power per octave: 0 white, -3 pink, -6 brown.
    """

    def __init__(self, snr_db=(10, 40), slope_db=0.0):
        self.snr_db = snr_db
        self.slope_db = slope_db

    def apply(self, samples, rng):
        """Return (T,) *samples* with noise added."""
        noise = rng.standard_normal(len(samples))
        if self.slope_db:
            octaves = np.log2(np.maximum(np.arange(len(samples) // 2 + 1), 1))
            noise = np.fft.irfft(np.fft.rfft(noise) * 10 ** (self.slope_db * octaves / 20), len(samples))
        scale = np.linalg.norm(samples) / np.linalg.norm(noise)
        return samples + noise * scale / 10 ** (draw(rng, self.snr_db) / 20)
