"""Distance to the decision boundaries."""

import numpy as np

from ncst.evaluation.detectors._base import Base, linear_head


class DecisionBoundary(Base):
    r"""Mean distance to the decision boundaries, relative to the distance from the training mean, negated.

    .. math:: s = -\frac{1}{|f - \mu|} \frac{1}{C - 1} \sum_{c \ne \hat c}
              \frac{|z_{\hat c} - z_c|}{|w_{\hat c} - w_c|}

    References
    ----------
    L. Liu, Y. Qin: Fast decision boundary based out-of-distribution detector. ICML 2024, arXiv 2312.11536.
    """

    def _fit(self, features, logits, labels, head):
        weight, _ = linear_head(features, logits, head)
        gaps = np.linalg.norm(weight[:, None] - weight[None], axis=2)
        self._inverse_gaps = np.divide(1.0, gaps, out=np.zeros_like(gaps), where=gaps > 0)
        self._mean = features.mean(axis=0, dtype=np.float64)

    def _score(self, features, logits):
        distances = (logits.max(axis=1, keepdims=True) - logits) * self._inverse_gaps[logits.argmax(axis=1)]
        deviation = np.linalg.norm(features - self._mean, axis=1)
        return -distances.sum(axis=1) / (logits.shape[1] - 1) / np.maximum(deviation, np.finfo(np.float32).tiny)
