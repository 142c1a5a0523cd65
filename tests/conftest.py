"""Shared fixtures; tests that need real speech, official weights, a GPU, a browser or a cluster are left out without
them, the full run unless asked for."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # pytest-xdist fills the cores; threads on top of it cost minutes

from helpers import benchmark, entries

NEEDS = {
    "real": {"test_corpora": "NCST_TEST_CORPORA", "test_weights": "NCST_TEST_WEIGHTS"},
}


def pytest_addoption(parser):
    parser.addoption("--configfile", action="append", default=[], help="an overlay, its entries in the contract tests")


def pytest_configure(config):
    entries.OVERLAYS[:] = config.getoption("configfile")


def has_cluster():
    """Say whether SLURM is here and answers."""
    return shutil.which("sinfo") is not None and subprocess.run(["sinfo"], capture_output=True).returncode == 0


def pytest_collection_modifyitems(config, items):
    def missing(item):
        if item.get_closest_marker("browser") and shutil.which("chromium") is None:
            return True
        if item.get_closest_marker("slurm") and not has_cluster():
            return True
        if gpu := item.get_closest_marker("gpu"):
            import torch

            return torch.cuda.device_count() < (*gpu.args, 1)[0]
        if item.get_closest_marker("full") and "full" not in config.option.markexpr:
            return True
        return item.get_closest_marker("real") and any(
            fixture in item.fixturenames and variable not in os.environ for fixture, variable in NEEDS["real"].items()
        )

    dropped = [item for item in items if missing(item)]
    if dropped:
        items[:] = [item for item in items if item not in dropped]
        config.hook.pytest_deselected(items=dropped)


@pytest.fixture(scope="session")
def test_corpora():
    """Folder with VCTK-Corpus-0.92/ and data_aishell3/ of real speech."""
    return Path(os.environ["NCST_TEST_CORPORA"])


@pytest.fixture(scope="session")
def test_weights():
    """Folder with lyra/, the official Lyra V2 weights."""
    return Path(os.environ["NCST_TEST_WEIGHTS"])


@pytest.fixture
def config():
    """The benchmark's configuration, fresh for every test."""
    return benchmark.load()
