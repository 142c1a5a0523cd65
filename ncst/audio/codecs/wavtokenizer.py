"""WavTokenizer: a convolutional encoder, one codebook, and a decoder that predicts a spectrum.

References
----------
Ji et al., "WavTokenizer: an Efficient Acoustic Discrete Codec Tokenizer for Audio Language Modeling", ICLR 2025
(arXiv:2408.16532); the decoder's blocks and head: Siuzdak, "Vocos", ICLR 2024 (arXiv:2306.00814). Weights: the
``WavTokenizer_*_320_24k*`` and ``*_600_24k*`` checkpoints; all sizes of training set share one network.
"""

import math
import re

from torch import nn

from ncst.audio.codecs._base import Base, books_of
from ncst.audio.codecs._parts import of_own
from ncst.audio.codecs._ragged import like, plain
from ncst.audio.codecs._residual import ResidualQuantizer
from ncst.audio.codecs._seanet import ratios_of, rename_seanet
from ncst.audio.codecs._wavtokenizer_layers import Decoder
from ncst.core.checkpoint_files import read_checkpoint

CODER = "feature_extractor.encodec."
IGNORED = (  # beginnings of keys: an unused decoder, training statistics, discriminators
    r"feature_extractor\.encodec\.decoder\.",
    r"feature_extractor\.encodec\.quantizer\.vq\.layers\.0\._codebook\.(inited|cluster_size|embed_avg)",
    r"(multiperioddisc|multiresddisc|dac|dacdiscriminator|melspec_loss)\.",
)
_NAMES = [
    (r"^quantizer\.layers\.(\d+)\.codebook\.embed$", r"quantizer.codebooks.\1"),
    (r"^backbone\.", "decoder."),
    (r"^head\.(istft\.)?", "decoder.head."),
    (r"\.norm\.scale\.weight$", ".norm.weight"),
    (r"\.norm\.shift\.weight$", ".norm.bias"),
]


class Codec(Base):
    """WavTokenizer. The network pads by itself, so inputs stay as long as they are."""

    signs = r"^feature_extractor\.encodec|pos_net\."
    unequal = True

    def build(self, config):
        """Return ``WavTokenizer(**config)``."""
        network = WavTokenizer(**config)
        self.sample_rate = network.sample_rate
        books_of(self.settings, len(network.quantizer.codebooks))
        return network

    def encode(self, audio):
        """Return ``(codes, None)``."""
        latent = self.network.encode_latent(audio)
        return like(self.network.quantizer.encode(plain(latent)), latent), None

    def decode(self, codes, side):
        """Return (B, frames * hop) audio."""
        return self.network.decode_latent(like(self.network.quantizer.decode(plain(codes)), codes))

    def parts(self):
        """Return the network taken apart."""
        return of_own(self.network)

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return {
            "ratios": [8, 5, 4, 2],
            "filters": 4,
            "lstm_layers": 1,
            "latent": 16,
            "codes": 64,
            "dim": 32,
            "hidden": 48,
            "blocks": 1,
        }

    @classmethod
    def convert(cls, files, entry):
        """Take an official ``.ckpt`` file; its tensors are in ``['state_dict']`` and those in `IGNORED` are dropped.

        The decoder's norms have four rows of scales and shifts, one per bandwidth; inference uses row 0 alone, which
        makes them ordinary layer norms. The rates follow from the tensors, the sampling rate in Hz is
        ``entry["official"]["sample_rate"]``.
        """
        (path,) = files.values()
        tensors = read_checkpoint(path)["state_dict"]
        n_fft = len(tensors["head.istft.window"])
        kept = {key: value for key, value in tensors.items() if not re.match("|".join(IGNORED), key)}
        coder = {key.removeprefix(CODER): value for key, value in kept.items() if key.startswith(CODER)}
        renamed = rename_seanet(coder) | {key: value for key, value in kept.items() if not key.startswith(CODER)}
        state = {_own_name(key): value[0] if ".norm.s" in key else value for key, value in renamed.items()}
        config = {"sample_rate": entry["official"]["sample_rate"], "ratios": ratios_of(state), "n_fft": n_fft}
        return config, state


def _own_name(key):
    for pattern, new in _NAMES:
        key = re.sub(pattern, new, key)
    return key


class WavTokenizer(nn.Module):
    """The network.

    Parameters
    ----------
    sample_rate : int
        Hz.
    ratios : list of int
        Strides of the encoder, last one first; their product is the hop.
    filters : int
        Channels after the encoder's first convolution; every stride doubles them.
    lstm_layers : int
        Of the encoder.
    latent, codes : int
        Width and number of the code vectors.
    dim, hidden, blocks : int
        Width of the decoder, of its perceptrons, and how many ConvNeXt blocks it has.
    attention : bool
        With the residual and attention layers before the blocks.
    n_fft : int
        Window of the inverse STFT in samples.
    """

    def __init__(
        self,
        sample_rate=24_000,
        ratios=(8, 5, 4, 2),
        filters=32,
        lstm_layers=2,
        latent=512,
        codes=4096,
        dim=768,
        hidden=2304,
        blocks=12,
        attention=True,
        n_fft=1280,
    ):
        from transformers import EncodecConfig
        from transformers.models.encodec.modeling_encodec import EncodecEncoder

        super().__init__()
        self.sample_rate, self.hop = sample_rate, math.prod(ratios)
        shape = {"upsampling_ratios": list(ratios), "num_filters": filters, "num_lstm_layers": lstm_layers}
        self.encoder = EncodecEncoder(EncodecConfig(hidden_size=latent, use_causal_conv=False, **shape))
        self.quantizer = ResidualQuantizer(1, codes, latent)
        self.decoder = Decoder(latent, dim, hidden, blocks, attention, n_fft, self.hop)

    def encode_latent(self, audio):
        """Return the (B, latent, frames) latent of (B, T) audio; frames is T / hop rounded up."""
        return self.encoder(audio[:, None])

    def decode_latent(self, latent):
        """Return (B, frames * hop) audio for a (B, latent, frames) quantised latent."""
        return self.decoder(latent)
