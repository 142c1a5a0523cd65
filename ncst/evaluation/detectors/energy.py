"""Free energy of the logits."""

from ncst.errors import NcstError
from ncst.evaluation.detectors._base import Base, logsumexp

LIMITS = {"temperature": {"exclusiveMinimum": 0}}  # of options, as read by `ncst.plan.options`


class Energy(Base):
    r"""Free energy at a temperature.

    .. math:: s = -T \log \sum_c \exp(z_c / T)

    Parameters
    ----------
    temperature : float
        T > 0.

    References
    ----------
    W. Liu et al.: Energy-based out-of-distribution detection. NeurIPS 2020, arXiv 2010.03759.
    """

    needs_embeddings = False

    def __init__(self, temperature: float = 1.0) -> None:
        if temperature <= 0:
            raise NcstError(f"The detector energy needs a temperature above 0, not {temperature}.")
        self.temperature = temperature

    def _score(self, features, logits):
        return -self.temperature * logsumexp(logits / self.temperature)
