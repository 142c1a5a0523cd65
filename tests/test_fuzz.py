"""Every target of benchmarks/fuzz.py takes a few inputs: it runs, and no input is a traceback."""

import subprocess
import sys
from pathlib import Path

import fuzz

SCRIPT = Path(__file__).parents[1] / "benchmarks/fuzz.py"


def test_every_target_refuses_in_sentences():
    done = subprocess.run([sys.executable, SCRIPT, "--inputs", "15", "--seed", "1"], capture_output=True, text=True)
    figures = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:-1]]
    assert [name for name, *_ in figures] == list(fuzz.targets())
    assert {(tried, crashes) for _, tried, _, crashes, _ in figures} == {("15", "0")}, done.stderr
    assert done.returncode == 0


def test_an_unknown_target_is_named():
    done = subprocess.run([sys.executable, SCRIPT, "no"], capture_output=True, text=True)
    assert done.returncode == 2 and "not among the targets yaml, overlays" in done.stderr
