"""Batch norm and SELU together: on a CPU in channels-last memory, with statistics that hold for millions of values.

There PyTorch's convolutions are fastest in channels-last memory, but its batch norm adds up such values one by one in
single precision, which is 2 % off in the variance of a batch of 24 AASIST maps; here sums are taken in parts.
"""

import torch
from torch.nn import functional as F

ROWS = 8192  # of (N, C) values, so that what is computed from them is still in the processor's cache when it is used
SELU = (1.6732632423543772, 1.0507009873554805, 1.0)  # alpha, scale, scale of the input


def channels_last(x):
    """Return a (B, C, H, W) tensor in channels-last memory, where that pays."""
    return x.to(memory_format=torch.channels_last) if _ours(x) else x


def norm_selu(norm, x):
    """Return SELU of the `BatchNorm2d` *norm* of (B, C, H, W) *x*."""
    if not (norm.training and _ours(x)):
        return F.selu(norm(x), inplace=True)
    values = x.permute(0, 2, 3, 1).to(norm.weight.dtype)
    mean, variance = _statistics(norm, x)
    y = _NormSelu.apply(values.flatten(0, 2), mean, (variance + norm.eps).rsqrt(), norm.weight, norm.bias)
    return y.view(values.shape).permute(0, 3, 1, 2)


@torch.no_grad()
def update_statistics(norm, x):
    """Take mean and variance of (B, C, H, W) *x* into the running ones of the `BatchNorm2d` *norm*."""
    if _ours(x):
        _statistics(norm, x)
    else:
        norm.num_batches_tracked += 1
        torch.batch_norm_update_stats(x, norm.running_mean, norm.running_var, norm.momentum)


@torch.no_grad()
def _statistics(norm, x):
    """Return mean and variance per channel of (B, C, H, W) *x*, and take them into the running ones of *norm*."""
    x = x.permute(0, 2, 3, 1).flatten(0, 2).to(norm.weight.dtype)
    count = len(x)
    mean = x.sum(0) / count
    variance = torch.stack([(part - mean).square_().sum(0) for part in x.split(ROWS)]).sum(0) / count
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)
    return mean, variance


def _ours(x):
    return not (x.is_cuda or torch.compiler.is_compiling())


class _NormSelu(torch.autograd.Function):
    """SELU of ``(x - mean) * scale * weight + bias`` for (N, C) *x*, where *mean* and *scale* are those of *x*."""

    @staticmethod
    def forward(ctx, x, mean, scale, weight, bias):
        y = torch.empty_like(x)
        slope = scale * weight
        for rows, out in zip(x.split(ROWS), y.split(ROWS)):
            F.selu(torch.addcmul(bias - mean * slope, rows, slope, out=out), inplace=True)
        ctx.save_for_backward(x, mean, scale, weight, y)
        return y

    @staticmethod
    def backward(ctx, grad):
        x, mean, scale, weight, y = ctx.saved_tensors
        out = torch.empty_like(x)
        sums = []
        for rows, y_rows, grad_rows, part in zip(*(t.split(ROWS) for t in (x, y, grad, out))):
            torch.ops.aten.elu_backward.grad_input(grad_rows, *SELU, True, y_rows, grad_input=part)
            sums.append(torch.stack([part.sum(0), ((rows - mean).mul_(scale).mul_(part)).sum(0)]))
        d_bias, d_weight = torch.stack(sums).sum(0)
        slope = scale * weight
        tilt = -slope * scale * d_weight / len(x)
        level = -slope * d_bias / len(x) - tilt * mean
        for rows, part in zip(x.split(ROWS), out.split(ROWS)):
            part.mul_(slope).addcmul_(rows, tilt).add_(level)
        return out, None, None, d_weight, d_bias
