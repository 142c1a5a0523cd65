"""Training that is killed goes on to the same bits; what went wrong with its state or its disk is one sentence."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.toy_training import Killed, changed, interrupt, make_results, run

from ncst.errors import NcstError
from ncst.tracing import loop


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def trained(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("model")
    run(results, out)
    return out


@pytest.mark.parametrize("moment", ["training_step", "validation_step"])
def test_an_interrupted_run_ends_with_the_same_bits(results, trained, tmp_path, monkeypatch, moment):
    original = getattr(loop.Run, moment)

    def step(self, batch, number):
        if self.epoch == 2 and number == 1:
            raise Killed
        return original(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, moment, step)
        with pytest.raises(Killed):
            run(results, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "tensorboard"]
    assert run(results, tmp_path) == (trained / "model.safetensors").read_bytes()
    assert (tmp_path / "last.safetensors").read_bytes() == (trained / "last.safetensors").read_bytes()
    assert not (tmp_path / "last.ckpt").exists()
    rows = [list(csv.DictReader((folder / "curves.csv").open())) for folder in (tmp_path, trained)]
    for one, other in zip(*rows):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_a_killed_process_resumes_to_the_same_bits(results, trained, tmp_path):
    code = (
        "import json, os, sys; sys.path.insert(0, sys.argv[1]); from helpers import toy_training as t;"
        "from pathlib import Path; from ncst.tracing import loop; import torch; torch.set_num_threads(1);"
        "original = loop.Run._save;"
        "loop.Run._save = lambda self: (original(self), self.epoch == 2 and os._exit(9));"
        "t.run(Path(sys.argv[2]), Path(sys.argv[3]))"
    )
    arguments = [sys.executable, "-c", code, str(Path(__file__).parents[1]), str(results), str(tmp_path)]
    ended = subprocess.run(arguments, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True)
    assert ended.returncode == 9, ended.stderr.decode()
    (tmp_path / ".last.ckpt.x7.ckpt").write_bytes(b"half")
    assert run(results, tmp_path) == (trained / "model.safetensors").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in trained.iterdir())


@pytest.mark.parametrize(
    "keys",
    [
        {"precision": "bf16", "optimizer": "adamw", "schedule": "cosine", "clip_grad": 1.0},
        {"compile": "aot_eager", "batch": 10},
    ],
    ids=["bf16", "compile"],
)
def test_other_recipes_are_interrupted_without_a_trace(results, tmp_path, monkeypatch, keys):
    entry = changed(epochs=3, **keys)
    whole = run(results, tmp_path / "whole", entry)
    interrupt(monkeypatch, 2, results, tmp_path / "parts", entry)
    assert run(results, tmp_path / "parts", entry) == whole
    assert whole != run(results, tmp_path / "plain", changed(epochs=3)), "the recipe must have an effect"


def test_a_damaged_state_is_one_sentence(results, tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"half")
    with pytest.raises(NcstError, match="damaged: delete it"):
        run(results, tmp_path)


FULL_DISK = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from helpers import toy_training as t
from ncst.errors import NcstError

resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))
try:
    t.run(Path(sys.argv[2]), Path(sys.argv[3]))
except NcstError as error:
    print(error)
"""


def test_a_full_disk_in_training_is_one_sentence(results, tmp_path):
    arguments = [sys.executable, "-c", FULL_DISK, str(Path(__file__).parents[1]), str(results), str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert "last.ckpt failed" in done.stdout and "nothing was kept of it" in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tensorboard"]


def test_the_state_of_another_experiment_is_not_taken_up(results, trained, tmp_path, monkeypatch):
    interrupt(monkeypatch, 1, results, tmp_path, seed=1)
    assert run(results, tmp_path) == (trained / "model.safetensors").read_bytes()
