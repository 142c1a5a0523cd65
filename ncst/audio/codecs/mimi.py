"""Mimi (Défossez et al., 2024) through transformers' MimiModel."""

import re

from ncst.audio.codecs._base import Base, books_of
from ncst.audio.codecs._parts import Book, Chain, Parts
from ncst.audio.codecs._ragged import like, plain
from ncst.core.checkpoint_files import load_config, read_checkpoint

_RENAMED = [
    (r"^(encoder|decoder)\.layers\.", r"\1.\1_seanet.layers."),
    (r"^(encoder|decoder)_transformer\.", r"\1.\1_transformer."),
    (r"^downsample\.", "encoder.downsample."),
    (r"^upsample\.", "decoder.upsample."),
]


class Mimi(Base):
    """Mimi; the first book is semantic. ``settings: {books: N}`` chooses the bitrate (137.5 bit/s a book)."""

    signs = r"semantic_residual_vector_quantizer"
    unequal = True

    def build(self, config):
        """Return ``MimiModel(MimiConfig(**config))``."""
        from transformers import MimiConfig, MimiModel

        network = MimiModel(MimiConfig(**config))
        self.sample_rate = network.config.sampling_rate
        self.books = books_of(self.settings, network.config.num_quantizers)
        return network

    def encode(self, audio):
        """Return ``(codes, None)``."""
        encoder = self.network.encoder
        latent = encoder.downsample(_transformed(encoder.encoder_transformer, encoder.encoder_seanet(audio[:, None])))
        return like(self.network.quantizer.encode(plain(latent), self.books).transpose(0, 1), latent), None

    def decode(self, codes, side):
        """Return (B, frames * hop) audio."""
        decoder, latent = self.network.decoder, self.network.quantizer.decode(plain(codes))
        latent = _transformed(decoder.decoder_transformer, decoder.upsample(like(latent, codes)))
        return decoder.decoder_seanet(latent)[:, 0]

    def parts(self):
        """Return the network taken apart."""
        quantizer = self.network.quantizer
        chains = [
            Chain([Book(layer.codebook.embed_sum) for layer in part.layers], part.input_proj, part.output_proj)
            for part in (quantizer.semantic_residual_vector_quantizer, quantizer.acoustic_residual_vector_quantizer)
        ]
        return Parts(
            lambda audio: (self.network.encoder(audio).latents, None),
            lambda latent, _: self.network.decoder(latent).audio_values,
            chains,
            self.network.config.frame_size,
        )

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return {
            "num_filters": 4,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "upsample_groups": 16,
            "codebook_size": 64,
            "codebook_dim": 8,
            "vector_quantization_hidden_dimension": 8,
            "num_quantizers": 4,
            "layer_scale_initial_scale": 0.5,
        }

    @classmethod
    def convert(cls, files, entry):
        """Take ``model.safetensors`` and ``config.json`` of kyutai/mimi, whose flat key names transformers nests."""
        state = {}
        for key, value in read_checkpoint(files["model.safetensors"]).items():
            for pattern, new in _RENAMED:
                key = re.sub(pattern, new, key)
            state[key] = value
        return load_config(files["config.json"]), state


def _transformed(transformer, x):
    """Return what the causal *transformer* makes of (B, C, T) *x*; its frames see none that come later."""
    return like(transformer(plain(x).mT, use_cache=False).last_hidden_state.mT, x)
