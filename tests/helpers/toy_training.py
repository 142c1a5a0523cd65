"""A small training: three sorts of sound, a narrow model, a run of it and a run that is killed."""

import numpy as np
import pytest
import torch
from helpers import manifests

from ncst.core.seeds import seed_of
from ncst.core.waveforms import encode_flac
from ncst.formats import shards
from ncst.formats.features import feature_path
from ncst.plan import paths
from ncst.tracing import loop
from ncst.tracing import train as training
from ncst.tracing.compute_features import compute_features
from ncst.tracing.frontends.mel import Mel
from ncst.tracing.frontends.waveform import Waveform

SAMPLES = 6144
CODECS = {"real": 0, "low": 2, "high": 6}
ENTRY = {
    "title": "Small",
    "module": "mel_lcnn",
    "frontend": "mel",
    "options": {"channels": [4, 4, 4, 4, 4], "hidden": 8, "embedding": 12, "dropout": 0.2, "log": True},
    "training": {"epochs": 12, "batch": 8, "lr": 0.003, "weight_decay": 0.0, "crop": 40},
}


def sound(codec, number):
    """White noise for `real`, a tone of random pitch below 1 kHz for `low`, above 4 kHz for `high`."""
    draw = np.random.default_rng(seed_of("toy", codec, number))
    noise = 0.1 * draw.standard_normal(SAMPLES)
    low, high = {"real": (0, 0), "low": (200, 900), "high": (4100, 7000)}[codec]
    tone = 0.5 * np.sin(2 * np.pi * draw.uniform(low, high) * np.arange(SAMPLES) / 16000)
    return (noise + tone).astype(np.float32)


def make_split(results, split, clips):
    manifest = []
    for codec, label in CODECS.items():
        file = f"{split}/{codec}/00000-of-00001.parquet"
        rows = [dict.fromkeys(shards.COLUMNS) for _ in range(clips)]
        for number, row in enumerate(rows):
            name = f"{split}{number}"
            row |= {
                "clip_id": shards.clip_id(codec, name),
                "utt_id": name,
                "codec": codec,
                "label": label,
                "status": "ok",
            }
            row |= {"corpus": "toy", "speaker": "s", "language": "en", "audio": encode_flac(sound(codec, name))}
            manifest.append(row | {"split": split, "shard_file": file, "row": number})
        shards.write_shard(results / "audio" / file, rows)
        for name, front_end in (("mel", Mel), ("waveform", Waveform)):
            compute_features(
                results / "audio" / file, front_end({"samples": SAMPLES}), feature_path(results, name, file)
            )
    manifests.write(paths.place(results, paths.MANIFEST, split=split), manifest)


def make_results(folder):
    """Write the splits train and dev into *folder* and return it."""
    torch.set_num_threads(1)
    make_split(folder, "train", 16)
    make_split(folder, "dev", 8)
    return folder


def run(results, out, entry=ENTRY, seed=688, train="train", dev="dev", **where):
    manifests = [results / "manifests" / f"{split}.parquet" for split in (train, dev)]
    training.train(entry, "small", seed, manifests, results, out, machine=training.Machine(**where))
    return (out / "model.safetensors").read_bytes()


def changed(**keys):
    return ENTRY | {"training": ENTRY["training"] | keys}


class Killed(Exception):
    """Stands for a machine that goes away."""


def interrupt(monkeypatch, epoch, results, out, *arguments, **keys):
    """Train as `run` does and die when the state of *epoch* has been written."""
    original = loop.Run._save

    def save(self):
        original(self)
        if self.epoch == epoch:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "_save", save)
        with pytest.raises(Killed):
            run(results, out, *arguments, **keys)
