"""FACodec: separate codebooks for prosody, content and residual, and one timbre vector per clip.

References
----------
Ju et al., "NaturalSpeech 3: Zero-Shot Speech Synthesis with Factorized Codec and Diffusion Models", ICML 2024
(arXiv:2403.03100). Weights: ``amphion/naturalspeech3_facodec``, versions 1 and 2.
"""

import math
import re

import torch
from torch import nn
from torch.nn import functional as F

from ncst.audio.codecs import _facodec_layers as _layers
from ncst.audio.codecs._base import Base
from ncst.audio.codecs._parts import Book, Chain, Parts
from ncst.audio.codecs._ragged import like, padding_of, plain
from ncst.core.checkpoint_files import read_checkpoint
from ncst.errors import NcstError

IGNORED = ("f0_predictor", "phone_predictor", "res_f0_predictor", "res_phone_predictor", "x_timbre_predictor")


class Codec(Base):
    """FACodec; books in the order prosody, content 1 and 2, residual 1 to 3; the side information is the timbre."""

    signs = r"timbre_encoder|timbre_linear"
    unequal = True

    def build(self, config):
        """Return the network that the keyword arguments *config* of `FACodec` describe."""
        network = FACodec(**config)
        self.sample_rate, self.hop = network.sample_rate, network.hop
        return network

    def encode(self, audio):
        """Return the (B, 6, frames) codes and the (B, 256) timbre vectors of (B, T) *audio*."""
        latent = self.network.encode_latent(audio)
        return like(self.network.quantize(latent, audio)[0], latent), self.network.timbre(latent)

    def decode(self, codes, side):
        """Return (B, frames * hop) audio for *codes* (B, 6, frames) and the timbre vectors *side* (B, 256)."""
        return self.network.decode_latent(like(self.network.dequantize(plain(codes)), codes), side)

    def parts(self):
        """Return the network taken apart."""
        network = self.network

        def encode(audio):
            latent = network.encode_latent(audio[:, 0])
            return latent, network.timbre(latent)

        def books(part):
            return [Book(q.codebook.weight, q.in_proj, q.out_proj, normalise=True) for q in part.layers]

        return Parts(
            encode,
            lambda latent, timbre: network.decode_latent(latent, timbre)[:, None],
            [Chain(books(part), rest=i == 2) for i, part in enumerate(network.quantizer)],
            network.hop,
        )

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return {
            "stem": 4,
            "strides": [2, 5, 5],
            "width": 4,
            "channels": 32,
            "dim": 16,
            "dilations": [1],
            "codes": 64,
            "heads": 2,
            "layers": 1,
            "hidden": 32,
        }

    @classmethod
    def convert(cls, files, entry):
        """Return ``(config, state)`` of an official encoder file and decoder file, two bare pickled state dicts.

        The training heads named in `IGNORED` are left out. Constants that the network computes by itself must be
        the ones in the files.

        Raises
        ------
        NcstError
            If a constant differs from the published one.
        """
        state = {}
        for name, path in files.items():
            part = "encoder" if "encoder" in name else "decoder"
            for key, value in read_checkpoint(path).items():
                if key.split(".")[0] not in IGNORED and not _is_constant(key, value, path):
                    state[_rename(part, key)] = value[..., None] if _is_projection(key) else value
        return {"prosody_bins": 20} if "melspec_linear.weight" in state else {}, state


def _rename(part, key):
    key = re.sub(r"\b(block|act)\.", "", key).replace("_codebook", "codebook").replace("ffn.ffn", "ffn")
    return f"encoder.{key}" if part == "encoder" else re.sub(r"^model\.", "decoder.", key)


def _is_projection(key):
    """Return whether *key* is a matrix that this network keeps as a convolution of one frame."""
    return re.fullmatch(r"quantizer\..*_proj\.weight_[gv]", key)


def _is_constant(key, value, path):
    """Return whether *key* names a constant.

    Raises
    ------
    NcstError
        If its value is not the one that the network computes.
    """
    constants = {
        "filter": _layers.kaiser_sinc,
        "mel_basis": lambda: _layers.mel_basis(16_000).mT,
        "hann_window": lambda: torch.hann_window(800),
        "pe": lambda: torch.arange(value.shape[2]) % 2.0,
    }
    name = key.rpartition(".")[2]
    if name not in constants:
        return False
    stored, expected = (value[0] if name == "pe" else value).squeeze(), constants[name]()
    if stored.shape != expected.shape or not torch.allclose(stored, expected, atol=1e-5):
        raise NcstError(f"{path}: {key} is not the constant of the published network; fetch the pinned revision again.")
    return True


