"""The benchmark of a GPU on a machine that may have none: its clips, its boxes and what it says."""

import subprocess
import sys
from pathlib import Path

import golden_codecs
import numpy as np
import pytest
import torch
from card import clips, parity
from card.box import Box, Busy, percent

from ncst.formats.shards import iter_clips

SCRIPT = Path(__file__).parents[1] / "benchmarks/gpu.py"


def say(*arguments):
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True)
    return done.returncode, done.stderr


def test_clips_are_as_long_as_those_of_the_corpora(tmp_path):
    seconds = clips.durations(2000)
    assert seconds[::2].mean() == pytest.approx(4.77, abs=0.25)
    assert seconds[1::2].mean() == pytest.approx(4.23, abs=0.25)
    assert clips.durations(50) == pytest.approx(seconds[:50])
    made = clips.make(5, {})
    path, whole = clips.shard(tmp_path / "real.parquet", clips.rows(made), 4)
    assert whole == pytest.approx(seconds[:4].sum(), abs=0.01)
    for clip, (_, stored) in zip(made, iter_clips(path)):
        assert np.abs(clip - stored).max() <= 1 / 32768


def test_every_case_is_compared():
    assert sorted(parity.ORDER) == sorted(golden_codecs.CASES)


def test_a_case_agrees_in_a_box(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(parity, "ORDER", ["mimi_8"])
    box = Box("cpu", 1, tmp_path, {}, until=float("inf"))
    monkeypatch.setattr(box, "left", lambda: 300.0)
    monkeypatch.setattr(parity, "weights_of", lambda box: [("mimi_8", parity._build("mimi_8", tmp_path / "mimi_8"))])
    assert parity.run(box)
    assert "1 of 1 agree" in capsys.readouterr().out


def test_busy_is_unknown_without_a_driver():
    busy = Busy("cpu")
    assert percent(busy.share(0, 1e12)) == "-"
    busy.times, busy.shares = [1.0, 2.0, 3.0], [0.0, 0.5, 1.0]
    assert percent(busy.share(1.5, 3.5)) == "75%"


def test_mistakes_are_one_sentence():
    assert "not among the sections: parities" in say("training", "parities")[1]
    assert "--roots takes vctk=FOLDER" in say("parity", "--roots", "vctk=/nowhere")[1]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_is_one_sentence():
    code, told = say("parity")
    assert code == 1 and told.strip().endswith("(--device cpu tries the script without one).")
