"""Generalised entropy."""

import numpy as np

from ncst.evaluation.detectors._base import Base


class GeneralisedEntropy(Base):
    r"""Generalised entropy of the largest class probabilities.

    .. math:: s = \sum_{c \in \text{top } M} p_c^\gamma (1 - p_c)^\gamma

    Parameters
    ----------
    gamma : float
        Exponent in (0, 1); small values listen to small probabilities.
    top : int
        M, number of largest probabilities; all where there are fewer classes.

    References
    ----------
    X. Liu, Y. Lochman, C. Zach: GEN: pushing the limits of softmax-based out-of-distribution detection. CVPR 2023.
    """

    def __init__(self, gamma: float = 0.1, top: int = 100) -> None:
        self.gamma, self.top = gamma, top

    def _score(self, features, logits):
        powers = np.sort(np.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
        total = powers.sum(axis=1, keepdims=True)
        rest = total - powers
        rest[:, -1] = powers[:, :-1].sum(axis=1)
        product = (powers / total) * (rest / total)
        return (product[:, -self.top :] ** self.gamma).sum(axis=1)
