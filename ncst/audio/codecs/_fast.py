"""Faster ways through layers that several codecs share, for inference."""

from functools import partial
from itertools import pairwise

import torch
from torch import nn

from ncst.audio.codecs._ragged import Ragged, end_with, lengths_of, like, plain, ragged

PACK = "_reorder_mkldnn_rnn_layer_weight"
PADDED = ("EncodecConv1d", "MimiConv1d", "SConv1d")  # of transformers, encodec and speechtokenizer
WIDE = 96  # channels: narrower ones gain little, and compact networks keep the bytes of their audio
BLOCK = 2**17  # samples
LSTM = 2  # PyTorch's number of the kind of recurrent network


def speed_up(network, on_cpu=True):
    """Let the layers of *network* that have a faster way take it.

    These are snakes, SEANet's padded convolutions with the ELU before them (the modules' own way waits for a GPU in
    every layer), and with *on_cpu* upsampling and wide pointwise convolutions and LSTMs.

    The modules stay what they are; their ``forward`` is replaced. Weights must be final: no weight norm, no training.
    """
    for module in network.modules():
        if on_cpu and isinstance(module, nn.ConvTranspose1d) and _is_upsampling(module):
            module.forward = partial(_upsample, module, *_phases(module))
        elif on_cpu and isinstance(module, nn.Conv1d) and _is_wide_and_pointwise(module):
            module.forward = partial(_pointwise, module)
        elif on_cpu and isinstance(module, nn.LSTM) and _is_packable(module):
            module.forward = partial(_lstm, module, _packed(module))
        elif type(module).__name__ == "Snake1d":
            module.forward = partial(_snake if on_cpu else _snake_on_gpu, module.alpha)
        elif _is_padded(module):
            module.forward = partial(_padded, module)
    for layers in network.modules():
        if isinstance(layers, (nn.Sequential, nn.ModuleList)):
            for first, then in pairwise(layers):
                if isinstance(first, nn.ELU) and _is_padded(then):
                    first.forward = nn.Identity().forward
                    then.forward = partial(_padded, then, alpha=first.alpha)


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
    if isinstance(x, Ragged):
        return type(layer).forward(layer, x)
    (stride,), (padding,), (extra,) = layer.stride, layer.padding, layer.output_padding
    phases = nn.functional.conv1d(x, weight, bias, padding=1).unflatten(1, (-1, stride))
    samples = phases.transpose(2, 3).flatten(2)
    return samples[..., padding : samples.shape[-1] - padding + extra].contiguous()


def _is_wide_and_pointwise(layer):
    narrow = min(layer.in_channels, layer.out_channels) < WIDE or layer.weight.dtype != torch.float32
    plain_shape = (layer.kernel_size, layer.stride, layer.padding, layer.groups) == ((1,), (1,), (0,), 1)
    return plain_shape and not narrow and torch.backends.mkldnn.is_available()


def _pointwise(layer, x):
    """Compute the convolution *layer* of one frame of (B, C, T) *x* by oneDNN.

    With one thread PyTorch leaves it to a matrix product, which on processors of AMD takes up to twice the time.
    """
    if isinstance(x, Ragged):
        return type(layer).forward(layer, x)
    one = [1, 1]
    weight, frames = layer.weight[:, :, None], x[:, :, None]
    return torch.ops.aten.mkldnn_convolution(frames, weight, layer.bias, [0, 0], one, one, 1)[:, :, 0]


def _is_packable(layer):
    plain = layer.bias and not layer.batch_first and not layer.proj_size and layer.weight_hh_l0.dtype == torch.float32
    return plain and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, PACK)


