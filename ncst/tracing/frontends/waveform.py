"""The waveform itself, as 16-bit integers."""

import numpy as np

from ncst.tracing.frontends._base import Base


class Waveform(Base):
    """The clip's samples without level normalisation, (samples,) int16."""

    dtype = np.int16

    @property
    def shape(self):
        """One axis: time."""
        return (self.samples,)

    def compute(self, waves):
        """Return (B, samples) int16: `waves` times 32,768, rounded, clipped at full scale."""
        return np.clip(np.round(waves * 32768), -32768, 32767).astype(np.int16)
