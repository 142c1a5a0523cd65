"""AAM-Softmax: cross-entropy of scaled cosines with an additive angular margin on the true class."""

from torch.nn.functional import cross_entropy

from ncst.tracing.objectives._base import Base
from ncst.tracing.objectives._cosine import CosineHead, add_margin


class Aam(Base):
    r"""Logits :math:`s \cos\theta_c`; in training the true class's is :math:`s \cos(\theta_y + m)`.

    Parameters
    ----------
    scale : float
        :math:`s`; 30 is usual for speech, 64 was published for faces.
    margin : float
        :math:`m` in radians; 0.2 is usual for speech, 0.5 was published for faces.

    References
    ----------
    Deng et al., "ArcFace: Additive angular margin loss for deep face recognition", CVPR 2019, arXiv 1801.07698, Eq. 3;
    scale and margin: Desplanques et al., "ECAPA-TDNN", Interspeech 2020, arXiv 2005.07143.
    """

    def __init__(self, classes, weights=None, scale=30.0, margin=0.2):
        super().__init__(classes, weights)
        self.scale, self.margin = scale, margin

    def head(self, width):
        """Return the layer of scaled cosines."""
        return CosineHead(width, len(self.classes), self.scale)

    def loss(self, logits, targets):
        """Return the loss of (B, C) *logits* and (B,) *targets*."""
        return cross_entropy(add_margin(logits, targets, self.scale, self.margin), targets, weight=self.weights)
