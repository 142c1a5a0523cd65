"""SNAC 24 kHz (Siuzdak et al., 2024) through its own package."""

from functools import partial
from math import lcm

import torch

from ncst.audio.codecs._base import Base
from ncst.audio.codecs._parts import Book, of_library
from ncst.audio.codecs._ragged import lengths_of, like, plain
from ncst.core.checkpoint_files import load_config, read_checkpoint


class Snac(Base):
    """SNAC: books at several frame rates, and a decoder that draws Gaussian noise, seeded per clip.

    Codes are given at the finest rate: the frames of a coarser book are repeated.
    """

    signs = r"quantizer\.quantizers\.\d+\.in_proj\.parametrizations"
    random = True

    def build(self, config):
        """Return ``SNAC(**config)``."""
        from snac import SNAC

        network = SNAC(**config)
        self.sample_rate = network.sampling_rate
        self.strides = network.vq_strides
        self.hop = int(network.hop_length) * lcm(self.strides[0], network.attn_window_size or 1)
        self.unequal = network.attn_window_size is None
        for module in network.modules():
            if type(module).__name__ == "NoiseBlock":
                module.forward = partial(self._add_noise, module.linear)
        return network

    def encode(self, audio):
        """Return ``(codes, None)``."""
        latent = self.network.encoder(audio[:, None])
        books = zip(self.network.quantizer(plain(latent))[1], self.strides, strict=True)
        codes = torch.stack([book.repeat_interleave(stride, -1) for book, stride in books], 1)
        return like(codes, latent), None

    def decode(self, codes, side):
        """Return (B, T') audio, with the noise of each clip."""
        books = [plain(codes)[:, i, ::stride].contiguous() for i, stride in enumerate(self.strides)]
        return self.network.decoder(like(self.network.quantizer.from_codes(books), codes))[:, 0]

    def _add_noise(self, linear, x):
        noise = self.noise(lengths_of(x))[:, None]
        return x + linear(x) * noise.to(x.dtype)

    def parts(self):
        """Return the network taken apart."""
        books = [
            Book(q.codebook.weight, q.in_proj, q.out_proj, normalise=True, stride=q.stride)
            for q in self.network.quantizer.quantizers
        ]
        return of_library(self.network, books, int(self.network.hop_length) * max(self.strides))

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return {
            "sampling_rate": 24000,
            "encoder_dim": 4,
            "encoder_rates": [4, 8, 8],
            "decoder_dim": 32,
            "decoder_rates": [8, 8, 4],
            "attn_window_size": None,
            "codebook_size": 64,
            "vq_strides": [4, 2, 1],
        }

    @classmethod
    def convert(cls, files, entry):
        """Take ``pytorch_model.bin`` and ``config.json`` of hubertsiuzdak/snac_24khz."""
        return load_config(files["config.json"]), read_checkpoint(files["pytorch_model.bin"])
