"""CSM (Sesame, 2025): a Llama backbone writes Mimi's first book, a small decoder the other 31."""

from ncst.audio.alms._base import Base
from ncst.audio.alms._hub import load_model, load_tokenizer


class Csm(Base):
    """CSM through transformers, without audio context.

    Settings: ``speaker`` (number of the turn's speaker), ``seconds`` (longest clip), ``temperature`` and ``top_k`` of
    both networks.
    """

    def __init__(self, entry, weights, device="cpu"):
        from transformers import CsmForConditionalGeneration

        super().__init__(entry, weights, device)
        self.tokenizer = load_tokenizer(weights)
        self.model = load_model(CsmForConditionalGeneration, weights, self.device)

    def codes(self, text):
        """Return (books, frames): the turn's frames before the one that ends it."""
        config = self.model.config
        prompt = self.tokenizer(f"[{self.settings['speaker']}]{text}", return_tensors="pt").input_ids
        drawing = {
            "do_sample": True,
            "temperature": self.settings["temperature"],
            "top_k": self.settings["top_k"],
            "suppress_tokens": list(range(config.codec_config.codebook_size, config.vocab_size)),
        }
        frames = self.model.generate(
            input_ids=prompt.to(self.device),
            output_audio=False,
            return_dict_in_generate=False,
            max_new_tokens=round(self.settings["seconds"] * config.codec_config.frame_rate),
            **drawing,
            **{f"depth_decoder_{key}": value for key, value in drawing.items()},
        )[0]
        ends = (frames == config.codebook_eos_token_id).all(1).nonzero()
        return frames[: int(ends[0, 0]) if len(ends) else None].T
