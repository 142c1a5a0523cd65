"""Where networks run."""

import torch

from ncst.errors import NcstError


def device_of(name: str) -> torch.device:
    """Return the device called *name*.

    Raises
    ------
    NcstError
        If it is a GPU and PyTorch finds none.
    """
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise NcstError("This machine has no GPU that PyTorch can use: set `gpu: 0`, or run on a machine that has one.")
    return device
