"""What batches, workers and a full GPU change of a shard: nothing but what is noted."""

import random

import numpy as np
import pytest
import torch
from helpers import tiny_codecs
from signals import speech_like

from ncst import registry
from ncst.audio import resynthesize
from ncst.audio.codecs import _base
from ncst.audio.workers import Workers
from ncst.core.devices import gpu_failure
from ncst.core.waveforms import encode_flac
from ncst.errors import NcstError
from ncst.formats.shards import COLUMNS, iter_clips, read_notes, read_rows, write_shard

SECONDS = (1.3, 0.6, 0.913, 0.7, 0.71, 0.3, 0.6, 1.1)


@pytest.fixture
def real_shard(tmp_path):
    rows = []
    for i, seconds in enumerate(SECONDS):
        clip = speech_like(seconds, i)
        facts = {"utt_id": f"u{i}", "clip_id": f"u{i}", "codec": "real", "native_rate": 16_000, "status": "ok"}
        facts |= {"duration": len(clip) / 16_000, "audio": encode_flac(clip)}
        rows.append(dict.fromkeys(COLUMNS) | facts)
    write_shard(tmp_path / "real.parquet", rows)
    return tmp_path / "real.parquet"


@pytest.fixture
def make(real_shard, tmp_path, monkeypatch):
    """Return a function that makes the shard of a tiny codec, in batches of up to 4 s, and returns its path."""
    monkeypatch.setitem(_base.BATCH_SECONDS, "cpu", 4.0)
    paths = {}

    def made(module, name, **options):
        if module not in paths:
            paths[module] = tiny_codecs.write(module, tmp_path / f"{module}.safetensors")
        entry = {"class_id": 6, "taxonomy": {}, "module": module, "settings": {}}
        out = tmp_path / f"{name}.parquet"
        resynthesize.resynthesize(real_shard, module, entry, paths[module], out, seed=3, **options)
        return out

    return made


class Shuffled(Workers):
    """Workers that finish their batches in whatever order."""

    order = random.Random(5)

    def start(self, audio, seeds):
        self.waiting = [*getattr(self, "waiting", []), [audio, seeds, None]]
        return self.waiting[-1]

    def result(self, started):
        self.order.shuffle(self.waiting)
        while self.waiting:
            batch = self.waiting.pop()
            batch[2] = super().start(*batch[:2])
        return super().result(started[2])


def test_workers_and_their_order_change_no_byte(make, monkeypatch):
    alone = make("snac", "alone").read_bytes()
    assert make("snac", "threads", threads=4).read_bytes() == alone
    for workers in (2, 3):
        assert make("snac", f"workers-{workers}", workers=workers).read_bytes() == alone
    monkeypatch.setattr(resynthesize, "AHEAD", 5)
    monkeypatch.setattr(resynthesize, "Workers", Shuffled)
    assert make("snac", "shuffled").read_bytes() == alone


def test_batches_follow_from_the_shard(make, monkeypatch):
    sizes = []
    monkeypatch.setattr(_base.Base, "_in_one_forward", lambda self, audio, seeds: sizes.append(len(audio)) or audio)
    make("encodec", "batches")
    assert sizes == [1, 4, 3]  # 0.3 s is too short to be padded; 5 * 0.913 s are more than 4 s


@pytest.mark.parametrize("module", ["encodec", "snac"])
def test_a_batch_that_does_not_fit_is_halved_and_noted(make, monkeypatch, module):
    whole = make(module, "whole")
    codec, room = registry.load("codecs", module), 1.6
    forward = codec.forward

    def in_a_small_memory(self, audio):
        if audio.numel() > room * self.sample_rate:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return forward(self, audio)

    monkeypatch.setattr(codec, "forward", in_a_small_memory)
    halved = make(module, "halved")
    assert read_rows(halved) and read_notes(whole) == {}
    assert read_notes(halved)["batch"] == {"size": 4, "held": 1, "halved": [4, 3, 2]}
    for (row, clip), (other, same) in zip(iter_clips(whole), iter_clips(halved), strict=True):
        assert row["clip_id"] == other["clip_id"]
        np.testing.assert_allclose(clip, same, atol=1e-4)

    room = 0.25
    with pytest.raises(torch.OutOfMemoryError) as caught:
        make(module, "nothing")
    assert "memory is full" in gpu_failure(caught.value)


def test_a_worker_that_ends_is_one_sentence(capfd):
    with Workers(None, ("no_such_codec", {}, None, "cpu"), 2) as workers:
        started = workers.start([], [])
        with pytest.raises(NcstError, match=r"One of 2 worker processes ended .* set `workers: 1`"):
            workers.result(started)
    capfd.readouterr()
