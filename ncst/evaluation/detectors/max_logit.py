"""Largest logit."""

from ncst.evaluation.detectors._base import Base


class MaximumLogit(Base):
    r"""The largest logit, negated.

    .. math:: s = -\max_c z_c

    References
    ----------
    D. Hendrycks et al.: Scaling out-of-distribution detection for real-world settings. ICML 2022, arXiv 1911.11132.
    """

    needs_embeddings = False

    def _score(self, features, logits):
        return -logits.max(axis=1)
