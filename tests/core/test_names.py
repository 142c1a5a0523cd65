"""No id and no key leads out of its folder, and no two are one file."""

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ncst.core.names import below, file_stem, id_problem, key_of, key_problems
from ncst.errors import NcstError


@given(st.text(max_size=120))
def test_a_file_name_is_one_part_of_a_path_and_gives_its_id_back(text):
    try:
        stem, key = file_stem(text), key_of(text)
    except NcstError as error:
        assert id_problem(text, 250) and "can name no file" in str(error)
        return
    assert Path("folder", f"{stem}.wav").parts == ("folder", f"{stem}.wav")
    assert unquote(stem) == unquote(key) == text
    assert not stem.startswith(".") and not any(character.isspace() for character in stem)
    assert len(f"{stem}.wav".encode()) <= 255


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("..", "leads to another folder"),
        ("/tmp/x", "holds a separator"),
        ("a\\b", "holds a separator"),
        ("a\0", "holds a control character"),
        ("a\u2028b", "holds a control character"),
        ("a\udce9", "holds a control character"),
        ("AUX", "is reserved by Windows"),
        ("com1.wav", "is reserved by Windows"),
        ("語" * 70, "is longer than 200 bytes"),
        ("語" * 60, None),
        ("p225_001..a", None),
    ],
)
def test_what_can_name_no_file_is_said(text, problem):
    found = id_problem(text)
    assert found is None if problem is None else found.startswith(problem)


def test_keys_are_checked_alike_in_every_family():
    assert list(key_problems(["real", "dac", "mel.2", "_x"])) == []
    assert list(key_problems(["alm/moshi", "dev"], parts=True)) == []
    wrong = [None, 1, "", "a b", "a/b", "../a", "dac\n", "-a", ".a"]
    assert [key for key, _ in key_problems(wrong)] == wrong
    assert [key for key, _ in key_problems(["a//b", "a/../b", "a/"], parts=True)] == ["a//b", "a/../b", "a/"]


def test_files_of_a_download_stay_below_their_folder():
    assert below("down", "a/.b/model.bin", "corpora.x") == Path("down/a/.b/model.bin")
    for name in ("../x", "a/../../x", "/etc/x", "a//b", "", "a\nb", "a\\..\\x"):
        with pytest.raises(NcstError, match=r"corpora.x names a file .*not safe to write"):
            below("down", name, "corpora.x")