class FACodec(nn.Module):
    """The network; the defaults are the official version 1 (28.8 M parameters).

    Parameters
    ----------
    sample_rate : int
        In Hz.
    strides : sequence of int
        Of the encoder's blocks; the decoder walks them backwards.
    stem : int
        Stride of the first and the last convolution: 1 in the official networks, a larger one makes a fast network.
        The hop is ``stem`` times the product of `strides`.
    width : int
        Channels after the encoder's first convolution; they double at every block.
    channels : int
        Channels before the decoder's first block; they halve at every block.
    dim : int
        Channels of the latent, width of the timbre vector and of the transformers.
    dilations : sequence of int
        Of the residual units of every block.
    books : sequence of three int
        Codebooks for prosody, content and residual.
    narrow, codes : int
        Width and number of a codebook's entries.
    heads, layers, hidden : int
        Of the transformers: attention heads, layers, channels inside the feed-forward layers.
    prosody_bins : int or None
        The prosody codebook reads the latent if None (version 1), else a transformer over so many low log-mel bins
        (20 in version 2).
    """

    def __init__(
        self,
        sample_rate=16_000,
        strides=(2, 4, 5, 5),
        stem=1,
        width=32,
        channels=1024,
        dim=256,
        dilations=(1, 3, 9),
        books=(1, 2, 3),
        narrow=8,
        codes=1024,
        heads=4,
        layers=4,
        hidden=1024,
        prosody_bins=None,
    ):
        super().__init__()
        self.sample_rate = sample_rate
        self.hop = stem * math.prod(strides)
        self.books = tuple(books)
        self.encoder = _encoder(strides, stem, width, dim, dilations)
        self.quantizer = nn.ModuleList(_layers.ResidualBooks(n, dim, narrow, codes) for n in books)
        self.decoder = _decoder(strides[::-1], stem, channels, dim, dilations)
        self.timbre_encoder = _layers.Transformer(dim, heads, layers, hidden)
        self.timbre_linear = nn.Linear(dim, 2 * dim)
        self.melspec_linear = None
        if prosody_bins:
            self.mel = _layers.LogMel(sample_rate, self.hop, prosody_bins)
            self.melspec_linear = nn.Linear(prosody_bins, dim)
            self.melspec_encoder = _layers.Transformer(dim, heads, layers, hidden)

    def encode_latent(self, audio):
        """Return the latent (B, dim, T // hop) of *audio* (B, T); samples that fill no hop are dropped."""
        return self.encoder(audio[:, None])

    def timbre(self, latent):
        """Return the timbre vector (B, dim) of a *latent* (B, dim, T) before quantisation."""
        frames = self.timbre_encoder(latent.mT)
        behind = padding_of(frames)
        if behind is None:
            return frames.mean(1)
        return plain(frames).masked_fill(behind[..., None], 0).sum(1) / (~behind).sum(1, keepdim=True)

    def quantize(self, latent, audio):
        """Quantise a *latent* (B, dim, T).

        Parameters
        ----------
        latent : (B, dim, T)
        audio : (B, samples)
            What the latent encodes; read only where the prosody comes from log-mel bins.

        Returns
        -------
        codes : (B, books, T) int64
        quantised : (B, dim, T), differentiable
        pairs : list of (projected input, chosen entry), one per book, each (B, narrow, T)
        """
        prosody = latent
        if self.melspec_linear is not None:
            prosody = self.melspec_encoder(self.melspec_linear(self.mel(audio))).mT
        prosody, latent = plain(prosody), plain(latent)
        parts = [self.quantizer[0](prosody), self.quantizer[1](latent)]
        parts.append(self.quantizer[2](latent - (parts[0][1] + parts[1][1]).detach()))
        codes, quantised, pairs = zip(*parts)
        return torch.cat(codes, 1), sum(quantised), [pair for part in pairs for pair in part]

    def dequantize(self, codes):
        """Return the quantised latent (B, dim, T) of *codes* (B, books, T)."""
        return sum(books.decode(part) for books, part in zip(self.quantizer, codes.split(self.books, 1)))

    def decode_latent(self, latent, timbre):
        """Return audio (B, frames * hop) in [-1, 1] for a quantised *latent* (B, dim, frames) and *timbre* (B, dim)."""
        scale, shift = self.timbre_linear(timbre)[:, :, None].chunk(2, 1)
        normal = F.layer_norm(latent.mT, latent.shape[1:2]).mT
        return self.decoder(normal * scale + shift)[:, 0]


def _encoder(strides, stem, width, dim, dilations):
    blocks = [_layers.conv(1, width, 7) if stem == 1 else _layers.down(1, width, stem)]
    for stride in strides:
        units = [_layers.ResidualUnit(width, dilation) for dilation in dilations]
        blocks.append(nn.Sequential(*units, _layers.Activation(width), _layers.down(width, 2 * width, stride)))
        width *= 2
    return nn.Sequential(*blocks, _layers.Activation(width), _layers.conv(width, dim, 3))


def _decoder(strides, stem, channels, dim, dilations):
    blocks = [_layers.conv(dim, channels, 7)]
    for stride in strides:
        half = channels // 2
        units = [_layers.ResidualUnit(half, dilation) for dilation in dilations]
        blocks.append(nn.Sequential(_layers.Activation(channels), _layers.up(channels, half, stride), *units))
        channels = half
    last = _layers.conv(channels, 1, 7) if stem == 1 else _layers.up(channels, 1, stem)
    return nn.Sequential(*blocks, _layers.Activation(channels), last, nn.Tanh())
