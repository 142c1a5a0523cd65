"""Mahalanobis distance relative to a background Gaussian."""

import numpy as np

from ncst.evaluation.detectors._base import Base
from ncst.evaluation.detectors._gaussian import class_means, nearest, too_few, whitening


class RelativeMahalanobis(Base):
    r"""Distance to the nearest class minus the distance to all training data, on raw features.

    .. math:: s = \min_c (f - \mu_c)^\top \Sigma^+ (f - \mu_c) - (f - \mu_0)^\top \Sigma_0^+ (f - \mu_0)

    :math:`\Sigma` pools the class covariances; :math:`\mu_0, \Sigma_0` ignore the classes.

    References
    ----------
    J. Ren et al.: A simple fix to Mahalanobis distance for improving near-OOD detection. arXiv 2106.09022.
    """

    def unfit(self, features: np.ndarray, logits: np.ndarray) -> str | None:
        """Return why these training rows are too few, see `too_few`, or None."""
        return super().unfit(features, logits) or too_few(features, logits)

    def _fit(self, features, logits, labels, head):
        rows = features.astype(np.float64)
        self._means = class_means(rows, labels)
        self._centre = rows.mean(axis=0, keepdims=True)
        within, around = rows - self._means[labels], rows - self._centre
        self._whiten = whitening(within.T @ within / len(rows))
        self._background = whitening(around.T @ around / len(rows))

    def _score(self, features, logits):
        rows = features.astype(np.float64)
        return nearest(rows, self._means, self._whiten) - nearest(rows, self._centre, self._background)
