"""Reading the files that codecs are published as."""

import json
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ncst.core.files import PathLike
from ncst.errors import NcstError

_BOOKKEEPING = {"architectures", "model_type", "torch_dtype", "dtype", "transformers_version"}
_NEW = ".parametrizations.weight.original"
_SIGNS = [
    ("Mimi", r"semantic_residual_vector_quantizer"),
    ("SpeechTokenizer", r"^transform\.weight$"),
    ("WavTokenizer", r"^(feature_extractor\.encodec|.*pos_net\.)"),
    ("FACodec", r"timbre_encoder|timbre_linear"),
    ("AudioDec", r"pad_buffer$|quantizer\.codebook\.layers"),
    ("HiFi-Codec", r"quantizer_modules2?\."),
    ("SNAC", r"quantizer\.quantizers\.\d+\.in_proj\.parametrizations"),
    ("DAC", r"quantizer\.quantizers\.\d+\.in_proj\.weight"),
    ("FunCodec (original names)", r"^quantizer\.rq\.model\."),
    ("EnCodec, FunCodec or AcademiCodec", r"^quantizer\.layers\.\d+\.codebook\."),
    ("EnCodec (original names)", r"quantizer\.vq\.layers\.\d+\._codebook"),
    ("Lyra", r"^soundstream_encoder$"),
]


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
    """Return the name of the codec whose tensors are called *keys*, or what little can be said.

    >>> looks_like(["encoder.conv1.weight", "quantizer.quantizers.0.in_proj.weight"])
    'DAC'
    """
    keys = list(keys)
    for name, sign in _SIGNS:
        if any(re.search(sign, key) for key in keys):
            return name
    return f"an unknown network (first tensor {keys[0]!r})" if keys else "an empty file"
