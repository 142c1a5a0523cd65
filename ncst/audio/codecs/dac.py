"""DAC (Kumar et al., 2023) through transformers' DacModel."""

import re

import torch
from safetensors.torch import load_file

from ncst.audio.codecs._base import Base, books_of
from ncst.core.checkpoint_files import fold, load_config, load_pickle


class Dac(Base):
    """DAC. The decoder returns a few samples less than frames * hop; the base class pads them."""

    def build(self, config):
        """Return ``DacModel(DacConfig(**config))``."""
        from transformers import DacConfig, DacModel

        network = DacModel(DacConfig(**config))
        self.sample_rate = network.config.sampling_rate
        self.hop = int(network.config.hop_length)
        self.books = books_of(self.settings, network.config.n_codebooks)
        return network

    def encode(self, audio):
        """Return ``(codes, None)``; clips are encoded one by one, since in a batch rounding may turn a near-tie."""
        clips = audio[:, None].split(1)
        return torch.cat([self.network.encode(clip, n_quantizers=self.books).audio_codes for clip in clips]), None

    def decode(self, codes, side):
        """Return (B, T') audio."""
        return self.network.decode(audio_codes=codes).audio_values

    @classmethod
    def convert(cls, files, entry):
        """Take ``model.safetensors`` and ``config.json`` in transformers' layout, or an original ``.pth`` file."""
        if "model.safetensors" in files:
            return load_config(files["config.json"]), fold(load_file(files["model.safetensors"]))
        (path,) = files.values()
        checkpoint = load_pickle(path)
        return _config(checkpoint["metadata"]["kwargs"]), _rename(fold(checkpoint["state_dict"]))


def _config(kwargs):
    """Translate the constructor arguments of ``dac.DAC`` to those of `DacConfig`."""
    names = {"encoder_dim": "encoder_hidden_size", "decoder_dim": "decoder_hidden_size", "sample_rate": "sampling_rate"}
    same = ("n_codebooks", "codebook_size", "codebook_dim")
    config = {names.get(key, key): kwargs[key] for key in (*names, *same)}
    return config | {
        "downsampling_ratios": list(kwargs["encoder_rates"]),
        "upsampling_ratios": list(kwargs["decoder_rates"]),
    }


def _rename(state):
    """Return *state* under DacModel's names: the original numbers the layers of its `Sequential` blocks."""
    last = max(int(key.split(".")[2]) for key in state if key.startswith("encoder.block."))
    return {_new_name(key, last): value for key, value in state.items()}


def _new_name(key, last):
    """Translate one key; *last* is the number of the encoder's (and decoder's) last layer."""
    part, _, rest = key.partition(".")
    if part == "quantizer":
        return key
    rest = rest.split(".", 1)[1]
    number, rest = rest.split(".", 1)
    number = int(number)
    if not 0 < number < last - 1:
        return f"{part}." + {0: "conv1.", last - 1: "snake1.", last: "conv2."}[number] + rest
    inner, rest = re.match(r"block\.(\d+)\.(.*)", rest).groups()
    inner = int(inner)
    first_unit = 0 if part == "encoder" else 2
    if first_unit <= inner < first_unit + 3:
        layer, rest = re.match(r"block\.(\d)\.(.*)", rest).groups()
        name = f"res_unit{inner - first_unit + 1}." + ("snake1", "conv1", "snake2", "conv2")[int(layer)]
    elif part == "encoder":
        name = {3: "snake1", 4: "conv1"}[inner]
    else:
        name = {0: "snake1", 1: "conv_t1"}[inner]
    return f"{part}.block.{number - 1}.{name}.{rest}"
