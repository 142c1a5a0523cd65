"""Where networks run, how exactly, and what it means when they cannot."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ncst.core import cards
from ncst.errors import NcstError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "tf32", "bf16", "fp16")
FULL = "out of memory", "ALLOC_FAILED"
SPEAKERS = "CUDA error", "cuDNN error", "CUDNN_STATUS", "CUBLAS_STATUS", "NCCL error"
FAILURES = {
    "no kernel image": "PyTorch was not built for this GPU: install a build that knows it, or set `gpu: 0`",
    "busy or unavailable": "the GPU is held by another program: wait for it, or set CUDA_VISIBLE_DEVICES to another",
    "": "the GPU was lost in the middle of the work: look what the driver says (`nvidia-smi`), then run again",
}

LOOK = """
from ncst.core.devices import count_gpus
from ncst.errors import NcstError
try:
    print(count_gpus())
except NcstError as error:
    print(error)
"""


def device_of(name: str, count: int = 1) -> "torch.device":
    """Return the device called *name*, and from now on compute in float32 without TF32, which cuDNN would use.

    If it is a GPU, the process owns *count* cards from then on: see `ncst.core.cards`.

    Raises
    ------
    NcstError
        If it is a GPU and PyTorch finds too few, or too few that no other job has.
    """
    import torch

    _allow_tf32(False)
    device = torch.device(name)
    if device.type == "cuda":
        cards.claim(count, cards.visible() or [str(card) for card in range(torch.cuda.device_count())])
        count_gpus()
    return device


def count_gpus() -> int:
    """Return how many GPUs PyTorch can use; a `NcstError` that says why if it can use none."""
    import torch

    if not torch.cuda.is_available():
        raise NcstError(
            f"This machine has no GPU that PyTorch can use: set `gpu: 0`, or mend what CUDA reports ({_reason()})."
        )
    return torch.cuda.device_count()


def check_gpus(gpu: int, limit: int | None, python: str = sys.executable) -> None:
    """Look, before the first job of a run on this machine, whether it has the GPUs that the jobs will ask for.

    Another process looks, so that this one neither loads PyTorch nor keeps memory of a card.

    Parameters
    ----------
    gpu : int
        GPUs per training.
    limit : int or None
        Those that all jobs together may take at a time, Snakemake's ``--resources gpu=``.
    python : str
        The interpreter.

    Raises
    ------
    NcstError
        If PyTorch finds fewer than either, or a training wants more than all jobs together may take.
    """
    if not gpu:
        return
    if limit is not None and limit < gpu:
        raise NcstError(f"`gpu: {gpu}` wants more cards than all jobs may take: add `--resources gpu={gpu}`.")
    done = subprocess.run([python, "-c", LOOK], capture_output=True, text=True)
    found = done.stdout.strip()
    if not found.isdigit():
        raise NcstError(found or f"PyTorch cannot be loaded: {done.stderr.strip()[-200:]}")
    if int(found) < (limit or gpu):
        raise NcstError(
            f"PyTorch finds {found} GPUs here, but jobs may take {limit or gpu}: set `--resources gpu={found}` and"
            f" `gpu` to {found} at most."
        )


@contextlib.contextmanager
def computing(device: "torch.device", precision: str = "fp32") -> Iterator[None]:
    """Compute on *device* at one of `PRECISIONS` inside the block, and in exact float32 again after it."""
    import torch

    half = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
    _allow_tf32(precision == "tf32")
    try:
        with torch.autocast(device.type, half, enabled=half is not None):
            yield
    finally:
        _allow_tf32(False)


def precision_of(entry: dict[str, str], device: "torch.device") -> str:
    """Return the ``precision`` of an *entry*, by default fp32.

    Raises
    ------
    NcstError
        If *device* has no such precision.
    """
    precision = entry.get("precision", "fp32")
    if device.type == "cpu" and precision in ("tf32", "fp16"):
        raise NcstError(f"`precision: {precision}` needs a GPU: use fp32 or bf16 on a CPU.")
    return precision


def is_full(error: BaseException) -> bool:
    """Say whether *error* is what PyTorch raises when a GPU's memory is full."""
    return isinstance(error, RuntimeError) and any(words in str(error) for words in FULL)


def release_memory() -> None:
    """Give the GPU's memory that PyTorch keeps and nothing uses back, after a batch that did not fit."""
    import torch

    torch.cuda.empty_cache()


def gpu_failure(error: BaseException) -> str | None:
    """Return one sentence on an *error* of a GPU or its driver; None for any other."""
    first = str(error).strip().partition("\n")[0]
    if is_full(error):
        return f"The GPU's memory is full ({first[:150]}): run fewer jobs on it, or use a larger one."
    if isinstance(error, RuntimeError) and any(words in first for words in SPEAKERS):
        meaning = next(meaning for words, meaning in FAILURES.items() if words in first)
        return f"{meaning[0].upper()}{meaning[1:]}; nothing half-written is left ({first[:150]})."
    return None


def _allow_tf32(allowed: bool) -> None:
    """Set both switches by their older names: after the newer ones, PyTorch refuses to say what the older ones are."""
    import torch

    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed


def _reason() -> str:
    """Say why PyTorch cannot use a GPU: no driver, one too old for this build, or a build without CUDA."""
    import torch

    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        return " ".join(str(error).split(". ")[0].split())
    return "its driver shows none"
