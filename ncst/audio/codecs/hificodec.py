"""HiFi-Codec: group-residual vector quantisation between a normalised encoder and a HiFi-GAN generator.

References
----------
Yang et al., "HiFi-Codec: Group-residual Vector quantization for High Fidelity Audio Codec", 2023 (arXiv:2305.02765);
Kong et al., "HiFi-GAN", NeurIPS 2020 (the residual blocks and the generator). Weights: AcademiCodec's
``HiFi-Codec-16k-320d``, ``-16k-320d-large-universal``, ``-24k-320d`` and ``-24k-240d``.
"""

import math

import torch
from torch import nn
from torch.nn.functional import leaky_relu
from torch.nn.utils.parametrizations import weight_norm

from ncst.audio.codecs._base import Base
from ncst.audio.codecs._parts import Book, Chain, Parts
from ncst.audio.codecs._ragged import like, plain
from ncst.audio.codecs._residual import ResidualQuantizer
from ncst.core.checkpoint_files import read_checkpoint
from ncst.errors import NcstError

SLOPE = 0.1


class Codec(Base):
    """HiFi-Codec; books in the order group 1 stage 1, group 2 stage 1, group 1 stage 2, group 2 stage 2."""

    signs = r"quantizer_modules2?\."
    unequal = True

    def build(self, config):
        """Return the network that the keyword arguments *config* of `HiFiCodec` describe."""
        network = HiFiCodec(**config)
        self.sample_rate, self.hop = network.sample_rate, network.hop
        return network

    def encode(self, audio):
        """Return the (B, 4, frames) codes of (B, T) *audio*, and no side information."""
        latent = self.network.encode_latent(audio)
        return like(self.network.quantizer.encode(plain(latent)), latent), None

    def decode(self, codes, side=None):
        """Return (B, frames * hop) audio for (B, 4, frames) *codes*."""
        return self.network.decode_latent(like(self.network.quantizer.decode(plain(codes)), codes))

    def parts(self):
        """Return the network taken apart."""
        network, groups = self.network, len(self.network.quantizer)

        def chain(group):
            def pad(part):
                return torch.cat([part if i == group else torch.zeros_like(part) for i in range(groups)], 1)

            books = [Book(table) for table in network.quantizer[group].codebooks]
            return Chain(books, lambda latent: latent.chunk(groups, 1)[group], pad)

        return Parts(
            lambda audio: (network.encode_latent(audio[:, 0]), None),
            lambda latent, _: network.decode_latent(latent)[:, None],
            [chain(group) for group in range(groups)],
            network.hop,
        )

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return {
            "width": 4,
            "channels": 32,
            "latent": 16,
            "codes": 64,
            "block_kernels": [3],
            "dilations": [1],
        }

    @classmethod
    def convert(cls, files, entry):
        """Return ``(config, state)`` of an official checkpoint, a pickled dict of encoder, quantizer and generator.

        The rates follow from the kernel sizes; the sampling rate is not in the file and comes from
        ``entry["official"]["sample_rate"]`` in Hz.

        Raises
        ------
        NcstError
            If a part is missing or too much.
        """
        (path,) = files.values()
        parts = read_checkpoint(path)
        if set(parts) != {"encoder", "quantizer", "generator"}:
            raise NcstError(f"{path} holds {sorted(parts)} instead of encoder, quantizer and generator.")
        kernels = [parts["generator"][f"ups.{i}.weight_v"].shape[2] for i in range(4)]
        rates = [kernel // 2 for kernel in kernels]
        state = {f"encoder.{key}": value for key, value in parts["encoder"].items()}
        state |= {f"quantizer.{_BOOKS.get(key, key)}": value for key, value in parts["quantizer"].items()}
        state |= {f"decoder.{key}": value for key, value in parts["generator"].items()}
        return {"sample_rate": entry["official"]["sample_rate"], "rates": rates, "kernels": kernels}, state


_BOOKS = {
    "quantizer_modules.0.embedding.weight": "0.codebooks.0",
    "quantizer_modules.1.embedding.weight": "1.codebooks.0",
    "quantizer_modules2.0.embedding.weight": "0.codebooks.1",
    "quantizer_modules2.1.embedding.weight": "1.codebooks.1",
}


class HiFiCodec(nn.Module):
    """Encoder, quantizer and generator; the defaults are the official 16 kHz network (63.6 M parameters).

    Parameters
    ----------
    sample_rate : int
        In Hz.
    rates, kernels : sequence of int
        Upsampling factors of the generator and kernel sizes of its transposed convolutions, in order; the encoder
        walks them backwards. ``kernel - rate`` must be even. The hop is the product of the rates.
    width : int
        Channels after the encoder's first convolution; they double at every stage.
    channels : int
        Channels before the generator's first stage; they halve at every stage.
    latent : int
        Channels of the latent.
    block_kernels, dilations : sequence of int
        Shape of the residual blocks: one block per kernel, one pair of convolutions per dilation.
    groups, stages, codes : int
        Parts of the latent, residual books per part, entries per book.
    """

    def __init__(
        self,
        sample_rate=16_000,
        rates=(8, 5, 4, 2),
        kernels=(16, 11, 8, 4),
        width=32,
        channels=512,
        latent=512,
        block_kernels=(3, 7, 11),
        dilations=(1, 3, 5),
        groups=2,
        stages=2,
        codes=1024,
    ):
        super().__init__()
        self.sample_rate = sample_rate
        self.hop = math.prod(rates)
        self.encoder = Encoder(latent, rates[::-1], kernels[::-1], width, block_kernels[::-1], dilations)
        self.quantizer = GroupedQuantizer(latent, groups, stages, codes)
        self.decoder = Generator(latent, rates, kernels, channels, block_kernels, dilations)

    def encode_latent(self, audio):
        """Return the latent (B, `latent`, T // hop) of *audio* (B, T); samples that fill no hop are dropped."""
        return self.encoder(audio[:, None])

    def decode_latent(self, latent):
        """Return audio (B, frames * hop) in [-1, 1] for a quantised *latent* (B, `latent`, frames)."""
        return self.decoder(latent)[:, 0]


class Encoder(nn.Module):
    """Strided convolutions, each followed by residual blocks whose running sum is group-normalised."""

    def __init__(self, latent, rates, kernels, width, block_kernels, dilations):
        super().__init__()
        self.conv_pre = _conv(1, width, 7)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        self.normalize = nn.ModuleList()
        for rate, kernel in zip(rates, kernels):
            strided = nn.Conv1d(width, 2 * width, kernel, rate, padding=(kernel - rate) // 2)
            self.ups.append(weight_norm(strided))
            width *= 2
            for block_kernel in block_kernels:
                self.resblocks.append(ResidualBlock(width, block_kernel, dilations))
                self.normalize.append(nn.GroupNorm(max(1, width // 16), width, eps=1e-6))
        self.conv_post = nn.Conv1d(width, latent, 3, padding=1)

    def forward(self, x):
        """Return the latent (B, latent, T // hop) of *x* (B, 1, T)."""
        x = self.conv_pre(x)
        blocks = len(self.resblocks) // len(self.ups)
        for stage, downsample in enumerate(self.ups):
            x = downsample(leaky_relu(x, SLOPE))
            total = 0
            for i in range(stage * blocks, (stage + 1) * blocks):
                total = self.normalize[i](total + self.resblocks[i](x))
            x = total / blocks
        return self.conv_post(leaky_relu(x, 0.01))


class Generator(nn.Module):
    """HiFi-GAN's generator, with the slope 0.1 before the last convolution too."""

    def __init__(self, latent, rates, kernels, channels, block_kernels, dilations):
        super().__init__()
        self.conv_pre = _conv(latent, channels, 7)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel in zip(rates, kernels):
            transposed = nn.ConvTranspose1d(channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2)
            self.ups.append(weight_norm(transposed))
            channels //= 2
            self.resblocks.extend(ResidualBlock(channels, k, dilations) for k in block_kernels)
        self.conv_post = _conv(channels, 1, 7)

    def forward(self, x):
        """Return audio (B, 1, frames * hop) for *x* (B, latent, frames)."""
        x = self.conv_pre(x)
        blocks = len(self.resblocks) // len(self.ups)
        for stage, upsample in enumerate(self.ups):
            x = upsample(leaky_relu(x, SLOPE))
            first, *others = self.resblocks[stage * blocks : (stage + 1) * blocks]
            total = first(x)
            for block in others:
                total += block(x)
            x = total / blocks
        return torch.tanh(self.conv_post(leaky_relu(x, SLOPE)))


class ResidualBlock(nn.Module):
    """HiFi-GAN's residual block of type 1: pairs of a dilated and a plain convolution, each pair with a skip."""

    def __init__(self, channels, kernel, dilations):
        super().__init__()
        self.convs1 = nn.ModuleList(_conv(channels, channels, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_conv(channels, channels, kernel) for _ in dilations)

    def forward(self, x):
        """Return (B, channels, T) for *x* of the same shape."""
        for dilated, following in zip(self.convs1, self.convs2):
            x = following(leaky_relu(dilated(leaky_relu(x, SLOPE)), SLOPE, inplace=True)).add_(x)
        return x


class GroupedQuantizer(nn.ModuleList):
    """One `ResidualQuantizer` for each of equally wide parts of the latent, without projections.

    Book ``stage * groups + group`` is ``self[group].codebooks[stage]``, (codes, latent // groups).
    """

    def __init__(self, latent, groups, stages, codes):
        super().__init__(ResidualQuantizer(stages, codes, latent // groups) for _ in range(groups))

    def encode(self, latent):
        """Return the (B, books, T) codes of a (B, latent, T) *latent*."""
        parts = latent.chunk(len(self), 1)
        return torch.stack([group.encode(part) for group, part in zip(self, parts)], 2).flatten(1, 2)

    def decode(self, codes):
        """Return the quantised (B, latent, T) of (B, books, T) *codes*."""
        parts = codes.unflatten(1, (-1, len(self))).unbind(2)
        return torch.cat([group.decode(part) for group, part in zip(self, parts)], 1)


def _conv(inputs, outputs, kernel, dilation=1):
    padding = (kernel - 1) * dilation // 2
    return weight_norm(nn.Conv1d(inputs, outputs, kernel, dilation=dilation, padding=padding))
