"""A GPU for each job: a card is a locked file, which the kernel unlocks when its holder ends, however it ends."""

import fcntl
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from ncst.errors import NcstError

VISIBLE, OWNED = "CUDA_VISIBLE_DEVICES", "NCST_CARDS"
_held: list[TextIO] = []


def visible() -> list[str]:
    """Return the cards that ``CUDA_VISIBLE_DEVICES`` leaves to this process; none if it is not set."""
    names = [name.strip() for name in os.environ.get(VISIBLE, "").split(",")]
    return names[: names.index("-1")] if "-1" in names else [name for name in names if name]


def claim(count: int, names: Sequence[str]) -> None:
    """Take *count* of the cards *names*, if there are any, for the life of this process; let CUDA see no others.

    Call it before CUDA starts. A process that owns cards, or whose parent does, keeps to those. Jobs of the same user
    on the same machine share the cards that way; those of SLURM, which has given cards of its own to each, do not
    compete with others.

    Raises
    ------
    NcstError
        If there are fewer cards, or other jobs hold them.
    """
    if OWNED in os.environ or not names:
        return
    if len(names) < count:
        raise NcstError(f"{count} GPUs are asked for, but PyTorch finds {len(names)}: lower `gpu`.")
    taken, holders = [], []
    for name in names:
        lock = (_folder() / f"{name.replace('/', '-')}.lock").open("a+")
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holders.append(lock.read().strip())
            lock.close()
            continue
        _held.append(lock)
        taken.append(name)
        if len(taken) == count:
            break
    else:
        release()
        raise NcstError(
            f"This job needs {count} of {len(names)} GPUs, but other jobs hold {len(holders)} (processes "
            f"{', '.join(holders)}): set `--resources gpu={len(names)}`, or wait until they end."
        )
    for owned in _held:
        owned.truncate(0)
        owned.write(f"{os.getpid()}\n")
        owned.flush()
    os.environ[OWNED] = os.environ[VISIBLE] = ",".join(taken)


def release() -> None:
    """Give back what this process has taken; the kernel does it when the process ends."""
    while _held:
        _held.pop().close()
    os.environ.pop(OWNED, None)


def _folder() -> Path:
    """Return the folder of this user's locks."""
    folder = Path(tempfile.gettempdir(), f"ncst-gpu-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise NcstError(f"{folder} belongs to another user: remove it, or set TMPDIR to a folder of your own.")
    job = folder / os.environ.get("SLURM_JOB_ID", "")
    job.mkdir(exist_ok=True)
    return job
