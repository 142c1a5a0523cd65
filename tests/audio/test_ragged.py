"""Clips of unequal lengths in one batch give what each gives alone."""

import pytest
import torch
from torch import nn

from ncst.audio.codecs._facodec_layers import Activation
from ncst.audio.codecs._fast import speed_up
from ncst.audio.codecs._ragged import end_with, lengths_of, like, padding_of, plain, ragged

LENGTHS = (50, 33, 41)


class Slices(nn.Module):
    def forward(self, x):
        return torch.tanh(x[:, 1:3, 2:-5] + 2 * x[..., 1:3, 7:])


class Pads(nn.Module):
    def __init__(self, mode):
        super().__init__()
        self.mode = mode

    def forward(self, x):
        return nn.functional.pad(x, (4, 3), self.mode)


class Recurrent(nn.Module):
    def __init__(self, bidirectional):
        super().__init__()
        self.lstm = nn.LSTM(4, 8, 2, bidirectional=bidirectional)

    def forward(self, x):
        return self.lstm(x.permute(2, 0, 1))[0].permute(1, 2, 0)


class Attention(nn.Module):
    def forward(self, x):
        frames = x.mT
        return nn.functional.scaled_dot_product_attention(frames, frames, frames).transpose(1, 2)


def _mimi_convolution(pad_mode, **sizes):
    from transformers import MimiConfig
    from transformers.models.mimi.modeling_mimi import MimiConv1d

    return nn.Sequential(nn.ELU(), MimiConv1d(MimiConfig(), 4, 6, pad_mode=pad_mode, **sizes))


def _encodec_convolution(causal, **sizes):
    from encodec.modules.conv import SConv1d

    return nn.Sequential(nn.ELU(), SConv1d(4, 6, causal=causal, **sizes))


class OnGpu(Activation):
    """The activation's way on a GPU."""

    def forward(self, x):
        end_with(x, 3, "replicate")
        return like(self.by_convolution(plain(x), lengths_of(x)), x)


LAYERS = [
    Activation(4),
    OnGpu(4),
    nn.Conv1d(4, 4, 7, padding=3),
    nn.Conv1d(4, 6, 7, 2, padding=2),
    nn.Conv1d(4, 4, 3, padding=9, dilation=9, groups=2),
    nn.ConvTranspose1d(4, 5, 6, 3, padding=1, output_padding=1),
    nn.ConvTranspose1d(4, 5, 8, 2, padding=3),
    nn.GroupNorm(2, 4),
    Recurrent(bidirectional=False),
    Recurrent(bidirectional=True),
    Attention(),
    Slices(),
    *(nn.Sequential(Pads(mode), nn.Conv1d(4, 3, 5)) for mode in ("constant", "reflect", "replicate")),
    *(_mimi_convolution(mode, kernel_size=8, stride=5) for mode in ("constant", "replicate", "reflect")),
    *(_encodec_convolution(causal, kernel_size=7, dilation=2) for causal in (False, True)),
    *(_encodec_convolution(causal, kernel_size=8, stride=4) for causal in (False, True)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: str(layer)[:60])
@torch.no_grad()
def test_each_clip_as_if_alone(layer):
    torch.manual_seed(1)
    speed_up(layer.eval())
    batch = 3 * torch.randn(3, 4, max(LENGTHS))
    alone = [layer(batch[i : i + 1, :, :length].clone()) for i, length in enumerate(LENGTHS)]
    together = layer(ragged(batch, LENGTHS))
    assert lengths_of(together) == [clip.shape[-1] for clip in alone]
    for row, clip in zip(plain(together), alone, strict=True):
        torch.testing.assert_close(row[None, ..., : clip.shape[-1]], clip, rtol=0, atol=1e-5)


@torch.no_grad()
def test_both_ways_through_an_activation_are_as_published():
    torch.manual_seed(1)
    layer, x = Activation(5), torch.randn(2, 5, 40)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    published = layer.differentiable(x)
    for way in (layer.in_blocks, layer.by_convolution):
        torch.testing.assert_close(way(x), published, rtol=1e-5, atol=1e-5)


def test_equal_lengths_are_an_ordinary_tensor():
    batch = torch.randn(2, 3, 5)
    assert ragged(batch, [5, 5]) is batch and padding_of(batch) is None


@pytest.mark.parametrize(
    "mixing",
    [
        lambda x: x.mean(-1),
        lambda x: x.flip(-1),
        lambda x: x[1:],
        lambda x: x[..., ::2],
        lambda x: x + ragged(plain(x).clone(), (50, 34, 41)),
        lambda x: nn.functional.layer_norm(x, (50,)),
        lambda x: nn.functional.interpolate(x, 100),
    ],
)
def test_what_would_mix_clips_is_refused(mixing):
    with pytest.raises(NotImplementedError):
        mixing(ragged(torch.randn(3, 4, 50), LENGTHS))
