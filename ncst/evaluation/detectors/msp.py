"""Maximum softmax probability."""

from ncst.evaluation.detectors._base import Base, log_others


class MaximumSoftmax(Base):
    r"""Log of one minus the largest class probability.

    .. math:: s = \log(1 - \max_c p_c) = \log \sum_{c \ne \hat c} p_c

    A monotone map of the published score: in single precision the largest probability of a confident model is exactly
    one, and clips tie whose logits do not.

    References
    ----------
    D. Hendrycks, K. Gimpel: A baseline for detecting misclassified and out-of-distribution examples in neural
    networks. ICLR 2017, arXiv 1610.02136.
    """

    needs_embeddings = False

    def _score(self, features, logits):
        return log_others(logits)
