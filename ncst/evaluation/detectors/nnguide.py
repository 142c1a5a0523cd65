"""Nearest-neighbour guided energy."""

from ncst.evaluation.detectors._base import Base, logsumexp, unit
from ncst.evaluation.detectors._neighbours import Bank

LIMITS = {"k": {"type": "integer", "minimum": 1}}  # of options, as read by `ncst.plan.options`


class NearestNeighbourGuidance(Base):
    r"""Energy times the mean confidence-weighted cosine to the nearest training rows, negated.

    .. math:: s = -c(x) \frac{1}{k} \sum_{i \in \text{top } k} c_i \cos\left(f(x), f_i\right), \quad
              c = \log \sum_j \exp z_j

    Parameters
    ----------
    k : int
        Neighbours that are averaged.

    References
    ----------
    J. Park, Y. G. Jung, A. B. J. Teoh: Nearest neighbor guidance for out-of-distribution detection. ICCV 2023,
    arXiv 2309.14888.
    """

    def __init__(self, k: int = 7) -> None:
        self.k = k

    def _fit(self, features, logits, labels, head):
        self._bank = Bank(unit(features) * logsumexp(logits)[:, None], self.k)

    def _score(self, features, logits):
        return -logsumexp(logits) * self._bank.largest(unit(features)).mean(axis=1)
