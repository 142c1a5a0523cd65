"""FunCodec (Du et al., ICASSP 2024; arXiv:2309.07405), its time-domain models, through transformers' EncodecModel.

The level is kept: audio is divided by its RMS for the network and multiplied by it again. Every convolution is
group-normalised over the whole clip, so padding would change all of it, not the end alone.
"""

from ncst.audio.codecs._seanet import SeanetBase, rename_seanet, seanet_config, seanet_sizes
from ncst.core.checkpoint_files import read_checkpoint

BOOKS = "quantizer.rq.model."
IGNORED = ("discriminator.", "mel_spec_transforms.")  # beginnings of keys that only training needs


class Codec(SeanetBase):
    """FunCodec; ``settings: {books: N}`` chooses the bitrate: 0.5 kbit/s a book at hop 320, 0.25 at hop 640.

    The original code turns a bitrate into books without looking at how many there are: with 32 books at hop 640, its
    8, 16 and 32 kbit/s are the same audio. Here more books than there are is an error.
    """

    signs = r"^quantizer\.(layers\.\d+\.codebook|rq\.model)\."

    @classmethod
    def tiny(cls):
        """Return the configuration of a small network."""
        return super().tiny() | {"normalize": True, "norm_type": "time_group_norm"}

    @classmethod
    def convert(cls, files, entry):
        """Take the official ``model.pth``, a bare state dict with all codebooks stacked in one tensor."""
        (path,) = files.values()
        state = {key: value for key, value in read_checkpoint(path).items() if not key.startswith(IGNORED)}
        for key in [key for key in state if key.startswith(BOOKS)]:
            name = f"_codebook.{key.removeprefix(BOOKS)}"
            state |= {f"quantizer.vq.layers.{i}.{name}": book for i, book in enumerate(state.pop(key))}
        state = rename_seanet(state)
        config = {"norm_type": "time_group_norm", "use_causal_conv": False, "normalize": True}
        return seanet_config(**config, **seanet_sizes(state, entry["official"]["sample_rate"])), state
