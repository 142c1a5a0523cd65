"""EnCodec 24 kHz (Défossez et al., 2022) through its own package."""

import re

from ncst.audio.codecs._base import Base, books_of
from ncst.audio.codecs._parts import Book, of_library
from ncst.audio.codecs._ragged import like, plain
from ncst.core.checkpoint_files import load_config, read_checkpoint

_NAMES = [  # from transformers' EncodecModel to the package
    (r"\.parametrizations\.weight\.original0$", ".weight_g"),
    (r"\.parametrizations\.weight\.original1$", ".weight_v"),
    (r"^quantizer\.layers\.(\d+)\.codebook\.", r"quantizer.vq.layers.\1._codebook."),
    (r"\.conv\.", ".conv.conv."),
    (r"^(encoder|decoder)\.layers\.", r"\1.model."),
]
_ARGUMENTS = {
    "hidden_size": "dimension",
    "num_filters": "n_filters",
    "upsampling_ratios": "ratios",
    "num_lstm_layers": "lstm",
    "kernel_size": "kernel_size",
    "last_kernel_size": "last_kernel_size",
    "norm_type": "norm",
    "use_causal_conv": "causal",
}


class Encodec(Base):
    """EnCodec; ``settings: {books: N}`` chooses the bitrate (0.75 kbit/s a book at 24 kHz).

    The network pads by itself (reflection), so inputs stay as long as they are. Its configuration is ``sample_rate`` in
    Hz and the keywords of the package's ``SEANetEncoder`` and ``ResidualVectorQuantizer``: ``seanet``, ``quantizer``.
    """

    signs = r"^quantizer\.(vq\.)?layers\.\d+\._?codebook\."
    unequal = True

    def build(self, config):
        """Return the package's ``EncodecModel``, mono and without segments."""
        from encodec import EncodecModel
        from encodec.modules import SEANetDecoder, SEANetEncoder
        from encodec.quantization import ResidualVectorQuantizer

        coder = SEANetEncoder(**config["seanet"]), SEANetDecoder(**config["seanet"])
        quantizer = ResidualVectorQuantizer(**config["quantizer"])
        self.sample_rate = config["sample_rate"]
        self.books = books_of(self.settings, quantizer.n_q)
        return EncodecModel(*coder, quantizer, target_bandwidths=[], sample_rate=self.sample_rate, channels=1)

    def encode(self, audio):
        """Return ``(codes, None)``."""
        latent = self.network.encoder(audio[:, None])
        return like(self.network.quantizer.vq.encode(plain(latent), self.books).transpose(0, 1), latent), None

    def decode(self, codes, side):
        """Return (B, frames * hop) audio."""
        latent = self.network.quantizer.decode(plain(codes).transpose(0, 1))
        return self.network.decoder(like(latent, codes))[:, 0]

    def parts(self):
        """Return the network taken apart."""
        books = [Book(layer._codebook.embed) for layer in self.network.quantizer.vq.layers]
        for layer in self.network.quantizer.vq.layers:
            layer._codebook.inited.fill_(1)
        return of_library(self.network, books, int(self.network.encoder.hop_length))

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return {
            "sample_rate": 16000,
            "seanet": {"n_filters": 4, "dimension": 16, "ratios": [5, 8, 8], "lstm": 1, "causal": True},
            "quantizer": {"dimension": 16, "n_q": 4, "bins": 64},
        }

    @classmethod
    def convert(cls, files, entry):
        """Take ``model.safetensors`` and ``config.json`` of facebook/encodec_24khz, or the original ``.th`` file."""
        if "model.safetensors" in files:
            told = load_config(files["config.json"])
            seanet = {name: told[key] for key, name in _ARGUMENTS.items() if key in told}
            state = _rename(read_checkpoint(files["model.safetensors"]))
            return _config(state, told["sampling_rate"], {"causal": True} | seanet), state
        (path,) = files.values()
        state = read_checkpoint(path)
        return _config(state, 24_000, {"causal": True}), state


def _config(state, sample_rate, seanet):
    """Return the configuration of a network with the keywords *seanet*; its books are those in *state*."""
    books = [value for key, value in state.items() if key.endswith("._codebook.embed")]
    bins, dimension = books[0].shape
    quantizer = {"dimension": dimension, "n_q": len(books), "bins": bins}
    return {"sample_rate": sample_rate, "seanet": seanet, "quantizer": quantizer}


def _rename(state):
    """Return *state* of transformers' EncodecModel under the package's names."""
    found = (re.fullmatch(r"decoder\.layers\.(\d+)\.conv\.bias", key) for key in state)
    upsampling = [f"decoder.layers.{n}.conv." for n in sorted(int(match[1]) for match in found if match)[1:-1]]
    renamed = {}
    for key, value in state.items():
        if key.startswith(tuple(upsampling)):
            key = key.replace(".conv.", ".convtr.convtr.")
        for pattern, new in _NAMES:
            key = re.sub(pattern, new, key)
        renamed[key] = value
    return renamed
