"""Regenerate, extend and re-score ST-Codecfake, the benchmark of neural codec source tracing."""

import os

__version__ = "0.2.0"

# PyTorch reads it once: large tensors on huge pages save a third of AASIST's training step on a CPU.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
