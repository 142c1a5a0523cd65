"""The layers of FACodec: anti-aliased activations, residual units, quantizers, transformer, log-mel features."""

import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm
from torchaudio.functional import melscale_fbanks

from ncst.audio.codecs._fast import snake
from ncst.audio.codecs._ragged import Ragged, end_with, lengths_of, like, padding_of, places, plain, ragged
from ncst.audio.codecs._residual import nearest

BLOCK = 2**18  # samples


def kaiser_sinc(taps=12, cutoff=0.25, transition=0.3):
    """Return the (taps,) low-pass filter of the anti-aliased activation.

    Kaiser-windowed sinc with the gain 1; *cutoff* and *transition* (half-width) in cycles per sample.
    """
    attenuation = 2.285 * (taps // 2 - 1) * math.pi * 4 * transition + 7.95
    window = torch.kaiser_window(taps, periodic=False, beta=0.1102 * (attenuation - 8.7))
    time = torch.arange(taps) - (taps - 1) / 2
    taps = window * torch.sinc(2 * cutoff * time)
    return taps / taps.sum()


class Activation(nn.Module):
    """SnakeBeta at twice the rate: x + sin²(a x) / b with per-channel a and b, stored as logarithms.

    References: BigVGAN (ICLR 2023) for SnakeBeta and its filters.
    """

    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("taps", kaiser_sinc(), persistent=False)

    def forward(self, x):
        """Return (B, C, T) for *x* of the same shape."""
        if torch.is_grad_enabled():
            return self.differentiable(x)
        end_with(x, 3, "replicate")
        way = self.by_convolution if x.is_cuda else self.in_blocks
        return like(way(plain(x), lengths_of(x) if isinstance(x, Ragged) else None), x)

    def differentiable(self, x):
        """Compute `forward` as published: zeros between the samples, then filters of 12 taps."""
        channels, taps = x.shape[1], self.taps.expand(x.shape[1], 1, -1)
        x = F.pad(x, (5, 5), "replicate")
        x = 2 * F.conv_transpose1d(x, taps, stride=2, groups=channels)[..., 15:-15]
        x = x + (x * self.alpha.exp()[:, None]).sin().square() / (self.beta.exp()[:, None] + 1e-9)
        return F.conv1d(F.pad(x, (5, 6), "replicate"), taps, stride=2, groups=channels)

    def in_blocks(self, x, lengths=None):
        """Compute `forward` without gradients: faster on a CPU, and with memory for little more than the result.

        The signal at twice the rate stays two phases (even, odd) at the input's rate, so that nothing is computed on
        zeros, and a block of channels that fits the cache goes through all steps before the next one. Clips of
        *lengths* go on with their last sample.
        """
        out, length = torch.empty_like(x), x.shape[-1]
        padded = F.pad(x, (3, 3), "replicate")
        alpha, scale = self.alpha.exp()[:, None], 1 / (self.beta.exp()[:, None] + 1e-9)
        even, odd = self.taps[0::2].tolist(), self.taps[1::2].tolist()
        size = max(1, BLOCK // length)
        for block, a, s, into in zip(*(tensor.split(size, -2) for tensor in (padded, alpha, scale, out))):
            phases = block.new_empty(2, *block.shape)
            inner, sine = phases[..., 3:-3], torch.empty_like(into)
            for phase, signal, taps in zip(inner, (block, block[..., 1:]), (odd, even)):
                _filter(signal, taps[::-1], phase).mul_(2)
                phase.add_(torch.mul(phase, a, out=sine).sin_().square_().mul_(s))
            _write_around(phases, lengths)
            _filter(phases[1], even, into).add_(_filter(phases[0, ..., 1:], odd, sine))
        return out

    def by_convolution(self, x, lengths=None):
        """Compute what `in_blocks` does in few steps, as a GPU wants it."""
        alpha, scale = self.alpha.exp()[:, None], 1 / (self.beta.exp()[:, None] + 1e-9)
        even, odd = (self.taps[first::2].expand(x.shape[1], 1, -1) for first in (0, 1))
        padded = F.pad(x, (3, 3), "replicate")
        phases = padded.new_empty(2, *padded.shape)
        for phase, signal, taps in zip(phases, (padded[..., :-1], padded[..., 1:]), (odd, even)):
            phase[..., 3:-3] = snake(F.conv1d(signal, 2 * taps.flip(-1), groups=x.shape[1]), alpha, scale)
        _write_around(phases, lengths)
        return F.conv1d(phases[1, ..., :-1], even, groups=x.shape[1]).add_(
            F.conv1d(phases[0, ..., 1:], odd, groups=x.shape[1])
        )


def _write_around(phases, lengths):
    """Repeat the first even and the last odd sample of each clip around it in (2, B, C, 3 + T + 3) *phases*."""
    phases[..., :3], phases[..., -3:] = phases[0, ..., 3:4], phases[1, ..., -4:-3]
    if lengths:
        ends = tuple(3 + length for length in lengths)
        indices = places(ends, 3, phases.shape[-1], "replicate", phases.device)
        source, target = (index.expand(*phases.shape[1:3], 3) for index in indices)
        phases.scatter_(-1, target.expand(2, -1, -1, -1), phases[1].gather(-1, source).expand(2, -1, -1, -1))


def _filter(x, taps, out):
    """Write the sums of *taps* times the neighbourhoods that begin at each of the first samples of *x* to *out*."""
    length = out.shape[-1]
    torch.mul(x[..., :length], taps[0], out=out)
    for delay, tap in enumerate(taps[1:], 1):
        out.add_(x[..., delay : delay + length], alpha=tap)
    return out


def conv(inputs, outputs, kernel, dilation=1):
    """Return a weight-normalised convolution that keeps the length."""
    return weight_norm(nn.Conv1d(inputs, outputs, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2))


def down(inputs, outputs, stride):
    """Return a weight-normalised convolution of stride *stride* and twice that kernel."""
    return weight_norm(nn.Conv1d(inputs, outputs, 2 * stride, stride, padding=stride // 2 + stride % 2))


def up(inputs, outputs, stride):
    """Return the weight-normalised transposed convolution that undoes the rate change of `down`."""
    odd = stride % 2
    layer = nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride, padding=stride // 2 + odd, output_padding=odd)
    return weight_norm(layer)


class ResidualUnit(nn.Sequential):
    """Activation, dilated convolution, activation, pointwise convolution, around a skip."""

    def __init__(self, channels, dilation):
        super().__init__(
            Activation(channels),
            conv(channels, channels, 7, dilation),
            Activation(channels),
            conv(channels, channels, 1),
        )

    def forward(self, x):
        """Return (B, C, T) for *x* of the same shape."""
        return x + super().forward(x)


class Book(nn.Module):
    """One codebook in a narrow space: project, take the entry of the nearest direction, project back."""

    def __init__(self, dim, narrow, codes):
        super().__init__()
        self.in_proj = conv(dim, narrow, 1)
        self.codebook = nn.Embedding(codes, narrow)
        self.out_proj = conv(narrow, dim, 1)

    def forward(self, x):
        """Quantise *x* (B, dim, T).

        Returns
        -------
        codes : (B, T) int64
        quantised : (B, dim, T); its gradient reaches `in_proj` and *x* as if the choice had not been made
        pair : the projected input and the chosen entry, each (B, narrow, T), for codebook and commitment losses
        """
        point, table = self.in_proj(x), F.normalize(self.codebook.weight)
        codes = nearest(F.normalize(point, dim=1).mT.flatten(0, 1), table).view(len(point), -1)
        chosen = self.codebook(codes).mT
        passed = point + (chosen - point).detach() if point.requires_grad else chosen
        return codes, self.out_proj(passed), (point, chosen)

    def decode(self, codes):
        """Return the quantised (B, dim, T) of *codes* (B, T)."""
        return self.out_proj(self.codebook(codes).mT)


class ResidualBooks(nn.Module):
    """Codebooks that each quantise what the ones before left over; `layers` holds the books."""

    def __init__(self, books, dim, narrow, codes):
        super().__init__()
        self.layers = nn.ModuleList(Book(dim, narrow, codes) for _ in range(books))

    def forward(self, x):
        """Return codes (B, books, T), the quantised (B, dim, T) and the pairs of each book for *x* (B, dim, T)."""
        codes, pairs, total = [], [], 0
        for layer in self.layers:
            code, quantised, pair = layer(x - total)
            codes, pairs, total = [*codes, code], [*pairs, pair], total + quantised
        return torch.stack(codes, 1), total, pairs

    def decode(self, codes):
        """Return the quantised (B, dim, T) of *codes* (B, books, T)."""
        return sum(layer.decode(code) for layer, code in zip(self.layers, codes.unbind(1)))


class Transformer(nn.Module):
    """Pre-norm self-attention over time with convolutional feed-forward layers.

    Row 0 of the sinusoidal position table (0, 1, 0, 1, ...) is added to every frame. The original code meant to add
    row t to frame t, but indexes the table by the clip's place in the batch, so that a clip alone gets row 0. Giving
    every clip row 0 makes a batch equal to its clips.
    """

    def __init__(self, dim, heads, layers, hidden):
        super().__init__()
        self.register_buffer("position", torch.arange(dim) % 2.0, persistent=False)
        self.layers = nn.ModuleList(TransformerLayer(dim, heads, hidden) for _ in range(layers))
        self.last_ln = nn.LayerNorm(dim)

    def forward(self, x):
        """Return (B, T, dim) for *x* of the same shape."""
        x = x + self.position
        behind = padding_of(x)
        for layer in self.layers:
            x = layer(x, behind)
        return self.last_ln(x)


class TransformerLayer(nn.Module):
    """Self-attention, then a feed-forward layer whose first half is a convolution of 5 frames."""

    def __init__(self, dim, heads, hidden):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.self_attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.ffn_1, self.ffn_2 = nn.Conv1d(dim, hidden, 5, padding=2), nn.Linear(hidden, dim)

    def forward(self, x, behind=None):
        """Return (B, T, dim) for *x* of the same shape; no frame attends to those that (B, T) *behind* marks."""
        h = plain(self.ln_1(x))
        x = x + self.self_attn(h, h, h, key_padding_mask=behind, need_weights=False)[0]
        return x + self.ffn_2(self.ffn_1(self.ln_2(x).mT).relu().mT)


class LogMel(nn.Module):
    """The lowest *bins* of 80 log-mel bins (0 to 8 kHz, Slaney), window 800 in an FFT of 1024 samples."""

    def __init__(self, sample_rate, hop, bins):
        super().__init__()
        basis = mel_basis(sample_rate)[:, :bins]
        self.hop = hop
        self.register_buffer("basis", basis, persistent=False)
        self.register_buffer("window", torch.hann_window(800), persistent=False)

    def forward(self, audio):
        """Return (B, T // hop, bins) natural logarithms of magnitudes for *audio* (B, T)."""
        padded = plain(F.pad(audio[:, None], ((1024 - self.hop) // 2,) * 2, "reflect"))[:, 0]
        spectrum = torch.stft(padded, 1024, self.hop, 800, self.window, center=False, return_complex=True)
        magnitude = (torch.view_as_real(spectrum).square().sum(-1) + 1e-9).sqrt()
        bins = (magnitude.mT @ self.basis).clamp(min=1e-5).log()
        return ragged(bins, [length // self.hop for length in lengths_of(audio)], time_axis=1)


def mel_basis(sample_rate):
    """Return the (513, 80) triangular filters of `LogMel`."""
    return melscale_fbanks(513, 0.0, 8000.0, 80, sample_rate, norm="slaney", mel_scale="slaney")
