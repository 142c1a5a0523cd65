"""The contract of an audio language model: text in, codes of its back-end codec out."""

from abc import ABC, abstractmethod

from ncst.core.devices import device_of


class Base(ABC):
    """An audio language model. A subclass loads it and writes `codes`.

    The codes become audio by the benchmark's own codec, the one that the entry names, so that what a tracer hears is
    that codec's decoder.

    Parameters
    ----------
    entry : dict
        The model's entry of ``config/alms.yaml``; the module's own options are under ``settings``.
    weights : path
        What ``fetch_alm`` downloaded: the folder of the hub's repository; or a shipped weight file.
    device : str
        Where the model runs.

    Attributes
    ----------
    speaks_text : bool
        Whether the clip says its text; false for models that babble.
    """

    speaks_text = True

    def __init__(self, entry, weights, device="cpu"):
        self.settings = entry.get("settings") or {}
        self.weights = weights
        self.device = device_of(device)

    @abstractmethod
    def codes(self, text):
        """Return (books, frames) int64 codes of *text* (str); random draws come from torch's global generators."""
