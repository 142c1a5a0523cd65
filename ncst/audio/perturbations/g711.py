"""The telephone network."""

import io

import numpy as np
import soundfile

from ncst.audio.perturbations._base import Base
from ncst.core.waveforms import SAMPLE_RATE, resample
from ncst.errors import NcstError

RATE = 8000
LAWS = {"mu": "ULAW", "a": "ALAW"}


class G711(Base):
    """Telephone speech: 8 kHz, eight bits per sample on a logarithmic scale (ITU-T G.711, 64 kbit/s).

    Parameters
    ----------
    law : str
        ``mu``, of North America and Japan, or ``a``, of the rest of the world.
    """

    def __init__(self, law="mu"):
        if law not in LAWS:
            raise NcstError(f"`law: {law}` of a g711 perturbation is none of {list(LAWS)}.")
        self.subtype = LAWS[law]

    def apply(self, samples, rng):
        """Return what the telephone leaves of (T,) *samples*."""
        file = io.BytesIO()
        narrow = np.clip(resample(samples, SAMPLE_RATE, RATE), -1, 1 - 2**-15)
        soundfile.write(file, narrow, RATE, format="WAV", subtype=self.subtype)
        file.seek(0)
        return resample(soundfile.read(file, dtype="float32")[0], RATE, SAMPLE_RATE)
