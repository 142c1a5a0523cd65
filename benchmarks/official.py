"""The published training recipe re-enacted: what its networks compute, the way they compute it.

Own code after the published description: every tensor in PyTorch's default memory, unused norms computed with the rest,
all 24 layers of XLS-R in every step. Parameters and their names, and the graph back-end, are those of
ncst.tracing.models.
"""

import torch
from torch.nn import functional as F
from transformers import Wav2Vec2Config, Wav2Vec2Model

from ncst.tracing.models._residual import Residual
from ncst.tracing.models.aasist import Aasist
from ncst.tracing.models.w2v2_aasist import W2v2Aasist

XLSR = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
}
LAYER = 5


class Block(Residual):
    """The residual block, its unused norm and activation included."""

    def forward(self, x):
        """Map (B, inputs, H, W) to (B, outputs, H, W // pool)."""
        if not self.first:
            F.selu(self.bn1(x), inplace=True)
        out = self.conv2(F.selu(self.bn2(self.conv1(x)), inplace=True))
        out = out + (self.conv_downsample(x) if hasattr(self, "conv_downsample") else x)
        return F.max_pool2d(out, (1, self.pool)) if self.pool > 1 else out


class OfficialAasist(Aasist):
    """AASIST on the raw waveform."""

    def __init__(self, classes):
        super().__init__(classes)
        _published_blocks(self)

    def forward(self, x):
        """Return ``(embedding, logits)`` of waveforms (B, T)."""
        x = F.conv1d(x.unsqueeze(1), self.bank).unsqueeze(1)
        x = F.selu(self.first_bn(F.max_pool2d(x.abs(), 3)), inplace=True)
        x = self.encoder(x)
        return self.classify(x.abs().amax(3).mT, x.abs().amax(2).mT)


class OfficialW2v2Aasist(W2v2Aasist):
    """The back-end of W2V2-AASIST."""

    def __init__(self, classes):
        super().__init__(classes)
        _published_blocks(self)

    def nodes(self, x):
        """Map (B, frames, width) to spectral and temporal nodes."""
        x = F.max_pool2d(self.LL(x).mT.unsqueeze(1), 3)
        x = self.encoder(F.selu(self.first_bn(x), inplace=True))
        x = F.selu(self.first_bn1(x), inplace=True)
        weights = self.attention(x)
        return (x * weights.softmax(-1)).sum(-1).mT, (x * weights.softmax(-2)).sum(-2).mT


class OfficialFrontEnd(torch.nn.Module):
    """XLS-R 300M with random weights, all layers computed, one of them used."""

    def __init__(self):
        super().__init__()
        self.network = Wav2Vec2Model(Wav2Vec2Config(**XLSR)).eval().requires_grad_(False)

    def forward(self, x):
        """Return the (B, frames, 1024) hidden state `LAYER` of (B, T) waveforms, normalised over the whole batch."""
        x = (x - x.mean()) / torch.sqrt(x.var(unbiased=False) + 1e-7)
        return self.network(x, output_hidden_states=True).hidden_states[LAYER]


def _published_blocks(network):
    for module in network.modules():
        if type(module) is Residual:
            module.__class__ = Block
