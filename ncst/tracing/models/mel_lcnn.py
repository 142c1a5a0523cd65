"""Mel-LCNN: a light convolutional network with max-feature-map activations on a mel power spectrogram."""

from torch import nn

from ncst.tracing.models._base import Base

LOG_FLOOR = 1e-6


class MaxFeatureMap(nn.Module):
    """The element-wise maximum of the two halves of axis 1."""

    def forward(self, x):
        """Map (B, 2 C, ...) to (B, C, ...)."""
        return x.view(len(x), 2, -1, *x.shape[2:]).amax(1)


class MelLcnn(Base):
    """The Mel-LCNN baseline.

    As published, the power spectrogram enters without logarithm and batch norms have no scale and shift.

    Parameters
    ----------
    classes : int
        Number of logits.
    shape : (int, int)
        Mel bands and frames of the input; the first linear layer depends on both.
    channels : sequence of 5 int
        Feature maps after convolutions 1-2, 3-4, 5-6, 7-8 and 9.
    hidden : int
        Units of the hidden linear layer.
    embedding : int
        Length of the embedding.
    dropout : float
        Before the first linear layer.
    log : bool
        Take the logarithm of the powers: learns from far fewer clips, but is not the published model.

    References
    ----------
    Wu et al., "A light CNN for deep face representation with noisy labels", IEEE TIFS 2018, arXiv 1511.02683;
    ST-Codecfake (arXiv 2501.06514), ``model.py``.
    """

    head = "fc_mu"
    checkpoint_ignores = ("mel.",)

    def __init__(
        self,
        classes,
        shape=(80, 505),
        channels=(32, 48, 64, 32, 32),
        hidden=80,
        embedding=256,
        dropout=0.7,
        log=False,
    ):
        super().__init__()
        self.log = log
        a, b, c, d, e = channels
        self.conv1 = _block(1, a, 5, pool=True)
        self.conv2 = _block(a, a, 1, norm=True)
        self.conv3 = _block(a, b, 3, pool=True, norm=True)
        self.conv4 = _block(b, b, 1, norm=True)
        self.conv5 = _block(b, c, 3, pool=True)
        self.conv6 = _block(c, c, 1, norm=True)
        self.conv7 = _block(c, d, 3, norm=True)
        self.conv8 = _block(d, d, 1, norm=True)
        self.conv9 = _block(d, e, 3, pool=True)
        bands, frames = (size // 16 for size in shape)
        self.out = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(e * bands * frames, 2 * hidden),
            MaxFeatureMap(),
            nn.Linear(hidden, embedding),
        )
        self.fc_mu = nn.Linear(embedding, classes)
        self.embedding_dim = embedding

    def forward(self, x):
        """Return ``(embedding, logits)`` of mel power spectrograms (B, bands, frames)."""
        x = (x + LOG_FLOOR).log().unsqueeze(1) if self.log else x.unsqueeze(1)
        for number in range(1, 10):
            x = getattr(self, f"conv{number}")(x)
        embedding = self.out(x.flatten(1))
        return embedding, self.fc_mu(embedding)


def _block(inputs, outputs, kernel, pool=False, norm=False):
    """Convolution to twice *outputs* maps, max-feature-map, 2x2 max pool, batch norm without scale and shift."""
    layers = [nn.Conv2d(inputs, 2 * outputs, kernel, padding=kernel // 2), MaxFeatureMap()]
    layers += [nn.MaxPool2d(2)] if pool else []
    layers += [nn.BatchNorm2d(outputs, affine=False)] if norm else []
    return nn.Sequential(*layers)
