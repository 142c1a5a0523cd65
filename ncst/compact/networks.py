"""The networks that compact weights are trained for, each split into encoder, books and decoder."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ncst.compact.codebooks import Book, Chain, Chains


@dataclass
class Parts:
    """A network taken apart for training.

    Attributes
    ----------
    network : nn.Module
        The whole; its state dict is what is saved.
    encode : callable
        (B, 1, T) audio to ``(latent, side)``: (B, D, frames), and what else the decoder needs or None.
    decode : callable
        ``(latent, side)`` to (B, 1, T') audio.
    chains : Chains
        They quantize the latent.
    frame : int
        Input lengths are multiples of this many samples.
    """

    network: nn.Module
    encode: Any
    decode: Any
    chains: Chains
    frame: int


def _seanet(config):
    from transformers import EncodecConfig, EncodecModel

    network = EncodecModel(EncodecConfig(**config))

    def encode(audio):
        if not network.config.normalize:
            return network.encoder(audio), None
        scale = audio.square().mean((1, 2), keepdim=True).sqrt() + 1e-8
        return network.encoder(audio / scale), scale

    def decode(latent, scale):
        audio = network.decoder(latent)
        return audio if scale is None else audio * scale

    books = [Book(layer.codebook.embed) for layer in network.quantizer.layers]
    return Parts(network, encode, decode, Chains([Chain(books)]), network.config.hop_length)


def _encodec(config):
    from ncst.audio.codecs.encodec import Encodec

    network = _untrained(Encodec, config)
    for layer in network.quantizer.vq.layers:
        layer._codebook.inited.fill_(1)
    books = [Book(layer._codebook.embed) for layer in network.quantizer.vq.layers]
    return Parts(
        network,
        lambda audio: (network.encoder(audio), None),
        lambda latent, _: network.decoder(latent),
        Chains([Chain(books)]),
        int(network.encoder.hop_length),
    )


def _untrained(codec, config):
    blank = codec.__new__(codec)
    blank.settings = {}
    return blank.build(config)


def _mimi(config):
    from transformers import MimiConfig, MimiModel

    network = MimiModel(MimiConfig(**config))
    quantizer = network.quantizer
    chains = Chains(
        Chain([Book(layer.codebook.embed_sum) for layer in part.layers], part.input_proj, part.output_proj)
        for part in (quantizer.semantic_residual_vector_quantizer, quantizer.acoustic_residual_vector_quantizer)
    )
    return Parts(
        network,
        lambda audio: (network.encoder(audio).latents, None),
        lambda latent, _: network.decoder(latent).audio_values,
        chains,
        network.config.frame_size,
    )


def _dac(config):
    from ncst.audio.codecs.dac import Dac

    network = _untrained(Dac, config)
    books = [Book(q.codebook.weight, q.in_proj, q.out_proj, normalise=True) for q in network.quantizer.quantizers]
    return Parts(
        network,
        lambda audio: (network.encoder(audio), None),
        lambda latent, _: network.decoder(latent),
        Chains([Chain(books)]),
        int(network.hop_length),
    )


def _snac(config):
    from snac import SNAC

    network = SNAC(**config)
    books = [
        Book(q.codebook.weight, q.in_proj, q.out_proj, normalise=True, stride=q.stride)
        for q in network.quantizer.quantizers
    ]
    return Parts(
        network,
        lambda audio: (network.encoder(audio), None),
        lambda latent, _: network.decoder(latent),
        Chains([Chain(books)]),
        int(network.hop_length) * max(network.vq_strides),
    )


def _speechtokenizer(config):
    from speechtokenizer import SpeechTokenizer

    network = SpeechTokenizer(config)
    books = [Book(layer._codebook.embed) for layer in network.quantizer.vq.layers]
    for layer in network.quantizer.vq.layers:
        layer._codebook.inited.fill_(1)
    return Parts(
        network,
        lambda audio: (network.encoder(audio), None),
        lambda latent, _: network.decoder(latent),
        Chains([Chain(books)]),
        int(network.downsample_rate),
    )


def _plain(network):
    """Take apart one of this project's own networks with a residual quantizer."""
    return Parts(
        network,
        lambda audio: (network.encode_latent(audio[:, 0]), None),
        lambda latent, _: network.decode_latent(latent)[:, None],
        Chains([Chain([Book(table) for table in network.quantizer.codebooks])]),
        network.hop,
    )


def _wavtokenizer(config):
    from ncst.audio.codecs.wavtokenizer import WavTokenizer

    return _plain(WavTokenizer(**config))


def _audiodec(config):
    from ncst.audio.codecs.audiodec import AudioDec

    return _plain(AudioDec(**config))


def _hificodec(config):
    from ncst.audio.codecs.hificodec import HiFiCodec

    network = HiFiCodec(**config)
    groups = len(network.quantizer)

    def chain(group):
        def pad(part):
            return torch.cat([part if i == group else torch.zeros_like(part) for i in range(groups)], 1)

        books = [Book(table) for table in network.quantizer[group].codebooks]
        return Chain(books, lambda latent: latent.chunk(groups, 1)[group], pad)

    return Parts(
        network,
        lambda audio: (network.encode_latent(audio[:, 0]), None),
        lambda latent, _: network.decode_latent(latent)[:, None],
        Chains(chain(group) for group in range(groups)),
        network.hop,
    )


def _facodec(config):
    from ncst.audio.codecs.facodec import FACodec

    network = FACodec(**config)

    def encode(audio):
        latent = network.encode_latent(audio[:, 0])
        return latent, network.timbre(latent)

    def books(part):
        return [Book(q.codebook.weight, q.in_proj, q.out_proj, normalise=True) for q in part.layers]

    return Parts(
        network,
        encode,
        lambda latent, timbre: network.decode_latent(latent, timbre)[:, None],
        Chains(Chain(books(part), rest=i == 2) for i, part in enumerate(network.quantizer)),
        network.hop,
    )


_BUILDERS = {
    "encodec": _encodec,
    "funcodec": _seanet,
    "soundstream": _seanet,
    "mimi": _mimi,
    "dac": _dac,
    "snac": _snac,
    "speechtokenizer": _speechtokenizer,
    "wavtokenizer": _wavtokenizer,
    "audiodec": _audiodec,
    "hificodec": _hificodec,
    "facodec": _facodec,
}


def take_apart(name, config):
    """Build the network of codec *name* from *config* (its constructor's keywords) as `Parts`."""
    return _BUILDERS[name](config)
