"""Bark (Suno, 2023): text to semantic tokens, to EnCodec's first two books, to all eight."""

import torch

from ncst.audio.alms._base import Base
from ncst.audio.alms._hub import load_model, load_tokenizer


class Bark(Base):
    """Bark through transformers, without a voice preset: each clip draws its own speaker.

    Settings: ``seconds`` (longest clip), ``temperature`` of the two causal networks, ``fine_temperature`` of the last.
    """

    def __init__(self, entry, weights, device="cpu"):
        from transformers import BarkModel

        super().__init__(entry, weights, device)
        self.tokenizer = load_tokenizer(weights)
        self.model = load_model(BarkModel, weights, self.device)

    def codes(self, text):
        """Return (8, frames)."""
        from transformers.models.bark import generation_configuration_bark as stages

        shared = self.model.generation_config
        semantic = stages.BarkSemanticGenerationConfig(**shared.semantic_config)
        coarse = stages.BarkCoarseGenerationConfig(**shared.coarse_acoustics_config)
        fine = stages.BarkFineGenerationConfig(**shared.fine_acoustics_config)
        words = self.tokenizer(
            text,
            padding="max_length",
            max_length=semantic.max_input_semantic_length,
            truncation=True,
            add_special_tokens=False,
            return_attention_mask=True,
            return_tensors="pt",
        ).to(self.device)
        drawing = {"do_sample": True, "temperature": self.settings["temperature"]}
        meaning = self.model.semantic.generate(
            words.input_ids,
            attention_mask=words.attention_mask,
            semantic_generation_config=semantic,
            max_new_tokens=round(self.settings["seconds"] * semantic.semantic_rate_hz),
            **drawing,
        )
        known = {"semantic_generation_config": semantic, "coarse_generation_config": coarse}
        known["codebook_size"] = shared.codebook_size
        books = self.model.coarse_acoustics.generate(meaning, **known, **drawing)
        if not books.shape[1]:
            return torch.zeros(fine.n_fine_codebooks, 0, dtype=torch.int64)
        return self.model.fine_acoustics.generate(
            books, **known, fine_generation_config=fine, temperature=self.settings["fine_temperature"]
        )[0].long()
