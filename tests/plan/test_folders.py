"""Folders of an indexed corpus: what changed in them is said at the start of a run, at no cost."""

import os
import shutil
import time

import numpy as np
import pytest
import soundfile

from ncst.plan import folders, inputs, selection
from ncst.speech.check_corpora import changed_corpora
from ncst.speech.index_corpus import index_corpus


@pytest.fixture
def own(config, tmp_path):
    """A configuration with one corpus, two speakers of two recordings, indexed."""
    for name in ("s/a", "s/b", "t/c", "t/d"):
        path = tmp_path / f"mine/wav/{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.ones(16_000), 16_000)
    config["corpora"]["mine"] = {"module": "directory", "title": "Mine", "licence": "none"}
    config["roots"] = dict.fromkeys(config["roots"]) | {"mine": str(tmp_path / "mine")}
    config["results"], config["name"] = str(tmp_path / "results"), "x"
    index_corpus("mine", config["corpora"]["mine"], inputs.folders(config)["mine"], folders.index_of(config, "mine"))
    return config


def test_a_corpus_as_indexed_is_not_mentioned_wherever_it_lies(own, tmp_path):
    assert list(folders.changes(own, selection.own_roots(own))) == []
    (tmp_path / "mine").rename(tmp_path / "there")
    own["roots"]["mine"] = str(tmp_path / "there")
    assert list(folders.changes(own, selection.own_roots(own))) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda mine: shutil.copytree(mine / "wav/s", mine / "wav/u"), "1 of 4 folders (wav)"),
        (lambda mine: shutil.rmtree(mine / "wav/t"), "2 of 4 folders (wav, wav/t)"),
        (lambda mine: (mine / "wav/s/a.wav").unlink(), "1 of 4 folders (wav/s)"),
        (lambda mine: (mine / "notes.txt").touch(), "1 of 4 folders (its root)"),
    ],
)
def test_what_changed_is_named(own, tmp_path, change, told):
    change(tmp_path / "mine")
    (sentence,) = folders.changes(own, selection.own_roots(own))
    assert f"Mine in {tmp_path}/mine has changed since its 4 recordings were indexed, in {told}" in sentence
    assert "`ncst check --corpora`" in sentence


def test_a_folder_that_matters_not_is_mentioned_until_the_files_were_compared(own, tmp_path):
    os.utime(tmp_path / "mine/wav/s", (time.time(), 1))
    assert len(list(folders.changes(own, selection.own_roots(own)))) == 1
    assert list(changed_corpora(own)) == []
    assert list(folders.changes(own, selection.own_roots(own))) == []


def test_a_note_that_is_absent_or_damaged_says_nothing(own, tmp_path):
    note = tmp_path / "results/x/corpora/mine.folders"
    for content in ("", "[]", '{"folders": 3}'):
        note.write_text(content)
        assert list(folders.changes(own, selection.own_roots(own))) == []
    note.unlink()
    assert list(folders.changes(own, selection.own_roots(own))) == []
