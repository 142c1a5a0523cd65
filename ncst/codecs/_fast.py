"""Faster ways through layers that several codecs share, for inference on a CPU."""

from functools import partial

import torch
from torch import nn


def speed_up(network):
    """Let the layers of *network* that have a faster way take it: upsampling convolutions and snakes.

    The modules stay what they are; their ``forward`` is replaced. Weights must be final: no weight norm, no training.
    """
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose1d) and _is_upsampling(module):
            module.forward = partial(_upsample, module, *_phases(module))
        elif type(module).__name__ == "Snake1d":
            module.forward = partial(_snake, module.alpha)


def _is_upsampling(layer):
    (kernel,), (stride,), (padding,), (extra,) = layer.kernel_size, layer.stride, layer.padding, layer.output_padding
    return kernel == 2 * stride and extra <= padding and layer.groups == 1 and layer.dilation == (1,)


def _phases(layer):
    """Return the weight and bias of the convolution of two frames that makes all samples between two input frames."""
    now, before = layer.weight.detach().split(layer.stride[0], -1)
    weight = torch.stack([before, now], -1).permute(1, 2, 0, 3).flatten(0, 1).contiguous()
    return weight, None if layer.bias is None else layer.bias.detach().repeat_interleave(layer.stride[0])


def _upsample(layer, weight, bias, x):
    """Compute the transposed convolution *layer* of (B, C, T) *x*: the phases as channels, then put in a row."""
    (stride,), (padding,), (extra,) = layer.stride, layer.padding, layer.output_padding
    phases = nn.functional.conv1d(x, weight, bias, padding=1).unflatten(1, (-1, stride))
    samples = phases.transpose(2, 3).flatten(2)
    return samples[..., padding : samples.shape[-1] - padding + extra].contiguous()


def _snake(alpha, x):
    """Return x + sin²(a x) / a (Ziyin et al., 2020; arXiv:2006.08195) for (B, C, T) *x* and (1, C, 1) *alpha*."""
    return (alpha * x).sin_().square_().mul_((alpha + 1e-9).reciprocal()).add_(x)
