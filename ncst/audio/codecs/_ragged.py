"""Batches of clips of unequal lengths, computed so that each clip comes out as it would alone.

A `Ragged` tensor is a batch padded on the right that knows how long each of its clips is. It passes through a network
as any tensor does; the operations that look beyond the end of a clip first put there what they would see if the clip
were alone: zeros, or its own reflection. What else lies behind an end is rubbish, which nothing reads. An operation
that is not known here raises an error, so that none mixes clips unnoticed.
"""

from functools import lru_cache

import torch
from torch import nn
from torch.nn import functional as F

CACHED = 64  # masks and indices of the last layers: those of one level of a network are the same


class Ragged(torch.Tensor):
    """A batch whose clips end at different places.

    Attributes
    ----------
    lengths : tuple of int
        Of each clip, along the time axis.
    batch_axis, time_axis : int
        Where clips and time are among the dimensions, from 0 on.
    """

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        """Compute *function* so that no clip sees another's samples or padding."""
        with torch._C.DisableTorchFunctionSubclass():
            if (special := SPECIAL.get(function)) is not None:
                return special(function, *args, **(kwargs or {}))
            result = function(*args, **(kwargs or {}))
            if not isinstance(result, torch.Tensor):
                return result
            if function not in POINTWISE:
                name = getattr(function, "__qualname__", function)
                raise NotImplementedError(f"{name} of clips of unequal length")
            told = [x for x in args if isinstance(x, Ragged)]
            if any(_layout(x) != _layout(told[0]) for x in told) or told[0].ndim != result.ndim:
                raise NotImplementedError("clips of one operand as long as those of another")
            return _wrap(result, *_layout(told[0]))


def ragged(batch, lengths, time_axis=-1):
    """Return *batch*, its clips first, with *lengths* along *time_axis*; a plain tensor where all are whole."""
    time_axis %= batch.ndim
    if all(length == batch.shape[time_axis] for length in lengths):
        return batch
    return _wrap(batch, tuple(lengths), 0, time_axis)


def lengths_of(x):
    """Return the length of each clip of (B, ..., T) *x*."""
    return list(x.lengths) if isinstance(x, Ragged) else [x.shape[-1]] * len(x)


def plain(x):
    """Return *x* as an ordinary tensor, for operations that treat every frame by itself."""
    return x.as_subclass(torch.Tensor)


def like(x, other):
    """Return (B, ..., T) *x*, its clips as long as those of *other*, which has as many frames."""
    return ragged(x, lengths_of(other))


def padding_of(x):
    """Return the (B, T) mask that is true behind the end of each clip of *x*, or None where all clips are whole."""
    if not isinstance(x, Ragged):
        return None
    with torch._C.DisableTorchFunctionSubclass():
        return _behind(x.lengths, x.shape[x.time_axis], x.device)


def end_with(x, width, mode):
    """Write the *width* samples that follow the end of each clip of (B, C, T) *x* in place, as far as there are any.

    They are zeros (``"constant"``), the clip's reflection (``"reflect"``) or its last sample (``"replicate"``). Whole
    clips are left alone.
    """
    if isinstance(x, Ragged) and width > 0:
        with torch._C.DisableTorchFunctionSubclass():
            _write_ends(x, x.lengths, width, mode)


def _wrap(x, lengths, batch_axis, time_axis):
    wrapped = x if isinstance(x, Ragged) else x.as_subclass(Ragged)
    wrapped.lengths, wrapped.batch_axis, wrapped.time_axis = lengths, batch_axis, time_axis
    return wrapped


def _layout(x):
    return x.lengths, x.batch_axis, x.time_axis


@lru_cache(CACHED)
def _behind(lengths, total, device):
    """Return the (B, total) mask that is true from each of *lengths* on."""
    return torch.arange(total, device=device) >= _to(lengths, device)[:, None]


