"""Entropy of the class probabilities."""

import numpy as np

from ncst.evaluation.detectors._base import Base, log_others, logsumexp

SMALL = -18.0
TINY = np.finfo(np.float64).tiny


class Entropy(Base):
    r"""Log of the Shannon entropy in nats.

    .. math:: s = \log\left(-\sum_c p_c \log p_c\right)

    The log, a monotone map, keeps the order of confident rows whose entropy is below the smallest float.

    References
    ----------
    C. E. Shannon: A mathematical theory of communication. Bell System Technical Journal 27, 1948.
    """

    needs_embeddings = False

    def _score(self, features, logits):
        ordered = np.sort(logits, axis=1)
        logs = ordered - logsumexp(ordered)[:, None]
        surprise = np.log(np.maximum(-logs, TINY))
        others = log_others(logits)
        surprise[:, -1] = np.where(others < SMALL, others, surprise[:, -1])  # -log(1 - x) is x where x is small
        return logsumexp(logs + surprise)
