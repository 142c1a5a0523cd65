"""What every corpus must keep: one row per recording, with known keys and ids, and a sentence where there are none.

A corpus is read where the demonstration speaks it, or where ``roots`` of the configuration names a folder.
"""

from pathlib import Path

import pytest
from helpers.entries import configured

from ncst import registry
from ncst.errors import NcstError
from ncst.speech.corpora._base import CODED
from ncst.speech.speak_corpus import LAYOUTS, speak_corpus

CONFIG = configured()
ENTRIES = CONFIG["corpora"]
GIVEN = {name: Path(root) for name, root in CONFIG["roots"].items() if root and Path(root).is_dir()}
COLUMNS = ["utt_id", "speaker", "language", "gender", "text", "path", "kind", "subset", *CODED]


def corpus(name, root):
    return registry.load("corpora", ENTRIES[name].get("module", name))(ENTRIES[name], root)


@pytest.fixture(scope="module")
def root_of(tmp_path_factory):
    """Return a function from a corpus to its folder, the user's own or one that is spoken."""
    spoken = tmp_path_factory.mktemp("spoken")

    def root(name):
        if name not in GIVEN and not (spoken / name).exists():
            speak_corpus(name, spoken / name, seed=3, speakers=1, utterances=2)
        return GIVEN.get(name, spoken / name)

    return root


@pytest.mark.parametrize("name", [name for name in ENTRIES if name in LAYOUTS or name in GIVEN])
def test_one_row_per_recording(root_of, name):
    read = corpus(name, root_of(name))
    rows = list(read.index())
    assert rows == list(read.index())
    assert len({row["utt_id"] for row in rows}) == len(rows) > 0
    for row in rows:
        assert list(row) == COLUMNS
        assert row["gender"] in ("female", "male", "unknown")
        assert row["kind"] in ("bonafide", "spoof")
        assert Path(row["path"]).is_file()
        assert all(isinstance(row[key], str) for key in ("utt_id", "speaker", "language", "path"))


@pytest.mark.parametrize("name", ENTRIES)
def test_a_folder_that_is_missing_or_empty_is_one_sentence(tmp_path, name):
    (tmp_path / "empty").mkdir()
    for root in (tmp_path / "missing", tmp_path / "empty"):
        with pytest.raises(NcstError, match="`roots:`") as caught:
            list(corpus(name, root).index())
        assert str(root) in str(caught.value)
        assert "\n" not in str(caught.value)
