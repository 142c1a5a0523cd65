"""SoundStream as AcademiCodec (Yang et al., 2023; arXiv:2305.02765) builds it, through transformers' EncodecModel.

No weights of a SoundStream are public. AcademiCodec's network class of that name is EnCodec's, and its checkpoints
``encodec_16k_320d.pth`` and ``encodec_24khz_240d.pth``, trained with EnCodec's discriminators, stand in for it.
"""

from ncst.audio.codecs._seanet import SeanetBase, rename_seanet, seanet_config, seanet_sizes
from ncst.core.checkpoint_files import read_checkpoint

PREFIX = "module."  # left by distributed training


class Codec(SeanetBase):
    """AcademiCodec's SoundStream; ``settings: {books: N}`` chooses the bitrate (16 kHz: 0.5 kbit/s a book)."""

    signs = r"^(module\.)?quantizer\.(vq\.)?layers\.\d+\._?codebook\."

    @classmethod
    def convert(cls, files, entry):
        """Take an official ``.pth`` file, a bare state dict; the rate is ``entry["official"]["sample_rate"]``."""
        (path,) = files.values()
        state = rename_seanet({key.removeprefix(PREFIX): value for key, value in read_checkpoint(path).items()})
        return seanet_config(use_causal_conv=False, **seanet_sizes(state, entry["official"]["sample_rate"])), state
