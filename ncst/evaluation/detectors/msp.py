"""Maximum softmax probability."""

import numpy as np

from ncst.evaluation.detectors._base import Base


class MaximumSoftmax(Base):
    r"""One minus the largest class probability.

    .. math:: s = 1 - \max_c p_c = \sum_{c \ne \hat c} p_c

    computed as the sum of the other probabilities, so that confident rows keep their order where the largest
    probability rounds to one.

    References
    ----------
    D. Hendrycks, K. Gimpel: A baseline for detecting misclassified and out-of-distribution examples in neural
    networks. ICLR 2017, arXiv 1610.02136.
    """

    def _score(self, features, logits):
        powers = np.sort(np.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
        others = powers[:, :-1].sum(axis=1)
        return others / (1.0 + others)
