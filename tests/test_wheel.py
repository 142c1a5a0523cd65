"""The built distributions: what they hold, and the wheel at work in an environment and a folder without the project."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers import score_files
from helpers.shard_rows import row

import ncst
from ncst.audio.write_manifest import write_manifest
from ncst.formats.shards import write_shard

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).parent.parent
PREFIXES = ["", "mimi_", "speechtokenizer_", "funcodec_", "encodec_", "facodec_", "snac_"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source distribution, built without a network."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", folder], cwd=ROOT, check=True)
    (wheel,), (source,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, source


class Installed:
    """A new environment with the wheel, which borrows all other packages from the one that the tests run in."""

    def __init__(self, wheel, folder):
        self.python, self.folder = folder / "env" / "bin" / "python", folder / "work"
        self.folder.mkdir()
        subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
        subprocess.run([self.python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", wheel], check=True)
        (site,) = folder.glob("env/lib/python*/site-packages")
        (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")

    def run(self, *command, cwd="."):
        """Run a module or a program of the new environment and return what it wrote."""
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
        environment |= {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(self.folder / "cache"), "SHELL": "/bin/bash"}
        done = subprocess.run(command, cwd=self.folder / cwd, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout + done.stderr

    def ncst(self, *arguments, **options):
        return self.run(self.python.parent / "ncst", *arguments, **options)

    def snakemake(self, *arguments, **options):
        return self.run(self.python, "-m", "snakemake", "--cores", "2", *arguments, **options)


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    return Installed(built[0], tmp_path_factory.mktemp("installed"))


def files(*folders):
    """Files of the project below *folders*, relative to its root, without caches and hidden files."""
    found = [path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    return {path.as_posix() for path in found if not any(p == "__pycache__" or p[0] == "." for p in path.parts)}


def test_the_wheel_holds_all_that_the_package_reads(built):
    names = set(zipfile.ZipFile(built[0]).namelist())
    shipped = {f"ncst/shipped/{file}" for file in files("config", "profiles", "resources", "workflow")}
    assert {name for name in shipped if "/readme/" not in name} | files("ncst") <= names
    assert {"ncst/py.typed", "ncst/shipped/Snakefile", "ncst/shipped/environment.yml"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if not name.startswith(("ncst/", f"ncst-{ncst.__version__}.dist-info/"))]


def test_the_metadata_is_complete(built):
    wheel = zipfile.ZipFile(built[0])
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    facts = message_from_string(wheel.read(name).decode())
    assert facts["Version"] == ncst.__version__ and f"-{ncst.__version__}-" in built[0].name
    assert facts["License-Expression"] == "Apache-2.0"
    assert re.match(r"<3\.14,>=3\.11$", facts["Requires-Python"])
    supported = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)}
    assert supported < set(facts.get_all("Classifier"))


def test_the_source_distribution_holds_the_project(built):
    with tarfile.open(built[1]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    folders = ("ncst", "config", "profiles", "resources", "workflow", "tests", "benchmarks")
    top = {
        "LICENSE",
        "README.md",
        "CITATION.cff",
        "Makefile",
        "Snakefile",
        "environment.yml",
        "pyproject.toml",
        "uv.lock",
    }
    assert files(*folders) | top <= names
    assert not [name for name in names if name.startswith((".venv/", ".snakemake/", "results/", ".ci/"))]


def test_the_installed_package_is_the_wheel(installed):
    found = installed.run(installed.python, "-c", "import ncst; print(ncst.__file__)")
    assert Path(found.strip()).is_relative_to(installed.python.parents[1])
    assert installed.ncst("--version") == f"ncst {ncst.__version__}\n"
    assert installed.run(installed.python, "-m", "ncst", "--version") == f"ncst {ncst.__version__}\n"


def test_commands_work_in_an_empty_folder(installed):
    assert "facebook/encodec_24khz" in installed.ncst("codecs")
    assert "Still to be set in `roots`" in installed.ncst("plan", "--configfile", "config/st_codecfake.yaml")
    completion = installed.run("bash", "-c", f"{installed.python.parent}/ncst --show-completion; true")
    assert "complete -o default -F _ncst_completion ncst" in completion


def test_scores_are_evaluated_and_compared_in_any_folder(installed):
    rng = np.random.default_rng(0)
    for model, skill in (("good", 0.9), ("poor", 0.5)):
        folder = installed.folder / model / "result"
        folder.mkdir(parents=True)
        label = np.repeat(np.arange(7), 20)
        predicted = np.where(rng.random(140) < skill, label, rng.integers(0, 7, 140))
        clips = [f"{PREFIXES[c]}p225_{i % 20:03d}" for i, c in enumerate(label)]
        rows = [f"{clip}.wav {p} 0.9\n" for clip, p in zip(clips, predicted)]
        (folder / "result_id.txt").write_text("".join(rows))
    shown = installed.ncst("evaluate", "good/result", "poor/result", "--out", "evaluated")
    assert "good" in shown and (installed.folder / "evaluated/tables/table3.csv").is_file()
    for name, skill in (("first", 4.0), ("second", 1.0)):
        score_files.write_all(installed.folder / name / "scores/toy/seed-1", skill)
    assert "eval_id" in installed.ncst("compare", "first", "second")


def test_clips_are_exported_from_any_folder(installed):
    audio, path = installed.folder / "toy/audio", installed.folder / "toy/audio/toy/real/00000-of-00001.parquet"
    write_shard(path, [row("real", f"u{i}", 0) for i in range(3)])
    write_manifest("eval_id", {}, [path], audio, installed.folder / "toy/manifests/eval_id.parquet")
    assert "eval_id: 3 clips" in installed.ncst("export", "--results", "toy", "--out", "clips", "--layout", "wav")
    assert len(list((installed.folder / "clips/eval_id").glob("*.wav"))) == 3


def test_a_folder_laid_out_runs_the_workflow_with_a_codec_of_its_own(installed):
    installed.ncst("init", "x")
    folder = installed.folder / "x"
    assert "snakemake --cores all" in (folder / "README.md").read_text(encoding="utf-8")
    installed.ncst("new", "codec", "mine", cwd="x")
    plugin = folder / "plugins/codecs/mine.py"
    source = plugin.read_text(encoding="utf-8")
    (folder / "tiny.yaml").write_bytes((ROOT / "tests/tiny.yaml").read_bytes())
    overlay = ("--configfile", "tiny.yaml")
    assert re.search(r"^write_page +1$", installed.snakemake("--dry-run", *overlay, cwd="x"), re.M)
    audio = [f"results/tiny/audio/st_eval/{codec}/00000-of-00002.parquet" for codec in ("mimi", "mine")]
    installed.snakemake(*audio, *overlay, cwd="x")
    for path in audio:
        assert np.isfinite(pq.read_table(folder / path)["rms_db"].to_numpy()).all()
    plugin.write_text(source + "# A remark.\n", encoding="utf-8")
    assert "Nothing to be done" in installed.snakemake(*audio, *overlay, cwd="x")
    plugin.write_text(source.replace(".round()", ".floor()"), encoding="utf-8")
    again = installed.snakemake("--dry-run", *audio, *overlay, cwd="x")
    assert re.search(r"^resynthesize +1$", again, re.M) and re.search(r"^total +1$", again, re.M)


def test_a_folder_in_use_is_not_laid_out(installed):
    (installed.folder / "used").mkdir()
    (installed.folder / "used/note.txt").write_text("mine")
    done = subprocess.run([installed.python.parent / "ncst", "init", "used"], cwd=installed.folder, capture_output=True)
    assert done.returncode == 1
    assert done.stderr.decode() == "error: used is not empty: name a new folder.\n"
    assert [path.name for path in (installed.folder / "used").iterdir()] == ["note.txt"]
