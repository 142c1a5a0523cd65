"""Distance of the posterior to the typical posterior of each class."""

import numpy as np

from ncst.evaluation.detectors._base import Base, logsumexp, softmax


class KLMatching(Base):
    r"""Smallest Kullback-Leibler divergence to a class's mean training posterior.

    .. math:: s = \min_k \mathrm{KL}\left(p(x) \,\|\, d_k\right), \quad
              d_k = \operatorname{mean}\{p(x_i) : \arg\max_c p_c(x_i) = k\}

    Classes that no training row is taken for are left out.

    References
    ----------
    D. Hendrycks et al.: Scaling out-of-distribution detection for real-world settings. ICML 2022, arXiv 1911.11132.
    """

    needs_embeddings = False

    def _fit(self, features, logits, labels, head):
        posterior, predicted = softmax(logits), logits.argmax(axis=1)
        means = np.stack([posterior[predicted == c].mean(axis=0) for c in np.unique(predicted)])
        self._log_means = np.log(np.maximum(means, np.finfo(np.float64).tiny))

    def _score(self, features, logits):
        logs = logits - logsumexp(logits)[:, None]
        posterior = np.exp(logs)
        return (posterior * logs).sum(axis=1) - (posterior @ self._log_means.T).max(axis=1)
