"""Every codec's network at a toy size with random weights, as a weight file."""

import json

import torch
from safetensors.torch import save_file

from ncst import registry
from ncst.errors import NcstError


def modules():
    """Return the codecs that need weights, but those with none but official ones.

    A codec that does not say how to make it small is among them: its tests fail with the sentence that names what is
    missing.
    """
    return [name for name in registry.modules("codecs") if _can_be_small(registry.load("codecs", name))]


def _can_be_small(codec):
    try:
        return codec.needs_weights and codec.tiny() is not None
    except NcstError:
        return True


def write(module, path, seed=0):
    """Write a weight file of codec *module* with random weights to *path* and return *path*."""
    codec = registry.load("codecs", module)
    config = codec.tiny()
    torch.manual_seed(seed)
    state = codec.untrained(config).network.state_dict()
    for key, value in state.items():
        if key.endswith((".embed", ".embed_sum", ".embed_avg")):
            state[key] = torch.randn_like(value)
        elif key.endswith(".inited"):
            state[key] = torch.ones_like(value)
    save_file({key: value.contiguous().clone() for key, value in state.items()}, path, {"config": json.dumps(config)})
    return path