@lru_cache(CACHED)
def places(ends, width, total, mode, device):
    """Return where the *width* samples behind each of *ends* come from and go to, (B, 1, width) each.

    A place beyond *total* becomes the last sample before the end, from itself to itself.
    """
    ends, step = _to(ends, device)[:, None, None], torch.arange(width, device=device)
    target, inside = ends + step, ends + step < total
    source = torch.where(inside & (mode == "reflect"), ends - 2 - step, ends - 1)
    return source, torch.where(inside, target, ends - 1)


def _to(numbers, device):
    """Return *numbers* as a tensor on *device*, which nobody waits for."""
    on_gpu = device.type == "cuda"
    return torch.tensor(numbers, pin_memory=on_gpu).to(device, non_blocking=on_gpu)


def _write_ends(x, ends, width, mode):
    if mode == "constant":
        first = min(ends)
        behind = x[..., first : max(ends) + width]
        mask = _behind(tuple(end - first for end in ends), behind.shape[-1], x.device)
        behind.masked_fill_(mask[:, None], 0)
        return
    source, target = (place.expand(-1, x.shape[1], -1) for place in places(ends, width, x.shape[-1], mode, x.device))
    x.scatter_(-1, target, x.gather(-1, source))


def _conv1d(function, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    (stride,), (padding,), (dilation,) = _one(stride), _one(padding), _one(dilation)
    reach = (weight.shape[-1] - 1) * dilation
    if padding and reach:
        _write_ends(x, x.lengths, reach, "constant")
    result = function(x, weight, bias, stride, padding, dilation, groups)
    return _wrap(result, tuple((n + 2 * padding - reach - 1) // stride + 1 for n in x.lengths), 0, 2)


def _conv_transpose1d(function, x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    (stride,), (padding,), (extra,), (dilation,) = _one(stride), _one(padding), _one(output_padding), _one(dilation)
    reach = (weight.shape[-1] - 1) * dilation
    _write_ends(x, x.lengths, -(-reach // stride) + 1, "constant")
    result = function(x, weight, bias, stride, padding, extra, groups, dilation)
    return _wrap(result, tuple((n - 1) * stride - 2 * padding + reach + extra + 1 for n in x.lengths), 0, 2)


def _one(number):
    return number if isinstance(number, tuple) else (number,)


def _pad(function, x, pad, mode="constant", value=None):
    left, right = pad
    result = _wrap(function(x, pad, mode, value), tuple(n + left for n in x.lengths), 0, x.time_axis)
    _write_ends(result, result.lengths, right, mode)
    return _wrap(result, tuple(n + right for n in result.lengths), 0, x.time_axis)


def _group_norm(function, x, groups, weight=None, bias=None, eps=1e-5):
    _write_ends(x, x.lengths, x.shape[-1], "constant")
    parts = x.float().unflatten(1, (groups, -1))
    count = _to(x.lengths, x.device)[:, None, None, None] * parts.shape[2]
    centred = parts - parts.sum((2, 3), keepdim=True) / count
    _write_ends(centred.flatten(1, 2), x.lengths, x.shape[-1], "constant")
    scale = ((centred.square().sum((2, 3), keepdim=True) / count) + eps).rsqrt()
    result = (centred * scale).flatten(1, 2)
    if weight is not None:
        result = torch.addcmul(bias[:, None], result, weight[:, None])
    return _wrap(result, x.lengths, 0, 2)


def _layer_norm(function, x, *args, **kwargs):
    if x.time_axis == x.ndim - 1:
        raise NotImplementedError("layer norm over the time of clips of unequal length")
    return _wrap(function(x, *args, **kwargs), x.lengths, x.batch_axis, x.time_axis)


def _attention(function, query, key, value):
    mask = ~_behind(key.lengths, key.shape[1], key.device)[:, None]
    return _wrap(function(query, key, value, attn_mask=mask), query.lengths, 0, 1)


def _lstm(function, x, state, weights, biases, layers, dropout, training, bidirectional, batch_first):
    if not bidirectional:
        output, *state = function(x, state, weights, biases, layers, dropout, training, bidirectional, batch_first)
        return _wrap(output, x.lengths, x.batch_axis, x.time_axis), *state
    packed = nn.utils.rnn.pack_padded_sequence(plain(x), torch.tensor(x.lengths), batch_first, enforce_sorted=False)
    arguments = weights, biases, layers, dropout, training, bidirectional
    output, *state = function(packed.data, packed.batch_sizes, state, *arguments)
    output, _ = nn.utils.rnn.pad_packed_sequence(
        nn.utils.rnn.PackedSequence(output, *packed[1:]), batch_first, total_length=x.shape[x.time_axis]
    )
    return _wrap(output, x.lengths, x.batch_axis, x.time_axis), *state


def _getitem(function, x, index):
    index = list(index) if isinstance(index, tuple) else [index]
    at = index.index(Ellipsis) if Ellipsis in index else len(index)
    index[at : at + 1] = [slice(None)] * (x.ndim - sum(part is not None and part is not Ellipsis for part in index))
    result, slices, axis, new_axis = function(x, tuple(index)), {}, 0, 0
    for part in index:
        if isinstance(part, slice):
            slices[axis] = part, new_axis
        axis += part is not None
        new_axis += not isinstance(part, int)
    clips, batch_axis = slices.get(x.batch_axis, (None, None))
    time, time_axis = slices.get(x.time_axis, (None, None))
    if clips != slice(None) or time is None or time.step not in (None, 1):
        raise NotImplementedError(f"index {index} into clips of unequal length")
    less = x.shape[x.time_axis] - result.shape[time_axis]
    return _wrap(result, tuple(n - less for n in x.lengths), batch_axis, time_axis)


def _permute(function, x, *axes):
    order = list(axes[0] if isinstance(axes[0], (tuple, list)) else axes)
    order = [axis % x.ndim for axis in order]
    return _wrap(function(x, *axes), x.lengths, order.index(x.batch_axis), order.index(x.time_axis))


def _transpose(function, x, first, second):
    order = list(range(x.ndim))
    order[first], order[second] = order[second], order[first]
    return _wrap(function(x, first, second), x.lengths, order.index(x.batch_axis), order.index(x.time_axis))


def _repeat(function, x, *times):
    if times[x.batch_axis] != 1 or times[x.time_axis] != 1 or len(times) != x.ndim:
        raise NotImplementedError("clips of unequal length repeated over time")
    return _wrap(function(x, *times), *_layout(x))


def _matrix_transpose(function, x):
    return _transpose(torch.transpose, x, -2, -1)


SPECIAL = {
    torch.conv1d: _conv1d,
    torch.conv_transpose1d: _conv_transpose1d,
    F.pad: _pad,
    F.group_norm: _group_norm,
    F.layer_norm: _layer_norm,
    F.scaled_dot_product_attention: _attention,
    torch.lstm: _lstm,
    torch.Tensor.__getitem__: _getitem,
    torch.Tensor.permute: _permute,
    torch.Tensor.repeat: _repeat,
    torch.Tensor.transpose: _transpose,
    torch.transpose: _transpose,
    torch.Tensor.mT.__get__: _matrix_transpose,  # type: ignore[attr-defined]
}
_METHODS = (
    "add add_ sub mul mul_ div sin sin_ square_ square pow exp tanh relu clamp to float contiguous clone reciprocal"
    " __add__ __radd__ __iadd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __neg__"
)
POINTWISE = {
    *(getattr(torch.Tensor, name) for name in _METHODS.split()),
    *(torch.add, torch.sub, torch.mul, torch.div, torch.sin, torch.square, torch.tanh, torch.exp, torch.relu),
    *(F.elu, F.leaky_relu, F.relu, F.silu, F.gelu, F.tanh, F.dropout, F.linear),
}
