"""Orpheus (Canopy Labs, 2025): a Llama whose vocabulary holds the codes of SNAC, seven tokens a coarse frame."""

import torch

from ncst.audio.alms._base import Base
from ncst.audio.alms._hub import load_model, load_tokenizer

BOOKS = (0, 1, 2, 2, 1, 2, 2)
"""The book of each of the seven tokens of a coarse frame."""


class Orpheus(Base):
    """Orpheus through transformers' Llama; only tokens of the book whose turn it is can be drawn.

    Settings: ``voice`` (before the text; null for none), ``seconds`` (longest clip), ``temperature``, ``top_p``,
    ``repetition_penalty``, and ``tokens``: ``codes`` of a book, ``first_code`` (token of the first code of the first
    place), ``before_text``, ``after_text`` and ``end``.
    """

    frame_rate = 24_000 / 2048

    def __init__(self, entry, weights, device="cpu"):
        from transformers import LlamaForCausalLM

        super().__init__(entry, weights, device)
        self.tokenizer = load_tokenizer(weights)
        self.model = load_model(LlamaForCausalLM, weights, self.device)

    def codes(self, text):
        """Return (3, frames) codes at SNAC's finest rate, those of the coarser books repeated."""
        tokens, voice = self.settings["tokens"], self.settings.get("voice")
        words = self.tokenizer(f"{voice}: {text}" if voice else text).input_ids
        prompt = torch.tensor([[*tokens["before_text"], *words, *tokens["after_text"]]], device=self.device)
        written = self.model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=7 * round(self.settings["seconds"] * self.frame_rate),
            do_sample=True,
            temperature=self.settings["temperature"],
            top_p=self.settings["top_p"],
            repetition_penalty=self.settings["repetition_penalty"],
            logits_processor=[_InTurn(prompt.shape[1], tokens)],
            eos_token_id=tokens["end"],
            pad_token_id=tokens["end"],
        )[0, prompt.shape[1] :]
        written = written[written != tokens["end"]]
        places = (written - tokens["first_code"]).view(-1, 7) - tokens["codes"] * torch.arange(7, device=self.device)
        books = [places[:, [i for i, of in enumerate(BOOKS) if of == book]].flatten() for book in range(3)]
        return torch.stack([book.repeat_interleave(stride) for book, stride in zip(books, (4, 2, 1))])


class _InTurn:
    """Logits processor: each place of seven draws from its own codes; the end may come instead of a first place."""

    def __init__(self, prompt_length, tokens):
        self.start, self.tokens = prompt_length, tokens

    def __call__(self, input_ids, scores):
        place = (input_ids.shape[1] - self.start) % 7
        first = self.tokens["first_code"] + place * self.tokens["codes"]
        allowed = torch.full_like(scores, -torch.inf)
        allowed[:, first : first + self.tokens["codes"]] = 0
        if place == 0 and input_ids.shape[1] > self.start:
            allowed[:, self.tokens["end"]] = 0
        return scores + allowed
