"""The tiny run through profiles/slurm, job by job on a cluster, beside the same run on this machine.

Temporary folders must be where every node sees them (`pytest --basetemp`), and partitions as in profiles/slurm;
``NCST_TEST_SLURM`` holds further options of snakemake.
"""

import os
import shlex

import pytest
from helpers.project import Project

pytestmark = [pytest.mark.workflow, pytest.mark.slurm]
TIMES = {"curves.csv", "model.json", "seconds.svg", "index.html"}  # hold seconds, dates or what is counted from them


def products(results):
    """Content of every file but logs, seconds, and what remembers folders by their time."""
    left_out = {results / "logs", results / "benchmarks"}
    files = [path for path in results.rglob("*") if path.is_file() and not left_out & set(path.parents)]
    return {
        path.relative_to(results).as_posix(): path.read_bytes()
        for path in files
        if path.name not in TIMES and path.suffix not in (".headers", ".folders") and "tensorboard" not in path.parts
    }


def test_a_cluster_makes_the_same_bytes(tmp_path):
    here, there = Project(tmp_path / "here"), Project(tmp_path / "there")
    done = here.snakemake()
    assert done.returncode == 0, done.stderr[-4000:]
    options = shlex.split(os.environ.get("NCST_TEST_SLURM", ""))
    done = there.snakemake("--workflow-profile", "profiles/slurm", *options)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "has been submitted with SLURM jobid" in done.stderr
    assert products(there.results) == products(here.results)
    assert len(products(there.results)) > 200
    done = there.snakemake("--dry-run")
    assert "Nothing to be done" in done.stdout + done.stderr
