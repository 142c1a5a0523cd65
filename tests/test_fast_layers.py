"""The faster ways through layers give what the layers themselves give."""

import pytest
import torch
from torch import nn

from ncst.codecs._fast import speed_up


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
