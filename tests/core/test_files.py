import subprocess
import sys

import pytest

from ncst.core.files import atomic, sha256
from ncst.errors import NcstError


def test_a_finished_file_appears_whole(tmp_path):
    with atomic(tmp_path / "new" / "a.txt") as temporary:
        temporary.write_text("x" * 9)
        assert not (tmp_path / "new" / "a.txt").exists()
    assert (tmp_path / "new" / "a.txt").read_text() == "x" * 9
    assert len(list((tmp_path / "new").iterdir())) == 1


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(NcstError, match=r"Cannot write .*file/a.txt: .*another `results` folder"),
        atomic(tmp_path / "file" / "a.txt"),
    ):
        pass


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from ncst.core.waveforms import encode_flac
from ncst.errors import NcstError
from ncst.formats.shards import COLUMNS, write_shard

resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
noise = np.random.default_rng(0).uniform(-1, 1, 16_000).astype(np.float32)
row = dict.fromkeys(COLUMNS) | {"clip_id": "a", "audio": encode_flac(noise)}
try:
    write_shard(Path(sys.argv[1]) / "shard.parquet", [row] * 20)
except NcstError as error:
    print(error)
"""


def test_a_full_disk_is_one_sentence_and_no_half_shard(tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, text=True)
    assert "nothing was kept of it" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_sha256_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
