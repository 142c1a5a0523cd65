"""`ncst check`: roots that are wrong, and corpora that are no longer what was indexed."""

import shutil

import numpy as np
import pytest
import soundfile
import yaml
from typer.testing import CliRunner

from ncst.cli import app
from ncst.errors import NcstError
from ncst.plan import inputs
from ncst.plan.config import load_config
from ncst.speech.check_corpora import changed_corpora, root_problems
from ncst.speech.index_corpus import index_corpus


@pytest.fixture
def own(config, tmp_path):
    """A configuration with one corpus, a folder of three recordings, indexed."""
    for name in "abc":
        path = tmp_path / f"mine/s/{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.ones(16_000), 16_000)
    config["corpora"]["mine"] = {"module": "directory", "title": "Mine", "licence": "none"}
    config["roots"] = dict.fromkeys(config["roots"]) | {"mine": str(tmp_path / "mine")}
    config["results"], config["name"] = str(tmp_path / "results"), "x"
    index_corpus(
        "mine", config["corpora"]["mine"], inputs.folders(config)["mine"], tmp_path / "results/x/corpora/mine.parquet"
    )
    return config


def test_a_corpus_that_is_as_indexed_is_in_order(own):
    assert list(root_problems(own)) == [] == list(changed_corpora(own))


def test_what_was_added_removed_or_replaced_is_named(own, tmp_path):
    folder = tmp_path / "mine/s"
    shutil.copy(folder / "a.wav", folder / "d.wav")
    (folder / "b.wav").unlink()
    soundfile.write(folder / "c.wav", np.zeros(8_000), 16_000)
    (told,) = changed_corpora(own)
    assert "1 added (s/d.wav), 1 removed (s/b.wav), 1 changed (s/c.wav)" in told
    assert f"--forcerun {tmp_path}/results/x/corpora/mine.parquet" in told


def test_a_moved_corpus_is_no_changed_one(own, tmp_path):
    (tmp_path / "mine").rename(tmp_path / "there")
    assert "roots.mine: Mine is not at" in next(root_problems(own))
    own["roots"]["mine"] = str(tmp_path / "there")
    assert list(changed_corpora(own)) == []


def test_a_corpus_without_an_index_is_not_said_to_be_in_order(tmp_path):
    soundfile.write(tmp_path / "a.wav", 0.1 * np.ones(16_000), 16_000)
    mine = {"module": "directory", "title": "Mine", "licence": "none", "settings": {"speaker": "none"}}
    overlay = {"corpora": {"mine": mine}, "roots": {"mine": str(tmp_path)}, "results": str(tmp_path / "results")}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(overlay))
    said = CliRunner().invoke(app, ["check", "--corpora", "--configfile", str(tmp_path / "mine.yaml")])
    assert said.output == "No problems found.\nMine: not indexed yet, nothing to compare.\n"
    said = CliRunner().invoke(app, ["check", "--corpora"])
    assert said.output == "No problems found.\nNo corpus lies in a folder of yours: nothing to compare.\n"


def test_check_says_all_at_once(tmp_path):
    overlay = tmp_path / "mine.yaml"
    roots = dict.fromkeys(load_config()["roots"]) | dict.fromkeys(("vctk", "ncssd"), "/nowhere")
    sources = {name: {"corpora": ["vctk"]} for name in ("st_train", "st_dev", "st_eval")}
    overlay.write_text(yaml.safe_dump({"roots": roots, "select": {"splits": None}, "sources": sources}))
    done = CliRunner().invoke(app, ["check", "--configfile", str(overlay)])
    assert isinstance(done.exception, NcstError)
    assert [line.split(":")[0] for line in str(done.exception).splitlines()] == ["roots.vctk", "roots.ncssd"]
    assert CliRunner().invoke(app, ["check"]).output == "No problems found.\n"
