"""A room."""

import numpy as np
from scipy.signal import oaconvolve

from ncst.audio.perturbations._base import Base, draw
from ncst.core.waveforms import SAMPLE_RATE


class Reverb(Base):
    """Reverberation: the direct sound, then noise that decays exponentially, another room for every clip.

    The clip keeps its power, so that the level tells nothing of the room.

    Parameters
    ----------
    t60 : float or (float, float)
        Reverberation time in seconds: until the room's answer is 60 dB down.
    direct_db : float or (float, float)
        Power of the direct sound to that of the rest, in dB: higher is nearer to the microphone.
    gap : float
        Seconds between the direct sound and the rest.

    References
    ----------
    J. D. Polack: La transmission de l'énergie sonore dans les salles, 1988 (the stochastic model of late
    reverberation).
    """

    def __init__(self, t60=(0.2, 1.0), direct_db=(0, 10), gap=0.0025):
        self.t60 = t60
        self.direct_db = direct_db
        self.gap = gap

    def apply(self, samples, rng):
        """Return (T,) *samples* as the room answers, aligned with the direct sound."""
        t60, ratio = draw(rng, self.t60), draw(rng, self.direct_db)
        time = np.arange(int(t60 * SAMPLE_RATE)) / SAMPLE_RATE
        room = rng.standard_normal(len(time)) * 10 ** (-3 * time / t60) * (time >= self.gap)
        room *= 10 ** (-ratio / 20) / np.linalg.norm(room)
        room[0] = 1.0
        wet = oaconvolve(samples, room)[: len(samples)]
        return wet * (np.linalg.norm(samples) / max(np.linalg.norm(wet), 1e-9))
