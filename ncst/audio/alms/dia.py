"""Dia (Nari Labs, 2025): an encoder of bytes and a decoder that writes nine books of DAC 44.1 kHz with delays."""

import torch

from ncst.audio.alms._base import Base
from ncst.audio.alms._hub import load_model, load_tokenizer


class Dia(Base):
    """Dia through transformers, without an audio prompt.

    Settings: ``seconds`` (longest clip), ``guidance`` (scale of classifier-free guidance), ``temperature``, ``top_p``,
    ``top_k``.
    """

    frame_rate = 44_100 / 512

    def __init__(self, entry, weights, device="cpu"):
        from transformers import DiaForConditionalGeneration

        super().__init__(entry, weights, device)
        self.tokenizer = load_tokenizer(weights)
        self.model = load_model(DiaForConditionalGeneration, weights, self.device)

    def codes(self, text):
        """Return (books, frames): the frames before the first that holds no code."""
        config = self.model.config.decoder_config
        delays = torch.tensor(self.model.config.delay_pattern, device=self.device)
        steps = torch.arange(1 + max(delays), device=self.device)
        start = torch.where(steps[:, None] <= delays, config.bos_token_id, config.pad_token_id)[None]
        words = self.tokenizer(f"[S1] {text}", return_tensors="pt").to(self.device)
        written = self.model.generate(
            input_ids=words.input_ids,
            attention_mask=words.attention_mask,
            decoder_input_ids=start,
            decoder_attention_mask=torch.ones_like(start[..., 0]),
            max_new_tokens=round(self.settings["seconds"] * self.frame_rate),
            do_sample=True,
            guidance_scale=self.settings["guidance"],
            temperature=self.settings["temperature"],
            top_p=self.settings["top_p"],
            top_k=self.settings["top_k"],
        )[0, 1:]
        frames = len(written) - max(delays)
        codes = torch.stack([written[delay : delay + frames, book] for book, delay in enumerate(delays)])
        ends = (codes >= config.eos_token_id).any(0).nonzero()
        return codes[:, : int(ends[0, 0]) if len(ends) else None]
