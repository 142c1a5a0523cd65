"""The decoder of WavTokenizer, its layers named as the official files name them."""

import torch
from torch import nn
from torch.nn import functional as F

from ncst.audio.codecs._ragged import lengths_of, padding_of, plain, ragged

GROUPS = 32  # of every group norm
EPS = 1e-6  # of every norm
LOUDEST = 100.0  # largest magnitude of a predicted spectral bin


class Residual(nn.Module):
    """Twice group norm, swish, convolution over (B, dim, T), around a skip."""

    def __init__(self, dim):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(GROUPS, dim, EPS), nn.GroupNorm(GROUPS, dim, EPS)
        self.conv1, self.conv2 = nn.Conv1d(dim, dim, 3, padding=1), nn.Conv1d(dim, dim, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))


class Attention(nn.Module):
    """Every frame of (B, dim, T) attends to every other with one head, around a skip."""

    def __init__(self, dim):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, dim, EPS)
        self.q, self.k, self.v, self.proj_out = (nn.Conv1d(dim, dim, 1) for _ in range(4))

    def forward(self, x):
        h = self.norm(x)
        q, k, v = (layer(h).transpose(1, 2) for layer in (self.q, self.k, self.v))
        return x + self.proj_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2))


class ConvNeXt(nn.Module):
    """Depthwise convolution over time, then a two-layer perceptron per frame, around a skip; (B, dim, T) in and out."""

    def __init__(self, dim, hidden, gain):
        super().__init__()
        self.dwconv = nn.Conv1d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, EPS)
        self.pwconv1, self.pwconv2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.gamma = nn.Parameter(torch.full((dim,), gain))

    def forward(self, x):
        h = self.norm(self.dwconv(x).transpose(1, 2))
        return x + (self.gamma * self.pwconv2(F.gelu(self.pwconv1(h)))).transpose(1, 2)


class SpectrumHead(nn.Module):
    """Magnitude and phase per frame, turned into sound by an inverse STFT of exactly `hop` samples per frame."""

    def __init__(self, dim, n_fft, hop):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.out = nn.Linear(dim, n_fft + 2)
        self.window = nn.Buffer(torch.hann_window(n_fft))

    def forward(self, x):
        """Return (B, frames * hop) audio for (B, frames, dim)."""
        behind = padding_of(x)
        log_magnitude, phase = self.out(plain(x)).chunk(2, dim=-1)
        spectrum = torch.polar(log_magnitude.exp().clamp(max=LOUDEST), phase)
        frames = torch.fft.irfft(spectrum, self.n_fft) * self.window
        weights = self.window.square().expand(1, frames.shape[1], -1)
        if behind is not None:
            frames, weights = (part.masked_fill(behind[..., None], 0) for part in (frames, weights))
        audio = self.overlap_add(frames) / self.overlap_add(weights)
        return audio if behind is None else ragged(audio, [n * self.hop for n in lengths_of(x.mT)])

    def overlap_add(self, frames):
        count, edge = frames.shape[1], (self.n_fft - self.hop) // 2
        length = (count - 1) * self.hop + self.n_fft
        summed = F.fold(frames.transpose(1, 2), (1, length), (1, self.n_fft), stride=(1, self.hop))
        return summed[:, 0, 0, edge : length - edge]


class Decoder(nn.Module):
    """(B, latent, T) code vectors to (B, T * hop) audio; named as the official file names its layers."""

    def __init__(self, latent, dim, hidden, blocks, attention, n_fft, hop):
        super().__init__()
        self.embed = nn.Conv1d(latent, dim, 7, padding=3)
        pos_net = (Residual(dim), Residual(dim), Attention(dim), Residual(dim), Residual(dim))
        self.pos_net = nn.Sequential(*pos_net, nn.GroupNorm(GROUPS, dim, EPS)) if attention else nn.Identity()
        self.norm = nn.LayerNorm(dim, EPS)
        self.convnext = nn.Sequential(*(ConvNeXt(dim, hidden, 1 / blocks) for _ in range(blocks)))
        self.final_layer_norm = nn.LayerNorm(dim, EPS)
        self.head = SpectrumHead(dim, n_fft, hop)

    def forward(self, x):
        x = self.norm(self.pos_net(self.embed(x)).transpose(1, 2))
        return self.head(self.final_layer_norm(self.convnext(x.transpose(1, 2)).transpose(1, 2)))
