"""Maximum softmax probability."""

from ncst.errors import NcstError
from ncst.evaluation.detectors._base import Base, log_others, single_precision

LIMITS = {"precision": {"enum": ["double", "single"]}}  # of options, as read by `ncst.plan.options`


class MaximumSoftmax(Base):
    r"""Log of one minus the largest class probability.

    .. math:: s = \log(1 - \max_c p_c) = \log \sum_{c \ne \hat c} p_c

    A monotone map of the published score: in single precision the largest probability of a confident model is exactly
    one, and clips tie whose logits do not.

    Parameters
    ----------
    precision : {"double", "single"}
        ``single`` is the published score, minus the largest probability in single precision, ties included.

    References
    ----------
    D. Hendrycks, K. Gimpel: A baseline for detecting misclassified and out-of-distribution examples in neural
    networks. ICLR 2017, arXiv 1610.02136.
    """

    needs_embeddings = False

    def __init__(self, precision: str = "double") -> None:
        if precision not in ("double", "single"):
            raise NcstError(f"The detector msp has the precision double or single (as published), not {precision!r}.")
        self.precision = precision

    def _score(self, features, logits):
        return -single_precision(logits) if self.precision == "single" else log_others(logits)
