"""Faster ways through layers that several codecs share, for inference on a CPU."""

from functools import partial
from itertools import pairwise

import torch
from torch import nn

PACK = "_reorder_mkldnn_rnn_layer_weight"
PADDED = ("EncodecConv1d", "SConv1d")  # of transformers and speechtokenizer
LSTM = 2  # PyTorch's number of the kind of recurrent network


def speed_up(network):
    """Let the layers of *network* that have a faster way take it.

    These are upsampling convolutions, LSTMs, snakes, and SEANet's padded convolutions with the ELU before them.

    The modules stay what they are; their ``forward`` is replaced. Weights must be final: no weight norm, no training.
    """
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose1d) and _is_upsampling(module):
            module.forward = partial(_upsample, module, *_phases(module))
        elif isinstance(module, nn.LSTM) and _is_packable(module):
            module.forward = partial(_lstm, _packed(module))
        elif type(module).__name__ == "Snake1d":
            module.forward = partial(_snake, module.alpha)
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
    (stride,), (padding,), (extra,) = layer.stride, layer.padding, layer.output_padding
    phases = nn.functional.conv1d(x, weight, bias, padding=1).unflatten(1, (-1, stride))
    samples = phases.transpose(2, 3).flatten(2)
    return samples[..., padding : samples.shape[-1] - padding + extra].contiguous()


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


def _lstm(packed, x):
    """Return the outputs of the `_packed` LSTM for (T, B, C) *x*, starting from zeros, and no state."""
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
    return type(layer).__name__ in PADDED and layer.pad_mode == "reflect"


def _padded(layer, x, alpha=None):
    """Compute the convolution *layer* of (B, C, T) *x*, or with *alpha* of its ELU, in one pass up to the convolution.

    A convolution that needs no padding takes *x* as it is; clips shorter than the padding go the layer's own way.
    """
    convolution = layer.conv if isinstance(layer.conv, nn.Conv1d) else layer.conv.conv
    (kernel,), (stride,), (dilation,) = convolution.kernel_size, convolution.stride, convolution.dilation
    length, total = x.shape[-1], (kernel - 1) * dilation + 1 - stride
    left = total if layer.causal else total - total // 2
    right = total - left + -length % stride
    if length <= max(left, right):
        return type(layer).forward(layer, x if alpha is None else nn.functional.elu(x, alpha))
    if left or right:
        padded = x.new_empty(*x.shape[:-1], left + length + right)
        middle = padded[..., left : left + length]
        middle.copy_(x) if alpha is None else torch.ops.aten.elu.out(x, alpha, out=middle)
        padded[..., :left] = middle[..., 1 : left + 1].flip(-1)
        padded[..., left + length :] = middle[..., length - 1 - right : -1].flip(-1)
    else:
        padded = x if alpha is None else nn.functional.elu(x, alpha)
    output = layer.conv(padded)
    return layer.norm(output) if hasattr(layer, "norm") else output


def _snake(alpha, x):
    """Return x + sin²(a x) / a (Ziyin et al., 2020; arXiv:2006.08195) for (B, C, T) *x* and (1, C, 1) *alpha*."""
    return (alpha * x).sin_().square_().mul_((alpha + 1e-9).reciprocal()).add_(x)
