"""The one reader of weights: published checkpoints of every kind, and the weight files of this project."""

import json
import pickle
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from ncst import registry
from ncst.core.files import DAMAGED, PathLike
from ncst.errors import NcstError

# What readers of weights raise for files that are missing, cut off or something else.
BROKEN = (*DAMAGED, AssertionError, AttributeError, pickle.UnpicklingError, SafetensorError)
_BOOKKEEPING = {"architectures", "model_type", "torch_dtype", "dtype", "transformers_version"}
_NEW = ".parametrizations.weight.original"


def read_checkpoint(path: PathLike) -> Any:
    """Return what a published checkpoint holds, tensors on the CPU: a safetensors file or what `torch.save` wrote.

    Nothing but tensors and containers is unpickled.

    Raises
    ------
    NcstError
        If the file is missing, truncated, neither, or holds other objects.
    """
    if not Path(path).exists():
        raise NcstError(f"The checkpoint {path} does not exist: name a file of weights.")
    try:
        if Path(path).suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except BROKEN as error:
        raise NcstError(
            f"{path} is no readable checkpoint of tensors alone: delete it and fetch it again, or save its state dict"
            f" ({_reason(error)})."
        ) from error


def read_weights(path: PathLike | None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return ``(config, state)`` of a weight file of this project; half-precision tensors come back as float32.

    Raises
    ------
    NcstError
        If the file is missing, truncated or no safetensors file with a configuration in its metadata.
    """
    if path is None or not Path(path).is_file():
        raise NcstError(
            f"The weight file {path} is missing: official weights are fetched by `snakemake --cores 1 {path}`, compact"
            " ones ship in resources/compact."
        )
    try:
        with safe_open(path, framework="pt") as file:
            config = json.loads((file.metadata() or {})["config"])
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except BROKEN as error:
        raise NcstError(
            f"{path} is truncated or no safetensors file with a `config`: delete it and fetch it again"
            f" ({_reason(error)})."
        ) from error
    return config, {key: value.float() if value.dtype == torch.float16 else value for key, value in state.items()}


def load_strictly(network: nn.Module, tree: Mapping[str, Any], path: PathLike, ignored: tuple[str, ...] = ()) -> None:
    """Load the weights in *tree*, read from *path*, into *network*; every key and shape must match.

    Parameters
    ----------
    network : torch.nn.Module
    tree : dict
        Tensors by name, or what others save around them, see `unwrap`.
    path : path
    ignored : tuple of str
        Beginnings of keys, once unwrapped, that belong to other networks.

    Raises
    ------
    NcstError
        Naming the network that was asked for, the one that the file looks like, and the first keys that differ; or the
        places of the network where there are several.
    """
    prefix, state = unwrap(tree, network.state_dict(), path)
    state = {key: value for key, value in state.items() if not key.startswith(ignored)}
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        detail = " ".join(str(error).split("\n", 1)[-1].split())[:300]
        under = f" under {prefix!r}" if prefix else ""
        raise NcstError(
            f"{path} looks like weights{under} of {looks_like(state)}, not of the {type(network).__name__} that the"
            f" configuration describes: name the right file or correct the entry ({detail})."
        ) from error


def unwrap(tree: Mapping[str, Any], wanted: Iterable[str], path: PathLike) -> tuple[str, dict[str, Tensor]]:
    """Return ``(prefix, state)``: the tensors in *tree* below the place where those called *wanted* are.

    Dicts around a state dict (``state_dict``, ``model_state_dict``), attributes of a Lightning module and DataParallel
    are such places, ``state_dict.model.module.`` for example; what lies elsewhere, as optimisers and losses do, is left
    out. `torch.compile`'s marks are removed. Where no place has all of them, that with the most counts.

    Raises
    ------
    NcstError
        If several places have all of them, as beside an average of the weights.
    """
    state, wanted = dict(_flat(tree)), list(wanted)
    if not state.keys() >= {*wanted}:
        places = Counter(place for key in state for place in _places(key, {*wanted}))
        whole = [place for place, found in places.items() if found == len(wanted)]
        if len(whole) > 1:
            raise NcstError(f"{path} holds the network {len(whole)} times, under {whole}: save the one that is meant.")
        prefix = max(places, key=places.__getitem__, default="")
        return prefix, {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return "", state


def _flat(tree: Mapping[Any, Any]) -> Iterator[tuple[str, Tensor]]:
    """Yield name and value of the tensors in nested *tree*; what holds itself, or stands in two places, counts once."""
    seen, open_ = {id(tree)}, [("", iter(tree.items()))]
    while open_:
        prefix, items = open_[-1]
        for key, value in items:
            if isinstance(value, Mapping) and id(value) not in seen:
                seen.add(id(value))
                open_.append((f"{prefix}{key}.", iter(value.items())))
                break
            if isinstance(value, Tensor):
                yield re.sub(r"(^|\.)_orig_mod\.", r"\1", f"{prefix}{key}"), value
        else:
            open_.pop()


def _places(key: str, wanted: set[str]) -> Iterator[str]:
    """Yield what stands before each ending of *key* that is *wanted*."""
    starts = [0, *(dot.end() for dot in re.finditer(r"\.", key))]
    yield from (key[:start] for start in starts if key[start:] in wanted)


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


def _reason(error: Exception) -> str:
    first = re.split(r"\.\s", str(error), maxsplit=1)[0]
    return textwrap.shorten(f"{type(error).__name__}: {first}", 150, placeholder=" …")
