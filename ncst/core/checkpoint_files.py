"""Reading the files that codecs are published as."""

import json
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ncst import registry
from ncst.core.files import PathLike
from ncst.errors import NcstError

_BOOKKEEPING = {"architectures", "model_type", "torch_dtype", "dtype", "transformers_version"}
_NEW = ".parametrizations.weight.original"


def load_pickle(path: PathLike) -> Any:
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


def load_config(path: PathLike) -> dict[str, Any]:
    """Return the keyword arguments in a ``config.json``, without what transformers notes about itself."""
    config = json.loads(Path(path).read_text(encoding="utf-8"))
    return {key: value for key, value in config.items() if key not in _BOOKKEEPING and not key.startswith("_")}


def fold(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
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


def looks_like(keys: Iterable[str]) -> str:
    """Return the name of the codec module whose tensors are called *keys*, or what little can be said.

    Of several codecs whose `signs` are there, those with the rarest one are meant: the others share parts with them.

    >>> looks_like(["encoder.block.0.weight", "quantizer.quantizers.0.in_proj.weight"])
    'dac'
    """
    keys = list(keys)
    found: dict[int, list[str]] = {}
    for name in registry.modules("codecs"):
        if signs := registry.load("codecs", name).signs:
            found.setdefault(sum(bool(re.search(signs, key)) for key in keys), []).append(name)
    found.pop(0, None)
    if found:
        return " or ".join(found[min(found)])
    return f"an unknown network (first tensor {keys[0]!r})" if keys else "an empty file"
