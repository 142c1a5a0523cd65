"""Level."""

from ncst.audio.perturbations._base import Base, draw


class Level(Base):
    """Louder or softer; what goes beyond full scale is clipped.

    Parameters
    ----------
    gain_db : float or (float, float)
        Change of level in dB.
    """

    def __init__(self, gain_db=(-12, 6)):
        self.gain_db = gain_db

    def apply(self, samples, rng):
        """Return (T,) *samples* at another level."""
        return samples * 10 ** (draw(rng, self.gain_db) / 20)
