"""Novel similarity detection: the benchmark's own score."""

from ncst.evaluation.detectors._base import Base, logsumexp, unit


class NovelSimilarity(Base):
    r"""Confidence-weighted mean cosine to the whole training set, negated.

    .. math:: s = -c(x) \frac{1}{N} \sum_i c_i \cos\left(f(x), f_i\right)
                = -c(x) \left\langle \frac{f(x)}{|f(x)|}, m \right\rangle, \quad
              m = \frac{1}{N} \sum_i c_i \frac{f_i}{|f_i|}

    with :math:`c = \log \sum_j \exp z_j`. The sum is linear in f(x), so the one vector m replaces the training set.

    References
    ----------
    Y. Xie et al.: Generalized source tracing: detecting novel audio deepfake algorithm with real emphasis and fake
    dispersion strategy. Interspeech 2024, arXiv 2406.03240.
    """

    def _fit(self, features, logits, labels, head):
        self._mean = logsumexp(logits) @ unit(features) / len(features)

    def _score(self, features, logits):
        return -logsumexp(logits) * (unit(features) @ self._mean)
