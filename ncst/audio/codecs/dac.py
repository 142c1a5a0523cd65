"""DAC (Kumar et al., 2023) through its own package."""

from functools import partial

from torch.nn import functional

from ncst.audio.codecs._base import Base, books_of, fold_weight_norm
from ncst.audio.codecs._parts import Book, of_library
from ncst.audio.codecs._ragged import like, plain
from ncst.core.checkpoint_files import fold, read_checkpoint

ARGUMENTS = (
    "encoder_dim",
    "encoder_rates",
    "decoder_dim",
    "decoder_rates",
    "n_codebooks",
    "codebook_size",
    "codebook_dim",
    "sample_rate",
)


class Dac(Base):
    """DAC. The decoder returns a few samples less than frames * hop; the base class pads them.

    The weight file holds plain weights where the official one has normalised ones.
    """

    signs = r"quantizer\.quantizers\.\d+\.in_proj\.weight"
    unequal = True

    def build(self, config):
        """Return ``DAC(**config)``, its weight norm folded."""
        from dac import DAC

        network = DAC(**config)
        fold_weight_norm(network)
        for quantizer in network.quantizer.quantizers:
            quantizer.decode_latents = partial(_choose, quantizer)
        self.sample_rate = network.sample_rate
        self.hop = int(network.hop_length)
        self.books = books_of(self.settings, network.n_codebooks)
        return network

    def encode(self, audio):
        """Return ``(codes, None)``."""
        latent = self.network.encoder(audio[:, None])
        return like(self.network.quantizer(plain(latent), self.books)[1], latent), None

    def decode(self, codes, side):
        """Return (B, T') audio."""
        return self.network.decoder(like(self.network.quantizer.from_codes(plain(codes))[0], codes))[:, 0]

    def parts(self):
        """Return the network taken apart."""
        books = [
            Book(q.codebook.weight, q.in_proj, q.out_proj, normalise=True) for q in self.network.quantizer.quantizers
        ]
        return of_library(self.network, books, self.hop)

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return {
            "sample_rate": 16000,
            "encoder_dim": 4,
            "encoder_rates": [5, 8, 8],
            "decoder_dim": 32,
            "decoder_rates": [8, 8, 5],
            "n_codebooks": 4,
            "codebook_size": 64,
        }

    @classmethod
    def convert(cls, files, entry):
        """Take an official ``.pth`` file: tensors, and the constructor's arguments beside them."""
        (path,) = files.values()
        checkpoint = read_checkpoint(path)
        arguments = checkpoint["metadata"]["kwargs"]
        return {key: arguments[key] for key in ARGUMENTS}, fold(checkpoint["state_dict"])


def _choose(quantizer, latents):
    """Return the code vectors (B, D, T) and codes (B, T) nearest to *latents* (B, D, T), as ``decode_latents`` does.

    Code vectors count by their direction alone. Where two are equally near up to rounding, the order of the sums
    decides; this one keeps the audio of earlier versions of this project, which ran transformers' DacModel.
    """
    vectors = functional.normalize(latents.mT.flatten(0, 1))
    table = functional.normalize(quantizer.codebook.weight)
    nearness = table.square().sum(1) - (vectors.square().sum(1, keepdim=True) - 2 * vectors @ table.t())
    codes = nearness.argmax(1).view(len(latents), -1)
    return quantizer.decode_code(codes), codes
