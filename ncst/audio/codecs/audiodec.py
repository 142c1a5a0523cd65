"""AudioDec: a causal autoencoder, with its own decoder or a HiFi-GAN vocoder behind the quantizer.

Runs the plain forward path with zero history. The published streaming path equals it after half a second.

References
----------
Wu et al., "AudioDec: An Open-source Streaming High-fidelity Neural Audio Codec", ICASSP 2023 (arXiv:2305.16608).
Weights: ``symAD_libritts_24000_hop300`` and ``AudioDec_v1_symAD_libritts_24000_hop300_clean``.
"""

import math
import re

from torch import nn

from ncst.audio.codecs._audiodec_layers import CausalConv, Decoder, Encoder, Vocoder
from ncst.audio.codecs._base import Base, books_of
from ncst.audio.codecs._parts import of_own
from ncst.audio.codecs._ragged import like, plain
from ncst.audio.codecs._residual import ResidualQuantizer
from ncst.core.checkpoint_files import fold, read_checkpoint
from ncst.errors import NcstError

IGNORED = (".pad_buffer", ".cluster_size", ".embed_avg")  # key endings: streaming history, training statistics


class Codec(Base):
    """AudioDec; the weight file decides between the symmetric decoder and the vocoder."""

    signs = r"pad_buffer$|quantizer\.codebook\.layers"
    unequal = True

    def build(self, config):
        """Return ``AudioDec(**config)``."""
        network = AudioDec(**config)
        self.sample_rate, self.hop = network.sample_rate, network.hop
        self.books = books_of(self.settings, len(network.quantizer.codebooks))
        return network

    def encode(self, audio):
        """Return ``(codes, None)``."""
        latent = self.network.encode_latent(audio)
        return like(self.network.quantizer.encode(plain(latent), self.books), latent), None

    def decode(self, codes, side):
        """Return (B, frames * hop) audio."""
        return self.network.decode_latent(like(self.network.quantizer.decode(plain(codes)), codes))

    def parts(self):
        """Return the network taken apart."""
        return of_own(self.network)

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return {"channels": 4, "latent": 8, "codes": 64, "books": 4}

    @classmethod
    def convert(cls, files, entry):
        """Take the official ``checkpoint-<n>steps.pkl`` files, each with its tensors in ``['model']['generator']``.

        One or two autoencoders: of two, the encoder and quantizer come from the one with fewer steps, the decoder,
        which was trained on alone, from the other. A vocoder replaces the decoder. Sizes follow from the tensors, the
        sampling rate in Hz from ``entry["official"]["sample_rate"]``.

        Raises
        ------
        NcstError
            If there is no autoencoder or more than one vocoder.
        """
        states = {name: _generator(path) for name, path in files.items()}
        vocoders = [state for state in states.values() if "input_conv.conv.weight" in state]
        coders = sorted(
            (name for name, state in states.items() if "projector.project.conv.weight" in state), key=_steps
        )
        if not coders or len(vocoders) > 1 or len(coders) + len(vocoders) != len(files):
            raise NcstError(f"AudioDec needs autoencoder files and at most one vocoder, not {sorted(files)}.")
        state = {key: value for key, value in states[coders[0]].items() if not key.startswith("decoder.")}
        config = {"sample_rate": entry["official"]["sample_rate"]} | _sizes(state)
        if vocoders:
            config["vocoder"] = _vocoder_sizes(vocoders[0])
            state |= {f"decoder.{key}": value for key, value in vocoders[0].items()}
        else:
            state |= {key: value for key, value in states[coders[-1]].items() if key.startswith("decoder.")}
        return config, {_own_name(k): v.t().contiguous() if k.endswith(".embed") else v for k, v in state.items()}


def _generator(path):
    """Return the tensors of an official file that inference needs, weight norm folded."""
    state = read_checkpoint(path)["model"]["generator"]
    return fold({key: value for key, value in state.items() if not key.endswith(IGNORED)})


def _own_name(key):
    return re.sub(r"^quantizer\.codebook\.layers\.(\d+)\.embed$", r"quantizer.codebooks.\1", key)


def _steps(name):
    """Return the training steps in a file name, 0 if there are none."""
    found = re.search(r"(\d+)steps", name)
    return int(found[1]) if found else 0


def _strides(state, pattern):
    """Return the strides of the layers whose keys match *pattern*; kernels are twice as long."""
    found = {int(m[1]): value.shape[-1] // 2 for key, value in state.items() if (m := re.fullmatch(pattern, key))}
    return [found[i] for i in sorted(found)]


def _sizes(state):
    books = [value for key, value in state.items() if key.endswith(".embed")]
    return {
        "channels": state["encoder.conv.conv.weight"].shape[0],
        "strides": _strides(state, r"encoder\.conv_blocks\.(\d+)\.conv\.conv\.weight"),
        "latent": books[0].shape[0],
        "books": len(books),
        "codes": books[0].shape[1],
    }


def _vocoder_sizes(state):
    return {
        "channels": state["input_conv.conv.weight"].shape[0],
        "strides": _strides(state, r"upsamples\.(\d+)\.deconv\.weight"),
        "kernel": state["blocks.0.convs1.0.conv.weight"].shape[2],
        "groups": state["blocks.0.conv_out.weight"].shape[1] // state["blocks.0.conv_out.weight"].shape[0],
    }


class AudioDec(nn.Module):
    """The network; the defaults are the official autoencoder at 24 kHz.

    Parameters
    ----------
    sample_rate : int
        In Hz.
    channels : int
        Channels after the encoder's first convolution; every stride doubles them.
    strides : sequence of int
        Of the encoder; their product is the hop.
    latent, books, codes : int
        Width of the code vectors, codebooks, code vectors per book.
    vocoder : dict or None
        Keyword arguments of `Vocoder`, or None for the decoder that mirrors the encoder.
    """

    def __init__(
        self, sample_rate=24_000, channels=32, strides=(3, 4, 5, 5), latent=64, books=8, codes=1024, vocoder=None
    ):
        super().__init__()
        self.sample_rate, self.hop = sample_rate, math.prod(strides)
        self.encoder = Encoder(channels, strides)
        self.projector = nn.ModuleDict({"project": CausalConv(channels * 2 ** len(strides), latent, 3, bias=False)})
        self.quantizer = ResidualQuantizer(books, codes, latent)
        self.decoder = Vocoder(latent, **vocoder) if vocoder else Decoder(latent, channels, strides[::-1])

    def encode_latent(self, audio):
        """Return the (B, latent, frames) latent of (B, T) audio; frames is T / hop rounded up."""
        return self.projector["project"](self.encoder(audio[:, None]))

    def decode_latent(self, latent):
        """Return (B, frames * hop) audio for a (B, latent, frames) quantised latent."""
        return self.decoder(latent)[:, 0]
