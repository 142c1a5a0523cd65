"""Softmax energy."""

import numpy as np

from ncst.evaluation.detectors._base import Base, log_others, softmax

SMALL = -18.0
TINY = np.finfo(np.float64).tiny


class SoftmaxEnergy(Base):
    r"""Free energy of the class probabilities instead of the logits.

    .. math:: s = \log\left(\log(C - 1 + e) - \log \sum_c \exp p_c\right)

    The constant makes a certain row 0 and the outer log, a monotone map, tells confident rows apart whose
    difference is below the smallest float.

    References
    ----------
    N. Klein, H. Tak, E. Khoury: Open-set source tracing of audio deepfake systems. Interspeech 2025,
    arXiv 2507.06470.
    """

    needs_embeddings = False

    def _score(self, features, logits):
        others = log_others(logits)
        probabilities = np.sort(softmax(logits), axis=1)[:, :-1]
        whole = logits.shape[1] - 1 + np.e
        lost = -np.e * np.expm1(-np.exp(others)) - np.expm1(probabilities).sum(axis=1)
        exact = np.log(-np.log1p(-np.maximum(lost, TINY) / whole))
        return np.where(others < SMALL, others + np.log((np.e - 1) / whole), exact)
