"""Distance to the k-th nearest training row."""

from ncst.evaluation.detectors._base import Base, unit
from ncst.evaluation.detectors._neighbours import Bank

LIMITS = {"k": {"type": "integer", "minimum": 1}}  # of options, as read by `ncst.plan.options`


class NearestNeighbour(Base):
    r"""One minus the k-th largest cosine to the training rows.

    .. math:: s = 1 - \cos\left(f(x), f_{(k)}\right)

    On unit vectors this orders rows as the Euclidean distance to the k-th neighbour does. The search is exact.

    Parameters
    ----------
    k : int
        Neighbour that counts.

    References
    ----------
    Y. Sun et al.: Out-of-distribution detection with deep nearest neighbors. ICML 2022, arXiv 2204.06507.
    """

    def __init__(self, k: int = 7) -> None:
        self.k = k

    def _fit(self, features, logits, labels, head):
        self._bank = Bank(unit(features), self.k)

    def _score(self, features, logits):
        return 1.0 - self._bank.largest(unit(features))[:, 0]
