"""A new codec to start from: one file and one entry that work at once."""

import keyword
import re
from pathlib import Path

import yaml

from ncst.core.files import atomic
from ncst.errors import NcstError

_MODULE = '''"""TITLE: what it is, in one sentence.

References
----------
The paper; the repository and commit whose behaviour this file reproduces.
"""

import math

import torch

from ncst.audio.codecs._base import Base


class Codec(Base):
    """Mu-law quantisation of every sample, a working start: put your codec's own encoder and decoder in its place.

    A network is built in ``build(config)``, which returns it and sets `sample_rate` and `hop`; remove `needs_weights`
    then, state the weight files in the entry, and add ``convert(files, entry)`` for the official ones.
    """

    needs_weights = False
    sample_rate = 16_000
    hop = 1

    def encode(self, audio):
        """Return the (B, 1, T) codes of (B, T) *audio* in [-1, 1], and no side information."""
        top = self.settings["levels"] - 1
        bent = audio.sign() * torch.log1p(top * audio.abs().clamp(max=1)) / math.log1p(top)
        return ((bent + 1) / 2 * top).round().long()[:, None], None

    def decode(self, codes, side):
        """Return (B, T) audio for (B, 1, T) *codes*."""
        top = self.settings["levels"] - 1
        bent = 2 * codes[:, 0] / top - 1
        return bent.sign() * torch.expm1(bent.abs() * math.log1p(top)) / top
'''

_ENTRY = """
  NAME:
    title: TITLE
    class_id: null              # the label of its clips; null keeps it out of training
    role: extra                 # id, ood_single, ood_multi, variant or extra: which splits take it
    taxonomy: {vq: sq, aux: none, dec: time}
    settings: {levels: 256}     # what ncst/audio/codecs/NAME.py reads
    bitrate_kbps: 128.0
    weights: {}
    licence: {code: unknown}
    notes: What it is and why it is here.
"""


def new_codec(name, root):
    """Start the codec *name* in the project folder *root*.

    Writes ``ncst/audio/codecs/<name>.py``, a class that already runs, and appends its entry to ``config/codecs.yaml``,
    whose comments stay.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and underscores, a letter first; it is used in file names and tables.
    root : path

    Returns
    -------
    str
        What to fill in and how to check it.

    Raises
    ------
    NcstError
        If the name is not valid or taken, or *root* is not the project; nothing is written then.
    """
    module = Path(root) / "ncst" / "audio" / "codecs" / f"{name}.py"
    config = Path(root) / "config" / "codecs.yaml"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise NcstError(
            f"{name!r} cannot name a codec: use lower-case letters, digits and underscores, a letter first."
        )
    if not config.is_file() or not module.parent.is_dir():
        raise NcstError(f"{root} has no config/codecs.yaml and ncst/audio/codecs/: run this in the project's folder.")
    text = config.read_text(encoding="utf-8")
    if module.exists() or name in _codecs(text, config):
        raise NcstError(f"The codec {name!r} exists in {module.parent} or {config}: choose another name.")
    title = name.replace("_", " ").capitalize()
    text = text.rstrip("\n") + "\n" + _ENTRY.replace("NAME", name).replace("TITLE", title)
    if name not in _codecs(text, config):
        raise NcstError(f"{config} does not end with its `codecs:` mapping: move other keys before it.")
    with atomic(module) as temporary:
        temporary.write_text(_MODULE.replace("TITLE", title), encoding="utf-8")
    with atomic(config) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return (
        f"Wrote {module}, a codec that runs, and its entry at the end of {config}.\n"
        f"Now replace encode and decode by your codec's, and fill in title, class_id, role, taxonomy, settings,"
        f" bitrate_kbps, weights and licence of the entry (config/README.md explains each).\n"
        f"Check it with `pytest tests/test_codecs.py -k {name}`; take it into a run with select.codecs or its role."
    )


def _codecs(text, path):
    try:
        return yaml.safe_load(text)["codecs"]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise NcstError(f"{path} is not YAML that ends with its `codecs:` mapping: correct it ({error}).") from error
