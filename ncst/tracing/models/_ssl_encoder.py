"""The encoder of W2V2-AASIST: frames of a speech model become nodes of a spectral and of a temporal graph."""

from torch import nn
from torch.nn import functional as F

from ncst.tracing.models._base import Base
from ncst.tracing.models._norm import channels_last, norm_selu
from ncst.tracing.models._residual import encoder


class SslEncoder(Base):
    """A model that begins with the encoder of W2V2-AASIST; attribute names are those of published checkpoints.

    References
    ----------
    Tak et al., "Automatic speaker verification spoofing and deepfake detection using wav2vec 2.0 and data
    augmentation", Odyssey 2022, arXiv 2202.12233.
    """

    def add_encoder(self, width, projection, channels, attention):
        """Create the layers for features of *width*; the other sizes are those of `ncst.tracing.models.w2v2_aasist`."""
        self.LL = nn.Linear(width, projection)
        self.first_bn = nn.BatchNorm2d(1)
        self.first_bn1 = nn.BatchNorm2d(channels[1])
        self.encoder = encoder(channels, pool=1)
        self.attention = nn.Sequential(
            nn.Conv2d(channels[1], attention, 1),
            nn.SELU(),
            nn.BatchNorm2d(attention),
            nn.Conv2d(attention, channels[1], 1),
        )

    def nodes(self, x):
        """Map (B, frames, width) to spectral nodes (B, projection // 3, C) and temporal nodes (B, frames // 3, C)."""
        x = F.max_pool2d(self.LL(x).mT.unsqueeze(1), 3)
        x = self.encoder(channels_last(norm_selu(self.first_bn, x)))
        x = norm_selu(self.first_bn1, x)
        weights = self.attention(x)
        spectral = (x * weights.softmax(-1)).sum(-1)
        temporal = (x * weights.softmax(-2)).sum(-2)
        return spectral.mT, temporal.mT