def _packed(layer):
    """Return the directions of each level of the LSTM *layer*, with weights as oneDNN wants them.

    The layer itself brings its weights into that order again in every call, which takes a third of the time.
    """
    pack, backwards = getattr(torch.ops.mkldnn, PACK), (False, True)[: 1 + layer.bidirectional]
    levels = []
    for level in range(layer.num_layers):
        levels.append([])
        for reverse in backwards:
            names = (
                f"{kind}_l{level}{'_reverse' * reverse}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            inputs, hidden, *biases = (getattr(layer, name).detach() for name in names)
            weights = pack(inputs, hidden, layer.hidden_size, reverse, True, False)
            levels[-1].append((*weights, *biases, reverse))
    return layer.hidden_size, levels


def _lstm(layer, packed, x):
    """Return the outputs of the `_packed` LSTM *layer* for (T, B, C) *x*, starting from zeros, and no state."""
    if isinstance(x, Ragged):
        return type(layer).forward(layer, x)
    size, levels = packed
    x, start = x.contiguous(), x.new_zeros(x.shape[1], size)
    for directions in levels:
        outputs = [
            torch.mkldnn_rnn_layer(
                x, *weights, start, start, reverse, [], LSTM, size, 1, True, False, batch_first=False, train=False
            )[0]
            for *weights, reverse in directions
        ]
        x = torch.cat(outputs, -1) if len(outputs) > 1 else outputs[0]
    return x, None


def _is_padded(layer):
    return type(layer).__name__ in PADDED and layer.pad_mode in ("constant", "reflect", "replicate")


def _padded(layer, x, padding_cache=None, alpha=None):
    """Compute the convolution *layer* of (B, C, T) *x*, or with *alpha* of its ELU, in one pass up to the convolution.

    A convolution that needs no padding takes *x* as it is; clips shorter than the padding go the layer's own way.
    """
    convolution = layer.conv if isinstance(layer.conv, nn.Conv1d) else layer.conv.conv
    (kernel,), (stride,), (dilation,) = convolution.kernel_size, convolution.stride, convolution.dilation
    length, total = x.shape[-1], (kernel - 1) * dilation + 1 - stride
    left = total if layer.causal else total - total // 2
    right = total - left + -length % stride
    if layer.pad_mode == "reflect" and length <= max(left, right):
        return type(layer).forward(layer, x if alpha is None else nn.functional.elu(x, alpha))
    if left or right or stride > 1:
        padded = plain(x).new_empty(*x.shape[:-1], left + length + right)
        middle = padded[..., left : left + length]
        middle.copy_(plain(x)) if alpha is None else torch.ops.aten.elu.out(plain(x), alpha, out=middle)
        _write_around(padded, left, right, layer.pad_mode)
        if isinstance(x, Ragged):
            own = lengths_of(x)
            end_with(ragged(padded, [left + n for n in own]), total - left + stride - 1, layer.pad_mode)
            padded = ragged(padded, [total + n + -n % stride for n in own])
    else:
        padded = x if alpha is None else nn.functional.elu(x, alpha)
    output = layer.conv(padded)
    return layer.norm(output) if hasattr(layer, "norm") else output


def _write_around(padded, left, right, mode):
    """Write the first *left* and the last *right* samples of (..., T) *padded*, which follow from those between."""
    middle = padded[..., left : padded.shape[-1] - right]
    if mode == "reflect":
        before, after = middle[..., 1 : left + 1].flip(-1), middle[..., -1 - right : -1].flip(-1)
    else:
        before, after = (middle[..., :1], middle[..., -1:]) if mode == "replicate" else (0, 0)
    padded[..., :left] = before
    if right:
        padded[..., -right:] = after


def _snake(alpha, x):
    """Return x + sin²(a x) / a (Ziyin et al., 2020; arXiv:2006.08195) for (B, C, T) *x* and (1, C, 1) *alpha*.

    A block of channels that fits the cache goes through all steps before the next one.
    """
    scale, out = (alpha + 1e-9).reciprocal(), torch.empty_like(plain(x))
    size = max(1, BLOCK // (x.shape[0] * x.shape[2]))
    for block, a, s, into in zip(*(part.split(size, 1) for part in (plain(x), alpha, scale, out))):
        torch.mul(a, block, out=into).sin_().square_().mul_(s).add_(block)
    return like(out, x)


def _snake_on_gpu(alpha, x):
    return like(snake(plain(x), alpha, (alpha + 1e-9).reciprocal()), x)


@torch.jit.script
def snake(x, a, scale):
    """Return x + sin²(a x) scale for (B, C, T) *x*, the others one for each channel; one step on a GPU."""
    return x + torch.sin(a * x).square() * scale
