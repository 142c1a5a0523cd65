"""The residual block of the AASIST encoders."""

from torch import nn

from ncst.tracing.models._norm import norm_selu, update_statistics


class Residual(nn.Module):
    """Two (2, 3) convolutions with an identity path, then an optional max pool over time.

    As published, the first convolution of every block but the first reads the block's input, not the output of
    ``bn1`` and SELU. ``bn1`` therefore has no effect on any output and no gradient; it is kept, with its running
    statistics, because checkpoints hold it. A repaired block is another model.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    first : bool
        The first block of an encoder has no ``bn1``.
    pool : int
        Width of the max pool along the last axis; 1 means none.

    References
    ----------
    Tak et al., "End-to-end anti-spoofing with RawNet2", ICASSP 2021; ST-Codecfake, ``model.py``, ``rawaasist.py``.
    """

    def __init__(self, inputs, outputs, first=False, pool=1):
        super().__init__()
        if not first:
            self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, (2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, (2, 3), padding=(0, 1))
        if inputs != outputs:
            self.conv_downsample = nn.Conv2d(inputs, outputs, (1, 3), padding=(0, 1))
        self.first = first
        self.pool = pool

    def forward(self, x):
        """Map (B, inputs, H, W) to (B, outputs, H, W // pool)."""
        if self.training and not self.first:
            update_statistics(self.bn1, x)
        out = self.conv2(norm_selu(self.bn2, self.conv1(x)))
        out += self.conv_downsample(x) if hasattr(self, "conv_downsample") else x
        return nn.functional.max_pool2d(out, (1, self.pool)) if self.pool > 1 else out


def encoder(channels, pool):
    """Return the six residual blocks of the AASIST encoders: two of ``channels[0]``, four of ``channels[1]``."""
    narrow, wide = channels
    plan = [(1, narrow), (narrow, narrow), (narrow, wide), (wide, wide), (wide, wide), (wide, wide)]
    blocks = [Residual(i, o, first=n == 0, pool=pool) for n, (i, o) in enumerate(plan)]
    return nn.Sequential(*(nn.Sequential(block) for block in blocks))
