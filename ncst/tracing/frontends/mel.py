"""A mel power spectrogram without logarithm."""

import numpy as np

from ncst.core.waveforms import SAMPLE_RATE
from ncst.tracing.frontends._base import Base

BANDS, FFT, HOP = 80, 512, 128


class Mel(Base):
    """80 HTK mel bands of the power spectrum, (80, 505) float32 for clips of 64,600 samples.

    FFT and Hann window of 512 samples, hop 128, reflection padding at both ends, no area normalisation and no
    logarithm, as published. NumPy alone: a job starts ten times sooner than with PyTorch.

    References
    ----------
    ST-Codecfake (arXiv 2501.06514), ``model.py``.
    """

    time_axis = 1
    version = 2

    def __init__(self, entry, weights=None, device="cpu"):
        super().__init__(entry, weights, device)
        self.window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT) / FFT)).astype(np.float32)
        self.bank = _triangles()

    @property
    def shape(self):
        """Bands and frames."""
        return BANDS, self.samples // HOP + 1

    def compute(self, waves):
        """Return (B, 80, frames) float32 powers of (B, samples) `waves` in [-1, 1]."""
        padded = np.pad(waves, ((0, 0), (FFT // 2, FFT // 2)), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, FFT, axis=1)[:, ::HOP] * self.window
        spectrum = np.fft.rfft(frames)
        powers = (spectrum.real**2 + spectrum.imag**2) @ self.bank.T
        return np.ascontiguousarray(powers.transpose(0, 2, 1))


def _triangles():
    """Return the (80, 257) HTK filter bank, every step in float32 as the published code computes it."""
    top = np.float32(2595 * np.log10(1 + SAMPLE_RATE / 2 / 700))
    edges = 700 * (np.float32(10) ** (np.linspace(0, top, BANDS + 2, dtype=np.float32) / np.float32(2595)) - 1)
    width = np.diff(edges)[:, None]
    distance = edges[:, None] - np.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1, dtype=np.float32)
    return np.maximum(0, np.minimum(-distance[:-2] / width[:-1], distance[2:] / width[1:]))
