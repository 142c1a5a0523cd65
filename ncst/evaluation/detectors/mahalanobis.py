"""Mahalanobis distance to the nearest class."""

import numpy as np

from ncst.evaluation.detectors._base import Base, unit
from ncst.evaluation.detectors._gaussian import class_means, nearest, too_few, whitening


class Mahalanobis(Base):
    r"""Squared distance to the nearest class mean under one shared covariance, on features of length one.

    .. math:: s = \min_c \; (u - \mu_c)^\top \Sigma^+ (u - \mu_c), \quad u = f(x) / |f(x)|

    :math:`\Sigma` is the unweighted mean of the (biased) class covariances. The benchmark's own code standardises u
    first and reports :math:`\exp(-s / 4096)`: an affine map that the distance does not see, and a monotone one.

    References
    ----------
    K. Lee et al.: A simple unified framework for detecting out-of-distribution samples and adversarial attacks.
    NeurIPS 2018, arXiv 1807.03888.
    """

    def unfit(self, features: np.ndarray, logits: np.ndarray) -> str | None:
        """Return why these training rows are too few, see `too_few`, or None."""
        return super().unfit(features, logits) or too_few(features, logits)

    def _fit(self, features, logits, labels, head):
        rows = unit(features.astype(np.float64))
        self._means = class_means(rows, labels)
        covariances = [np.cov(rows[labels == c], rowvar=False, bias=True) for c in range(len(self._means))]
        self._whiten = whitening(np.atleast_2d(np.mean(covariances, axis=0)))

    def _score(self, features, logits):
        return nearest(unit(features.astype(np.float64)), self._means, self._whiten)
