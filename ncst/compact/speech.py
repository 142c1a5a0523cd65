"""Speech for training compact networks, and the spectral distance they are trained and judged by."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ncst.core.waveforms import SAMPLE_RATE, read_audio, resample
from ncst.errors import NcstError

GAIN_DB = (-9.0, 6.0)
SCALES = ((256, 32), (512, 64), (1024, 80))
FLOOR = 1e-3


def read_speech(folders, held_out=(), keep=False):
    """Read every FLAC and WAV file below *folders* at 16 kHz; the folder a file lies in is its speaker.

    Parameters
    ----------
    folders : list of path
    held_out : collection of str
        Speakers that are left out, or the only ones read if *keep* is true.

    Returns
    -------
    list of (T,) float32 arrays, ordered by path

    Raises
    ------
    NcstError
        If there is none.
    """
    paths = sorted(p for folder in folders for p in Path(folder).rglob("*") if p.suffix in (".flac", ".wav"))
    chosen = [p for p in paths if (p.parent.name in held_out) == keep]
    if not chosen:
        who = f"of the speakers {list(held_out)}" if keep else "to train on"
        raise NcstError(
            f"No speech {who} in {[str(f) for f in folders]}: it must hold .flac or .wav files in one folder per "
            "speaker, some of them under `held_out` in config/compact.yaml."
        )
    return [resample(*read_audio(path)) for path in chosen]


class Crops:
    """Random crops of utterances at random levels, louder places preferred."""

    def __init__(self, utterances, length, seed):
        self.utterances = [np.pad(u, (0, max(0, length - len(u)))) for u in utterances]
        self.weights = np.array([len(u) for u in self.utterances], dtype=float)
        self.weights /= self.weights.sum()
        self.length = length
        self.random = np.random.default_rng(seed)

    def batch(self, size):
        """Return (size, 1, length) float32."""
        return torch.from_numpy(np.stack([self._crop() for _ in range(size)])[:, None])

    def _crop(self):
        utterance = self.utterances[self.random.choice(len(self.utterances), p=self.weights)]
        starts = self.random.integers(0, len(utterance) - self.length + 1, 2)
        crop = max((utterance[s : s + self.length] for s in starts), key=lambda c: np.square(c).sum())
        gain = 10 ** (self.random.uniform(*GAIN_DB) / 20)
        return (crop * min(gain, 0.99 / (np.abs(crop).max() + 1e-9))).astype(np.float32)


class SpectralLoss(nn.Module):
    """Mean absolute difference of log-mel spectra at several resolutions, for (B, 1, T) audio."""

    def __init__(self, scales=SCALES):
        super().__init__()
        from torchaudio.functional import melscale_fbanks

        self.scales = scales
        for n_fft, bands in scales:
            banks = melscale_fbanks(n_fft // 2 + 1, 0.0, SAMPLE_RATE / 2, bands, SAMPLE_RATE, norm="slaney")
            self.register_buffer(f"banks{n_fft}", banks * math.sqrt(n_fft) / 4)
            self.register_buffer(f"window{n_fft}", torch.hann_window(n_fft))

    def spectra(self, audio):
        """Return the log-mel spectra of (B, 1, T) audio, one (B, bands, frames) tensor per scale."""
        out = []
        for n_fft, _ in self.scales:
            window = getattr(self, f"window{n_fft}")
            spectrum = torch.stft(audio[:, 0], n_fft, n_fft // 4, window=window, return_complex=True)
            power = torch.view_as_real(spectrum).square().sum(-1)
            magnitude = (power / window.square().sum() + 1e-10).sqrt()
            out.append(torch.log(magnitude.transpose(1, 2) @ getattr(self, f"banks{n_fft}") + FLOOR))
        return out

    def forward(self, output, target):
        """Return the loss as a scalar tensor."""
        pairs = zip(self.spectra(output), self.spectra(target), strict=True)
        return sum(functional.l1_loss(a, b) for a, b in pairs) / len(self.scales)
