"""Softmax energy."""

import numpy as np

from ncst.evaluation.detectors._base import Base, logsumexp, softmax


class SoftmaxEnergy(Base):
    r"""Free energy of the class probabilities instead of the logits.

    .. math:: s = \log(C - 1 + e) - \log \sum_c \exp p_c

    The constant makes a certain row 0, so that confident rows keep their order in single precision.

    References
    ----------
    N. Klein, H. Tak, E. Khoury: Open-set source tracing of audio deepfake systems. Interspeech 2025,
    arXiv 2507.06470.
    """

    def _score(self, features, logits):
        return np.log(logits.shape[1] - 1 + np.e) - logsumexp(softmax(logits))
