"""Speech of audio language models: codes from the model, audio from the benchmark's own codec."""

import logging
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from scipy.io import wavfile

from ncst import registry
from ncst.core.csv_text import csv_text
from ncst.core.seeds import seed_of
from ncst.core.shipped import located
from ncst.errors import NcstError
from ncst.speech.corpora._base import read_text
from ncst.speech.corpora.alm import TABLE

log = logging.getLogger(__name__)

SLOW = 10.0  # minutes


def generate_alm(name, entry, weights, codec_entry, codec_weights, out, seed, device="cpu"):
    """Write the clips of one audio language model, all or none: 32-bit WAV at the codec's rate and their table.

    Every clip has its own seed, so none depends on how many there are. A clip without a frame, or with samples that
    are not finite, is written as it is: the index of the corpus or the shard of its source set then says why it cannot
    be used.

    Parameters
    ----------
    name, entry : str, dict
        The model and its entry of ``config/alms.yaml``.
    weights : path
        Its weights.
    codec_entry : dict
        The entry of its back-end codec, as `ncst.plan.entries.codec_entry` returns it.
    codec_weights : path or None
    out : path
        Folder to write; must not exist or be empty.
    seed : int
    device : str

    Raises
    ------
    NcstError
        If there is nothing to say, or the codes are none of the codec's.
    """
    out = Path(out).absolute()
    alm = registry.load("alms", entry.get("module", name))(entry, weights, device)
    codec = registry.load("codecs", codec_entry.get("module", entry["codec"]))(codec_entry, codec_weights, device)
    texts = read_prompts(name, entry) if alm.speaks_text else [None]
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    rows, started = [], time.monotonic()
    try:
        for i in range(entry["clips"]):
            row = {"path": f"{i:05d}.wav", "utt_id": f"{name}_{i:05d}", "text": texts[i % len(texts)]}
            samples = speak(alm, codec, row["text"], seed_of(seed, name, i))
            wavfile.write(folder / row["path"], codec.sample_rate, samples)
            rows.append(row | {"language": entry.get("language")})
            if i in (0, 9, 99):
                _estimate(i + 1, entry["clips"], time.monotonic() - started, device)
        table = csv_text(rows[0], (row.values() for row in rows))
        (folder / TABLE).write_text(table, encoding="utf-8")
        folder.chmod(0o755)
        folder.replace(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _estimate(done, clips, seconds, device):
    left = seconds / done * (clips - done) / 60
    log.info("%d of %d clips: about %.1f minutes left", done, clips, left)
    if device == "cpu" and left > SLOW:
        log.warning(
            "on the CPU this takes about %.0f minutes: set `gpu: 1`, or lower `clips` in config/alms.yaml", left
        )


@torch.inference_mode()
def speak(alm, codec, text, seed):
    """Return one clip of *alm*, (T,) float32 at the sample rate of *codec*; T is 0 where the model says nothing."""
    devices = [alm.device] if alm.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        codes = alm.codes(text)
        if not codes.shape[1]:
            return np.zeros(0, np.float32)
        books, bits = codec.entry["books"], codec.entry["bits_per_book"]
        if len(codes) != books or not 0 <= codes.min() <= codes.max() < 2**bits:
            raise NcstError(
                f"{type(alm).__name__} wrote {len(codes)} books with codes up to {int(codes.max())}, but its back-end "
                f"codec has {books} books of {2**bits}: correct `codec` of its entry in config/alms.yaml."
            )
        return codec.decode(codes[None].to(codec.device), None)[0].float().cpu().numpy()


def read_prompts(name, entry):
    """Return the texts that the model says, in turn.

    Raises
    ------
    NcstError
        If there is no file of them, or nothing in it.
    """
    path = Path(located(entry.get("prompts") or ""))
    if not path.is_file():
        raise NcstError(f"{name} has nothing to say, {path} is no file: set `prompts` in config/alms.yaml to a text.")
    lines = [line.strip() for line in read_text(path).splitlines()]
    texts = [line for line in lines if line]
    if not texts:
        raise NcstError(f"{name} has nothing to say: write one text a line in {path}.")
    return texts
