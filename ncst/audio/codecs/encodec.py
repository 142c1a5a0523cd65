"""EnCodec 24 kHz (Défossez et al., 2022) through transformers' EncodecModel."""

from safetensors.torch import load_file

from ncst.audio.codecs._encodec import EncodecBase, rename_seanet, seanet_config
from ncst.core.checkpoint_files import load_config, load_pickle


class Encodec(EncodecBase):
    """EnCodec; ``settings: {books: N}`` chooses the bitrate (0.75 kbit/s a book at 24 kHz)."""

    @classmethod
    def convert(cls, files, entry):
        """Take ``model.safetensors`` and ``config.json`` of facebook/encodec_24khz, or the original ``.th`` file."""
        if "model.safetensors" in files:
            return load_config(files["config.json"]), rename_seanet(load_file(files["model.safetensors"]))
        (checkpoint,) = files.values()
        return seanet_config(), rename_seanet(load_pickle(checkpoint))
