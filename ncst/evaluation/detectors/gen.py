"""Generalised entropy."""

import numpy as np

from ncst.evaluation.detectors._base import Base, log_others, logsumexp

LIMITS = {
    "gamma": {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
    "top": {"type": "integer", "minimum": 1},
}  # of options, as read by `ncst.plan.options`


class GeneralisedEntropy(Base):
    r"""Generalised entropy of the largest class probabilities.

    .. math:: s = \log \sum_{c \in \text{top } M} p_c^\gamma (1 - p_c)^\gamma

    The log, a monotone map, keeps the order of confident rows whose sum is below the smallest float.

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

    needs_embeddings = False

    def __init__(self, gamma: float = 0.1, top: int = 100) -> None:
        self.gamma, self.top = gamma, top

    def _score(self, features, logits):
        ordered = np.sort(logits, axis=1)
        logs = ordered - logsumexp(ordered)[:, None]
        rest = np.log1p(-np.exp(np.minimum(logs, -np.log(2))))
        rest[:, -1] = log_others(logits)
        return logsumexp(self.gamma * (logs + rest)[:, -self.top :])
