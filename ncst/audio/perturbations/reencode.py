"""Lossy files on the way: a traditional audio codec there and back."""

import io

import numpy as np
import soundfile

from ncst.audio.perturbations._base import Base, draw
from ncst.core.waveforms import SAMPLE_RATE
from ncst.errors import NcstError

FORMATS = {  # libsndfile's names; its kbit/s at compression level 1, and what level 0 adds; delay at 16 kHz in samples
    "opus": ({"format": "OGG", "subtype": "OPUS"}, 6, 250, 0),
    "mp3": ({"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}, 8, 152, 1105),
}


class Reencode(Base):
    """Through an audio file of a traditional codec, written and read in memory by libsndfile, without its delay.

    Parameters
    ----------
    codec : str
        ``opus`` or ``mp3``.
    bitrate_kbps : float or (float, float)
        6 to 256 for Opus (variable), 8 to 160 for MP3 (the nearest step of the standard).
    """

    def __init__(self, codec="opus", bitrate_kbps=(12, 32)):
        if codec not in FORMATS:
            raise NcstError(f"`codec: {codec}` of a reencode perturbation is none of {list(FORMATS)}.")
        self.options, self.lowest, self.range, self.delay = FORMATS[codec]
        if not all(self.lowest <= kbps <= self.lowest + self.range for kbps in np.atleast_1d(bitrate_kbps)):
            raise NcstError(f"`bitrate_kbps: {bitrate_kbps}`: {codec} has {self.lowest} to {self.lowest + self.range}.")
        self.bitrate_kbps = bitrate_kbps

    def apply(self, samples, rng):
        """Return what the codec makes of (T,) *samples*."""
        level = min(1 - (draw(rng, self.bitrate_kbps) - self.lowest) / self.range, 0.999)
        file = io.BytesIO()
        soundfile.write(file, np.clip(samples, -1, 1 - 2**-15), SAMPLE_RATE, compression_level=level, **self.options)
        file.seek(0)
        decoded = soundfile.read(file, dtype="float32")[0]
        return decoded[self.delay :] if len(decoded) > len(samples) else decoded  # MP3 below 40 kbit/s states no delay
