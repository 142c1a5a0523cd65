"""What the sections share: where they run, how long they may, how busy the card is."""

import bisect
import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Box:
    """A section's device, its folder for files, and its time.

    Attributes
    ----------
    device : str
        ``cuda`` or ``cpu``.
    cores : int
    folder : Path
        Files that sections share lie in it: weights of the golden cases.
    roots : dict of str to Path
        Corpora of real recordings, ``vctk`` and ``aishell3``; empty for sounds that are made.
    until : float
        When the section ends, on `time.monotonic`.
    costs : dict
        What the sections measured, in the layout of ``resources/costs.yaml``.
    """

    device: str
    cores: int
    folder: Path
    roots: dict[str, Path]
    until: float = 0.0
    costs: dict = field(default_factory=dict)

    def left(self):
        """Return the seconds that the section has left."""
        return self.until - time.monotonic()

    @staticmethod
    def say(line=""):
        """Print *line* at once."""
        print(line, flush=True)


class Busy:
    """The share of time in which the card computes, as the driver counts it, sampled ten times a second."""

    def __init__(self, device):
        self.times, self.shares = [], []
        self.process = None
        if device != "cpu":
            card = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0"
            ask = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "100", "-i"]
            with contextlib.suppress(FileNotFoundError):
                self.process = subprocess.Popen([*ask, card], stdout=subprocess.PIPE, text=True)
                threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            if line.strip().isdigit():
                self.times.append(time.monotonic())
                self.shares.append(int(line) / 100)

    def share(self, start, end):
        """Return the mean share between two moments of `time.monotonic`, or None where nothing was sampled."""
        samples = self.shares[bisect.bisect(self.times, start) : bisect.bisect(self.times, end)]
        return sum(samples) / len(samples) if samples else None

    def close(self):
        """Stop sampling."""
        if self.process:
            self.process.kill()
            self.process.wait()


def percent(share):
    """Return *share* as a percentage, or a dash."""
    return "-" if share is None else f"{share:.0%}"


def name_of(device):
    """Return the name of the device, as tables show it."""
    import torch

    if device == "cpu":
        facts = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
        return next((line.split(": ")[1] for line in facts if line.startswith("model name")), "CPU")
    return torch.cuda.get_device_name()
