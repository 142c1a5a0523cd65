import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from ncst.core.job import job, note_killed

JOB = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from ncst.core.files import atomic
from ncst.core.job import job, note_killed

folder = Path(sys.argv[1])
snakemake = SimpleNamespace(log=[folder / "log"], rule="train", resources={"mem_mb": 3000, "runtime": 60})
with job(snakemake), atomic(folder / "product") as temporary:
    temporary.write_text("half")
    (folder / "started").touch()
    try:
        time.sleep(60)
    except Exception:
        (folder / "swallowed").touch()
"""


def test_a_job_that_is_told_to_end_says_so_and_leaves_nothing_half_written(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", JOB, str(tmp_path)], stderr=subprocess.PIPE, text=True)
    limit = time.monotonic() + 60
    while not (tmp_path / "started").exists():
        assert time.monotonic() < limit and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.startswith("error in train: The job was told to end (SIGTERM)")
    assert "Traceback" not in said
    assert "3000 MB and 60 minutes" in (tmp_path / "log").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "started"]


def test_the_handler_ends_with_the_job(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit), job(SimpleNamespace(log=[tmp_path / "log"], rule="train")):
        raise SystemExit("error")
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_log_that_ends_without_a_word_is_of_a_killed_job(tmp_path):
    silent, said = tmp_path / "silent", tmp_path / "said"
    silent.write_text("2026-11-26 13:40:52,000 INFO ncst: epoch 1\n")
    said.write_text("2026-11-26 13:40:52,000 ERROR root: The disk is full.\n")
    since = silent.stat().st_mtime - 1
    assert note_killed(said, since, "") is note_killed(tmp_path / "never", since, "") is None
    assert note_killed(silent, since + 10, "") is None, "of an earlier run"
    assert "it asked for 3000 MB" in note_killed(silent, since, "3000 MB and 60 minutes")
    assert "epoch 1\nThe job was killed" in silent.read_text()
