"""Energy of rectified activations."""

import numpy as np

from ncst.errors import NcstError
from ncst.evaluation.detectors._base import Base, linear_head, logsumexp

LIMITS = {"quantile": {"exclusiveMinimum": 0, "exclusiveMaximum": 1}}  # of options, as read by `ncst.plan.options`


class RectifiedActivation(Base):
    r"""Free energy after cutting activations at a quantile of the training activations.

    .. math:: s = -\log \sum_c \exp\left(w_c^\top \min(f, t) + b_c\right)

    Parameters
    ----------
    quantile : float
        Fraction in (0, 1) of the training activations that lie below t.

    References
    ----------
    Y. Sun, C. Guo, Y. Li: ReAct: out-of-distribution detection with rectified activations. NeurIPS 2021,
    arXiv 2111.12797.
    """

    def __init__(self, quantile: float = 0.9) -> None:
        if not 0 < quantile < 1:
            raise NcstError(f"The detector react needs a quantile between 0 and 1, not {quantile}.")
        self.quantile = quantile

    def _fit(self, features, logits, labels, head):
        self._weight, self._bias = linear_head(features, logits, head)
        self._threshold = np.quantile(features, self.quantile)

    def _score(self, features, logits):
        return -logsumexp(np.minimum(features, self._threshold) @ self._weight.T + self._bias)
