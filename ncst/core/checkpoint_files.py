"""Reading the files that codecs are published as."""

import json
import pickle
from pathlib import Path

import torch

from ncst.errors import NcstError

_BOOKKEEPING = {"architectures", "model_type", "torch_dtype", "dtype", "transformers_version"}
_NEW = ".parametrizations.weight.original"


def load_pickle(path):
    """Return what `torch.save` wrote to *path*, tensors on the CPU; nothing but tensors and containers is unpickled.

    Raises
    ------
    NcstError
        If the file is no such file, is truncated, or holds other objects.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise NcstError(
            f"{path} is no PyTorch checkpoint of tensors: delete it and fetch it again ({reason})."
        ) from error


def load_config(path):
    """Return the keyword arguments in a ``config.json``, without what transformers notes about itself."""
    config = json.loads(Path(path).read_text(encoding="utf-8"))
    return {key: value for key, value in config.items() if key not in _BOOKKEEPING and not key.startswith("_")}


def fold(state):
    """Return *state* with weight-normalised tensors (old or new names) replaced by ``weight``.

    w = g * v / ||v||, the norm over all axes but the first, as `torch.nn.utils.weight_norm` does it.
    """
    folded = {}
    for key, value in state.items():
        for gain, direction in ((".weight_g", ".weight_v"), (_NEW + "0", _NEW + "1")):
            if key.endswith(gain):
                stem = key.removesuffix(gain)
                folded[stem + ".weight"] = torch._weight_norm(state[stem + direction], value, 0)
        if not key.endswith((".weight_g", ".weight_v", _NEW + "0", _NEW + "1")):
            folded[key] = value
    return folded
