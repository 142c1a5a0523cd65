"""The faster ways through layers give what the layers themselves give."""

import pytest
import torch
from torch import nn

from ncst.audio.codecs._fast import speed_up


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("stride", "kernel", "padding", "extra"), [(2, 4, 1, 0), (5, 10, 3, 1), (3, 6, 0, 0), (4, 8, 4, 3), (5, 11, 3, 0)]
)
@torch.no_grad()
def test_upsampling(stride, kernel, padding, extra, bias):
    layer = nn.ConvTranspose1d(6, 4, kernel, stride, padding, extra, bias=bias)
    for length in (2, 3, 50):
        x = torch.randn(3, 6, length)
        expected = nn.ConvTranspose1d.forward(layer, x)
        speed_up(layer)
        torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-5)
    assert ("forward" in vars(layer)) == (kernel == 2 * stride)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="oneDNN is not part of this PyTorch")
@pytest.mark.parametrize("bidirectional", [False, True])
@torch.inference_mode()
def test_lstm(bidirectional):
    layer = nn.LSTM(24, 16, 2, bidirectional=bidirectional).eval()
    clips = [torch.randn(batch, 24, frames).permute(2, 0, 1) for frames, batch in ((1, 1), (300, 1), (300, 3))]
    expected = [layer(x)[0] for x in clips]
    speed_up(layer)
    assert "forward" in vars(layer)
    for x, output in zip(clips, expected):
        assert torch.equal(layer(x)[0], output)


def _speechtokenizer_layer(causal, **sizes):
    from speechtokenizer.modules.conv import SConv1d

    return SConv1d(4, 6, causal=causal, **sizes)


def _transformers_layer(causal, **sizes):
    from transformers import EncodecConfig
    from transformers.models.encodec.modeling_encodec import EncodecConv1d

    return EncodecConv1d(EncodecConfig(use_causal_conv=causal, norm_type="time_group_norm"), 4, 6, **sizes)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("make", [_speechtokenizer_layer, _transformers_layer])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (7, 1, 1), (3, 1, 4), (10, 5, 1), (4, 2, 1)])
@torch.no_grad()
def test_padded_convolution_after_an_elu(make, causal, sizes):
    layer = make(causal, **dict(zip(("kernel_size", "stride", "dilation"), sizes)))
    plain, after_elu = nn.Sequential(layer), nn.Sequential(nn.ELU(0.7), layer)
    clips = [torch.randn(2, 4, length) for length in (2, 7, 40, 41, 43)]
    expected = [(plain(x), after_elu(x)) for x in clips]
    speed_up(plain)
    assert "forward" in vars(layer)
    for x, (output, _) in zip(clips, expected):
        assert torch.equal(plain(x), output)
    speed_up(after_elu)
    for x, (_, output) in zip(clips, expected):
        kept = x.clone()
        torch.testing.assert_close(after_elu(x), output, rtol=0, atol=1e-6)
        assert torch.equal(x, kept)


@torch.no_grad()
def test_snake():
    from snac.layers import Snake1d
    from transformers.models.dac.modeling_dac import Snake1d as DacSnake1d

    for layer in (Snake1d(5), DacSnake1d(5)):
        nn.init.uniform_(layer.alpha, 0.2, 2)
        x = torch.randn(2, 5, 40)
        kept, expected = x.clone(), layer(x)
        speed_up(layer)
        assert "forward" in vars(layer)
        assert torch.equal(layer(x), expected) and torch.equal(x, kept)
        speed_up(layer, on_cpu=False)
        torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("channels", [(96, 128), (95, 128), (128, 64)])
@torch.no_grad()
def test_pointwise_convolution(channels):
    layer, x = nn.Conv1d(*channels, 1), torch.randn(2, channels[0], 50)
    expected = layer(x)
    speed_up(layer)
    assert ("forward" in vars(layer)) == (min(channels) >= 96 and torch.backends.mkldnn.is_available())
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-5)
