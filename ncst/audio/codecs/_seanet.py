"""SEANet networks in transformers' EncodecModel, for codecs whose own code is no package: FunCodec and AcademiCodec."""

import math
import re

import torch

from ncst.audio.codecs._base import Base, books_of
from ncst.audio.codecs._parts import Book, Chain, Parts
from ncst.audio.codecs._ragged import lengths_of, like, plain

FRAME_SLACK = 1e-6  # kbit/s: keeps the quantizer's rounding of the bandwidth on the wanted number of books


class SeanetBase(Base):
    """A codec whose network is transformers' `EncodecModel`; a subclass adds ``convert``.

    The network pads by itself (reflection, as in the original code), so inputs stay as long as they are. With
    ``normalize`` the audio is divided by its RMS before encoding and multiplied by it after decoding.
    """

    signs = r"^quantizer\.layers\.\d+\.codebook\."
    unequal = True

    def build(self, config):
        """Return ``EncodecModel(EncodecConfig(**config))``."""
        from transformers import EncodecConfig, EncodecModel

        network = EncodecModel(EncodecConfig(**config))
        self.sample_rate = network.config.sampling_rate
        self.books = books_of(self.settings, network.config.num_quantizers)
        return network

    def encode(self, audio):
        """Return ``(codes, scale)``: (B, books, frames) int64 and (B, 1, 1) RMS, or None where nothing is scaled."""
        scale, audio = None, audio[:, None]
        if self.network.config.normalize:
            scale = _rms(audio)
            audio = audio / scale
        latent, quantizer = self.network.encoder(audio), self.network.quantizer
        kbps_of_a_book = self.network.bits_per_codebook * quantizer.frame_rate / 1000
        codes = quantizer.encode(plain(latent), self.books * kbps_of_a_book + FRAME_SLACK)
        return like(codes.transpose(0, 1), latent), scale

    def decode(self, codes, side):
        """Return (B, frames * hop) audio."""
        latent = self.network.quantizer.decode(plain(codes).transpose(0, 1))
        audio = self.network.decoder(like(latent, codes))[:, 0]
        return audio if side is None else audio * side[:, 0]

    def parts(self):
        """Return the network taken apart."""
        network = self.network

        def encode(audio):
            if not network.config.normalize:
                return network.encoder(audio), None
            scale = audio.square().mean((1, 2), keepdim=True).sqrt() + 1e-8
            return network.encoder(audio / scale), scale

        def decode(latent, scale):
            audio = network.decoder(latent)
            return audio if scale is None else audio * scale

        books = [Book(layer.codebook.embed) for layer in network.quantizer.layers]
        return Parts(encode, decode, [Chain(books)], network.config.hop_length)

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return {
            "sampling_rate": 16000,
            "num_filters": 4,
            "hidden_size": 16,
            "upsampling_ratios": [5, 8, 8],
            "codebook_size": 64,
            "num_lstm_layers": 1,
            "target_bandwidths": [0.3, 1.2],
            "use_causal_conv": False,
        }


def _rms(audio):
    """Return the (B, 1, 1) RMS of each clip of (B, 1, T) *audio*."""
    clips = [clip[..., :length] for clip, length in zip(plain(audio).split(1), lengths_of(audio), strict=True)]
    return torch.cat([clip.square().mean(-1, keepdim=True).sqrt() for clip in clips]) + 1e-8


def rename_seanet(state):
    """Return *state* with the key names of the encodec package changed to those of transformers' EncodecModel.

    Covers convolutions with old-style weight norm (``weight_g``, ``weight_v``) or group norm, LSTMs, and one codebook
    per layer under ``quantizer.vq.layers.N._codebook``.
    """
    rules = [
        (r"^(encoder|decoder)\.model\.", r"\1.layers."),
        (r"\.conv(tr)?\.conv(tr)?\.", ".conv."),
        (r"\.conv(tr)?\.norm\.", ".norm."),
        (r"\.weight_g$", ".parametrizations.weight.original0"),
        (r"\.weight_v$", ".parametrizations.weight.original1"),
        (r"^quantizer\.vq\.layers\.(\d+)\._codebook\.", r"quantizer.layers.\1.codebook."),
    ]
    renamed = {}
    for key, value in state.items():
        for pattern, new in rules:
            key = re.sub(pattern, new, key)
        renamed[key] = value.reshape(1) if key.endswith(".inited") else value
    return renamed


def seanet_config(**changes):
    """Return the keyword arguments of `EncodecConfig` for EnCodec 24 kHz, with *changes*."""
    return {
        "sampling_rate": 24000,
        "audio_channels": 1,
        "normalize": False,
        "norm_type": "weight_norm",
        "use_causal_conv": True,
        "num_filters": 32,
        "hidden_size": 128,
        "codebook_dim": 128,
        "codebook_size": 1024,
        "upsampling_ratios": [8, 5, 4, 2],
        "target_bandwidths": [1.5, 3.0, 6.0, 12.0, 24.0],
    } | changes


def seanet_sizes(state, sample_rate):
    """Return the keywords of `EncodecConfig` that the shapes in the renamed *state* and the rate in Hz tell."""
    books = [value for key, value in state.items() if key.endswith(".codebook.embed")]
    size, dim = books[0].shape
    ratios = ratios_of(state)
    frame_rate = math.ceil(sample_rate / math.prod(ratios))
    kbps = len(books) * frame_rate * math.ceil(math.log2(size)) / 1000
    return {
        "sampling_rate": sample_rate,
        "num_filters": len(state["encoder.layers.0.conv.bias"]),
        "hidden_size": dim,
        "codebook_dim": dim,
        "codebook_size": size,
        "upsampling_ratios": ratios,
        "target_bandwidths": [kbps],
    }


def ratios_of(state):
    """Return ``upsampling_ratios`` of the renamed *state*: half the kernels of the encoder's strided layers."""
    pattern = r"encoder\.layers\.(\d+)\.conv\.(?:weight|parametrizations\.weight\.original1)"
    kernels = {int(m[1]): value.shape[-1] for key, value in state.items() if (m := re.fullmatch(pattern, key))}
    return [kernels[layer] // 2 for layer in sorted(kernels, reverse=True)[1:-1]]
