"""A new codec: written where the registry finds it, working at once, and never over something that exists."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from ncst.audio.codecs._base import Base
from ncst.errors import NcstError
from ncst.plan.new_codec import new_codec


@pytest.fixture
def project(tmp_path):
    (tmp_path / "ncst" / "audio" / "codecs").mkdir(parents=True)
    (tmp_path / "config").mkdir()
    source = Path("config/codecs.yaml").read_text(encoding="utf-8")
    (tmp_path / "config" / "codecs.yaml").write_text(source, encoding="utf-8")
    return tmp_path


def files(project):
    return {path.name: path.read_bytes() for path in project.rglob("*") if path.is_file()}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_new_codec_works(project):
    advice = new_codec("my_codec", project)
    path = project / "ncst" / "audio" / "codecs" / "my_codec.py"
    assert str(path) in advice and "class_id" in advice and "taxonomy" in advice
    module = load(path)
    (found,) = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    assert issubclass(found, Base)
    entry = yaml.safe_load((project / "config" / "codecs.yaml").read_text(encoding="utf-8"))["codecs"]["my_codec"]
    codec = found(entry)
    clips = [np.sin(np.arange(n) / 5).astype(np.float32) * 0.3 for n in (1, 1601, 16137, 16137)]
    outputs = codec.resynthesize(clips, [0] * 4)
    for clip, out in zip(clips, outputs):
        assert out.shape == clip.shape and out.dtype == np.float32
        assert 0 < np.abs(out - clip).max() < 0.02
    assert (codec.resynthesize([np.zeros(1600, np.float32)], [0])[0] ** 2).mean() < 1e-7


def test_the_entry_is_complete_and_comments_stay(project):
    before = (project / "config" / "codecs.yaml").read_text(encoding="utf-8")
    new_codec("my_codec", project)
    after = (project / "config" / "codecs.yaml").read_text(encoding="utf-8")
    assert after.startswith(before.rstrip("\n"))
    codecs = yaml.safe_load(after)["codecs"]
    assert set(codecs) == {*yaml.safe_load(before)["codecs"], "my_codec"}
    assert codecs["my_codec"]["title"] == "My codec"

    from jsonschema import Draft202012Validator

    schema = yaml.safe_load(Path("workflow/schemas/codecs.schema.yaml").read_text(encoding="utf-8"))
    assert list(Draft202012Validator(schema).iter_errors(codecs["my_codec"])) == []


def test_the_new_file_is_lint_free(project):
    new_codec("my_codec", project)
    path = project / "ncst" / "audio" / "codecs" / "my_codec.py"
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--config", "pyproject.toml", str(path)]
        assert subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.parametrize("name", ["", "Opus", "1st", "a-b", "../evil", "a b", "_private", "class", "é"])
def test_names_that_no_module_can_have(project, name):
    before = files(project)
    with pytest.raises(NcstError, match="cannot name a codec"):
        new_codec(name, project)
    assert files(project) == before


def test_existing_codecs_are_left_alone(project):
    new_codec("mine", project)
    before = files(project)
    for name in ("mine", "encodec", "mimi_8"):
        with pytest.raises(NcstError, match="exists"):
            new_codec(name, project)
    assert files(project) == before


def test_only_in_the_project(tmp_path):
    with pytest.raises(NcstError, match="project's folder"):
        new_codec("mine", tmp_path)


@pytest.mark.parametrize("end", ["other: {a: 1}", "other:\n  a: 1", "codecs: [", "other: 1"])
def test_a_config_that_ends_with_something_else(project, end):
    config = project / "config" / "codecs.yaml"
    config.write_text(f"codecs:\n  real: {{}}\n{end}\n", encoding="utf-8")
    before = files(project)
    with pytest.raises(NcstError, match="codecs"):
        new_codec("mine", project)
    assert files(project) == before
