"""A mel power spectrogram without logarithm."""

import torch
import torchaudio

from ncst.audio import SAMPLE_RATE
from ncst.frontends._base import Base

BANDS, FFT, HOP = 80, 512, 128


class Mel(Base):
    """80 HTK mel bands of the power spectrum, (80, 505) float32 for clips of 64,600 samples.

    FFT and Hann window of 512 samples, hop 128, reflection padding at both ends, no area normalisation and no
    logarithm, as published.

    References
    ----------
    ST-Codecfake (arXiv 2501.06514), ``model.py``.
    """

    time_axis = 1

    def __init__(self, entry, weights=None, device="cpu"):
        super().__init__(entry, weights, device)
        self.transform = torchaudio.transforms.MelSpectrogram(
            SAMPLE_RATE, n_fft=FFT, win_length=FFT, hop_length=HOP, n_mels=BANDS, power=2.0, norm=None, mel_scale="htk"
        ).to(device)

    @property
    def shape(self):
        """Bands and frames."""
        return BANDS, self.samples // HOP + 1

    @torch.inference_mode()
    def compute(self, waves):
        """Return (B, 80, frames) float32 powers of (B, samples) `waves` in [-1, 1]."""
        return self.transform(torch.from_numpy(waves).to(self.device)).cpu().numpy()
