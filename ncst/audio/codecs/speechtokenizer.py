"""SpeechTokenizer (Zhang et al., 2024) through its own package."""

from ncst.audio.codecs._base import Base, books_of
from ncst.audio.codecs._parts import Book, of_library
from ncst.audio.codecs._ragged import like, plain
from ncst.core.checkpoint_files import load_config, read_checkpoint


class SpeechTokenizerCodec(Base):
    """SpeechTokenizer; the first book is semantic. The network pads by itself (reflection)."""

    signs = r"^transform\.weight$"
    unequal = True

    def build(self, config):
        """Return ``SpeechTokenizer(config)``."""
        from speechtokenizer import SpeechTokenizer

        network = SpeechTokenizer(config)
        self.sample_rate = network.sample_rate
        self.books = books_of(self.settings, network.n_q)
        return network

    def encode(self, audio):
        """Return ``(codes, None)``."""
        latent = self.network.encoder(audio[:, None])
        return like(self.network.quantizer.encode(plain(latent), n_q=self.books, st=0).transpose(0, 1), latent), None

    def decode(self, codes, side):
        """Return (B, frames * hop) audio."""
        return self.network.decoder(like(self.network.quantizer.decode(plain(codes).transpose(0, 1)), codes))[:, 0]

    def parts(self):
        """Return the network taken apart."""
        books = [Book(layer._codebook.embed) for layer in self.network.quantizer.vq.layers]
        for layer in self.network.quantizer.vq.layers:
            layer._codebook.inited.fill_(1)
        return of_library(self.network, books, int(self.network.downsample_rate))

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return {
            "n_filters": 4,
            "strides": [5, 8, 8],
            "dimension": 16,
            "semantic_dimension": 12,
            "bidirectional": True,
            "dilation_base": 2,
            "residual_kernel_size": 3,
            "n_residual_layers": 1,
            "lstm_layers": 1,
            "activation": "ELU",
            "codebook_size": 64,
            "n_q": 4,
            "sample_rate": 16000,
        }

    @classmethod
    def convert(cls, files, entry):
        """Take ``SpeechTokenizer.pt`` and ``config.json`` of fnlp/SpeechTokenizer, any folder."""
        by_name = {name.rsplit("/", 1)[-1]: path for name, path in files.items()}
        return load_config(by_name["config.json"]), read_checkpoint(by_name["SpeechTokenizer.pt"])
