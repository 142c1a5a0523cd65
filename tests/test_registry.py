"""The registry: a file in plugins/<family>/ of the working folder counts as one of the package, in every process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ncst import registry
from ncst.errors import NcstError

PLUGIN = """
from ncst.audio.codecs._base import Base
from ncst.audio.codecs._shared import HALF


class Quieter(Base):
    needs_weights = False

    def forward(self, audio):
        return audio * HALF
"""
USE = """
import multiprocessing
from ncst import registry

def half(codec):
    return float(codec.forward(1.0))

if __name__ == "__main__":
    codec = registry.load("codecs", "quieter")({})
    assert "quieter" in registry.modules("codecs") and "encodec" in registry.modules("codecs")
    assert "_shared" not in registry.modules("codecs")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(half, [codec]), registry.file_of("codecs", "quieter"))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plugins/codecs").mkdir(parents=True)
    (tmp_path / "plugins/codecs/_shared.py").write_text("HALF = 0.5\n", encoding="utf-8")
    (tmp_path / "plugins/codecs/quieter.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "use.py").write_text(USE, encoding="utf-8")
    return tmp_path


def run(folder, *command):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)


def test_a_plugin_of_the_working_folder(folder):
    done = run(folder, "use.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"[0.5] {folder / 'plugins/codecs/quieter.py'}"


def test_a_plugin_with_the_name_of_a_codec(folder):
    (folder / "plugins/codecs/dac.py").write_text(PLUGIN, encoding="utf-8")
    done = run(folder, "-c", "from ncst import registry; registry.load('codecs', 'dac')")
    assert "NcstError" in done.stderr and "plugins/codecs/dac.py bears the name of ncst's own" in done.stderr


@pytest.mark.parametrize("name", ["nothing", "_base", ""])
def test_a_module_that_is_not_there(name):
    with pytest.raises(NcstError, match="among the codecs"):
        registry.load("codecs", name)


def test_a_file_with_two_codecs(folder):
    (folder / "plugins/codecs/quieter.py").write_text(PLUGIN + "\n\nclass Other(Base):\n    pass\n", encoding="utf-8")
    done = run(folder, "-c", "from ncst import registry; registry.load('codecs', 'quieter')")
    assert "must define one class on top of ncst.audio.codecs._base.Base, not 2" in done.stderr


@pytest.mark.parametrize("family", registry.FAMILIES)
def test_every_file_without_underscore_is_a_plugin(family):
    assert all(registry.load(family, name) for name in registry.modules(family))
