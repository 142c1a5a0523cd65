"""OC-Softmax for source tracing: real speech is one compact class, the codecs share what lies outside it."""

import torch
from torch.nn.functional import cross_entropy, softplus

from ncst.errors import NcstError
from ncst.tracing.objectives._base import Base
from ncst.tracing.objectives._cosine import CosineHead, add_margin


class OcHead(CosineHead):
    """Cosines turned into logits whose softmax decides on real speech first and on the codec second.

    The codecs' logits are scaled cosines; that of real speech is their log-sum-exp plus ``alpha * (cosine - middle)``,
    so that its probability is the sigmoid of the latter, whatever the codecs' are.

    Parameters
    ----------
    width, classes, scale :
        See `CosineHead`.
    real : int
        Place of real speech among the logits.
    alpha, middle : float
        Steepness, and the cosine at which real and codec are equally likely.
    """

    def __init__(self, width, classes, scale, real, alpha, middle):
        super().__init__(width, classes, scale)
        self.real, self.alpha, self.middle = real, alpha, middle
        _add_places(self, real, classes)

    def forward(self, embedding):
        """Map (B, width) to (B, classes)."""
        logits = super().forward(embedding).float()
        lead = self.alpha * (logits[:, self.real] / self.scale - self.middle)
        rest = logits.index_select(1, self.others)
        return logits.index_copy(1, self.own, (lead + rest.logsumexp(1))[:, None])


class OcSoftmax(Base):
    r"""One-class softmax between real speech and codecs, AAM-Softmax among the codecs.

    With :math:`u` the cosine to the direction of real speech, a clip of it costs
    :math:`\log(1 + e^{\alpha (m_0 - u)})` and any other clip :math:`\log(1 + e^{\alpha (u - m_1)})`, as published for
    spoofing detection. That loss knows two classes; here a codec's clip adds the AAM-Softmax of its codec among the
    codecs. The sum is the negative log-likelihood of P(codec speech) P(codec | codec speech), with margins.

    Parameters
    ----------
    alpha : float
        Steepness.
    real_margin, other_margin : float
        :math:`m_0` and :math:`m_1`, cosines; half way between them real and codec are equally likely in a test.
    scale, margin : float
        Of the AAM-Softmax, see `ncst.tracing.objectives.aam`.

    Raises
    ------
    NcstError
        If class 0 is not trained, or it and one codec are all.

    References
    ----------
    Zhang, Jiang and Duan, "One-class learning towards synthetic voice spoofing detection", IEEE Signal Processing
    Letters 28, 2021, arXiv 2010.13995, Eq. 5.
    """

    def __init__(self, classes, weights=None, alpha=20.0, real_margin=0.9, other_margin=0.2, scale=30.0, margin=0.2):
        super().__init__(classes, weights)
        if 0 not in classes or len(classes) < 3:
            raise NcstError(f"oc_softmax needs real speech (class 0) and two codecs, not the classes {classes}.")
        self.real = classes.index(0)
        self.alpha, self.real_margin, self.other_margin = alpha, real_margin, other_margin
        self.middle = (real_margin + other_margin) / 2
        _add_places(self, self.real, len(classes))
        self.scale, self.margin = scale, margin

    def head(self, width):
        """Return the layer whose softmax decides on real speech first."""
        return OcHead(width, len(self.classes), self.scale, self.real, self.alpha, self.middle)

    def loss(self, logits, targets):
        """Return the loss of (B, C) *logits* and (B,) *targets*."""
        codecs, is_real = logits.index_select(1, self.others), targets == self.real
        cosine = (logits[:, self.real] - codecs.logsumexp(1)) / self.alpha + self.middle
        gap = (self.real_margin - cosine).where(is_real, cosine - self.other_margin)
        codec = (targets - (targets > self.real).long()).where(~is_real, 0)
        traced = cross_entropy(add_margin(codecs, codec, self.scale, self.margin), codec, reduction="none")
        return self.mean(softplus(self.alpha * gap) + traced.where(~is_real, 0.0), targets)


def _add_places(module, real, classes):
    """Give *module* the places of real speech and of the codecs among the logits."""
    module.register_buffer("own", torch.tensor([real]), persistent=False)
    module.register_buffer("others", torch.tensor([i for i in range(classes) if i != real]), persistent=False)
