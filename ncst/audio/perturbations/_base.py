"""What every perturbation shares: fixed or drawn strengths, type, full scale, length."""

import numpy as np

from ncst.core.waveforms import fit_length


class Base:
    """A change to a recording, the same for the same samples and the same state of the generator.

    A subclass takes its options as keyword arguments of its constructor and writes ``apply(samples, rng)``. Where an
    option is a strength, it is a number, as in a robustness test, or a pair (low, high) to draw from evenly for every
    clip, as in training: `draw` reads both.

    Attributes
    ----------
    keeps_length : bool
        Whether the output is cut or zero-padded to the length of the input.
    """

    keeps_length = True

    def __call__(self, samples, rng):
        """Return the perturbed recording.

        Parameters
        ----------
        samples : (T,) float32 array
            At 16 kHz, in [-1, 1].
        rng : numpy.random.Generator
            All that is random comes from here.

        Returns
        -------
        (T',) float32 array
            In [-1, 1]: what goes beyond is clipped, as in a file of integers. T' = T where `keeps_length` is true.
        """
        changed = np.clip(self.apply(samples, rng), -1, 1).astype(np.float32, copy=False)
        return fit_length(changed, len(samples)) if self.keeps_length else changed


def draw(rng, strength):
    """Return *strength* itself if it is a number, or else a number between its two limits, evenly distributed.

    >>> draw(np.random.default_rng(0), 20.0)
    20.0
    """
    if np.isscalar(strength):
        return strength
    low, high = strength
    return low + (high - low) * rng.random()
