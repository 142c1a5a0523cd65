"""Entropy of the class probabilities."""

import numpy as np

from ncst.evaluation.detectors._base import Base, logsumexp


class Entropy(Base):
    r"""Shannon entropy in nats.

    .. math:: s = -\sum_c p_c \log p_c

    References
    ----------
    C. E. Shannon: A mathematical theory of communication. Bell System Technical Journal 27, 1948.
    """

    def _score(self, features, logits):
        logs = logits - logsumexp(logits)[:, None]
        return -(np.exp(logs) * logs).sum(axis=1)
