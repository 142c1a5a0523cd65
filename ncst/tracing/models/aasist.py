"""AASIST on the raw waveform: a fixed bank of sinc filters, residual blocks, the graph back-end."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ncst.tracing.models._graph import GraphModel
from ncst.tracing.models._norm import channels_last, norm_selu
from ncst.tracing.models._residual import encoder

LOG_FLOOR = 1e-4


class Aasist(GraphModel):
    """The AASIST baseline.

    Parameters
    ----------
    classes : int
        Number of logits.
    shape : (int,)
        Samples of the input at 16 kHz; any length from about 1,000 times `pool` on.
    filters : int
        Filters of the sinc bank; every three of them become a node of the spectral graph.
    taps : int
        Length of a filter, odd.
    pool : int
        Samples of a filter's output that the first max pool joins.
    channels : (int, int)
        Channels of the first two and of the last four residual blocks.
    widths, ratios, dropouts :
        See `GraphModel`.
    log : bool
        Take the logarithm of the filters' outputs: learns from far fewer clips, but is not the published model.

    References
    ----------
    Jung et al., "AASIST", ICASSP 2022, arXiv 2110.01200; ST-Codecfake (arXiv 2501.06514), ``rawaasist.py``.
    """

    def __init__(
        self,
        classes,
        shape=(64_600,),
        filters=70,
        taps=129,
        pool=3,
        channels=(32, 64),
        widths=(64, 32),
        ratios=(0.5, 0.7, 0.5),
        dropouts=(0.2, 0.3, 0.2, 0.5),
        log=False,
    ):
        super().__init__(classes, filters // 3, channels[1], widths, ratios, dropouts)
        self.register_buffer("bank", torch.from_numpy(sinc_bank(filters, taps)), persistent=False)
        self.pool = pool
        self.log = log
        self.first_bn = nn.BatchNorm2d(1)
        self.encoder = encoder(channels, pool=3)

    def forward(self, x):
        """Return ``(embedding, logits)`` of waveforms (B, T) in [-1, 1]."""
        with torch.no_grad():
            x = F.conv1d(x.unsqueeze(1), self.bank).abs_()
            x = x.unfold(1, 3, 3).amax(-1)
            x = F.max_pool1d(x, self.pool).unsqueeze(1)
            x = x.add_(LOG_FLOOR).log_() if self.log else x
        x = self.encoder(channels_last(norm_selu(self.first_bn, x))).abs()
        return self.classify(x.amax(3).mT, x.amax(2).mT)


def sinc_bank(filters=70, taps=129, rate=16_000):
    """Return the (filters, 1, taps) float32 band-pass bank of AASIST.

    Adjacent bands of equal width on the mel scale from 0 Hz to half the *rate*; each filter is the difference of two
    ideal low-pass filters under a Hamming window. The sinc is evaluated in single precision, as published.
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, filters + 1) / 2595) - 1)
    cycles = (2 * edges[:, None]).astype(np.float32) * np.arange(-(taps // 2), taps // 2 + 1, dtype=np.float32) / rate
    low_pass = 2 * edges[:, None] / rate * np.sinc(cycles.astype(np.float32))
    return (np.diff(low_pass, axis=0) * np.hamming(taps))[:, None].astype(np.float32)
