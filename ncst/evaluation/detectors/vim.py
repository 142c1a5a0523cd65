"""Virtual-logit matching."""

import numpy as np

from ncst.errors import NcstError
from ncst.evaluation.detectors._base import Base, linear_head, logsumexp

LIMITS = {"variance": {"exclusiveMinimum": 0, "exclusiveMaximum": 1}}  # of options, as read by `ncst.plan.options`


class VirtualLogit(Base):
    r"""Length of the part of a feature outside the principal subspace, as a logit, minus the others' energy.

    .. math:: s = \alpha \left| R^\top (f(x) - o) \right| - \log \sum_c \exp z_c, \quad o = -W^+ b, \quad
              \alpha = \frac{\sum_i \max_c z_{ic}}{\sum_i |R^\top (f_i - o)|}

    R spans the directions that are left when the leading ones hold the fraction *variance* of the training features'
    power around o; one direction is always left. A fixed dimension, as published, fails on narrow features. The
    pseudo-inverse drops directions in which W is nearly singular (a head whose rows sum to zero has one).

    Parameters
    ----------
    variance : float
        Fraction in (0, 1).

    References
    ----------
    H. Wang et al.: ViM: out-of-distribution with virtual-logit matching. CVPR 2022, arXiv 2203.10807.
    """

    def __init__(self, variance: float = 0.95) -> None:
        if not 0 < variance < 1:
            raise NcstError(f"The detector vim needs a variance between 0 and 1, not {variance}.")
        self.variance = variance

    def _fit(self, features, logits, labels, head):
        weight, bias = linear_head(features, logits, head)
        self._origin = -np.linalg.pinv(weight, rcond=1e-4) @ bias
        rows = features - self._origin
        power, directions = np.linalg.eigh(rows.T @ rows / len(rows))
        tail = np.cumsum(np.maximum(power, 0.0))
        dimension = int(np.searchsorted(tail, (1.0 - self.variance) * tail[-1], side="right"))
        self._residual = directions[:, : max(1, dimension)]
        lengths = np.linalg.norm(rows @ self._residual, axis=1)
        self._alpha = logits.max(axis=1).sum() / max(lengths.sum(), np.finfo(np.float64).tiny)

    def _score(self, features, logits):
        lengths = np.linalg.norm((features - self._origin) @ self._residual, axis=1)
        return self._alpha * lengths - logsumexp(logits)
