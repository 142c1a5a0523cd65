"""How the process gets its memory from the operating system."""

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt(3)


def keep_freed_memory():
    """Let freed memory stay in the process, for networks whose layers allocate and free megabytes all the time.

    Without it, glibc maps every large tensor anew and the kernel fills it with zeros page by page, which takes up to a
    third of the time on a CPU. Large pages help too, if the kernel grants them; PyTorch reads that switch at its first
    allocation. Where the C library is another one, nothing changes.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)
