"""How the process gets its memory from the operating system."""

import ctypes
import os

LARGEST = 2**27  # bytes
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def keep_freed_memory() -> None:
    """Let freed tensors of up to 128 MiB stay in the process, for networks that allocate and free them all the time.

    Without it, glibc maps a large tensor anew each time and the kernel fills it with zeros page by page, which takes up
    to a third of the time on a CPU. Tensors of long clips are larger than that: kept ones would pile up in gaps between
    each other. Large pages help too, if the kernel grants them; PyTorch reads that switch at its first allocation.
    Where the C library is another one, nothing changes.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGEST)
        mallopt(_TRIM_THRESHOLD, -1)
