"""Something new: written where the registry finds it, working at once, and never over something that exists."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import yaml

from ncst import cli, registry
from ncst.errors import NcstError
from ncst.plan.config import load_config, merge
from ncst.plan.new import CONFIG, FAMILIES, new
from ncst.plan.validate import validate

ROOT = Path(__file__).parents[2]
ENTERED = [kind for kind in FAMILIES if kind != "objective"]


@pytest.fixture
def project(tmp_path):
    """A project outside a clone: its configuration alone."""
    (tmp_path / "config").mkdir()
    for path in (ROOT / "config").glob("*.yaml"):
        (tmp_path / "config" / path.name).write_bytes(path.read_bytes())
    return tmp_path


def files(project):
    return {path.relative_to(project): path.read_bytes() for path in project.rglob("*") if path.is_file()}


def config_of(project, kind):
    return project / "config" / f"{CONFIG.get(FAMILIES[kind], FAMILIES[kind])}.yaml"


def test_the_command_line_knows_every_kind():
    kinds = get_args(get_args(get_type_hints(cli.new, include_extras=True)["kind"])[0])
    assert list(kinds) == list(FAMILIES)


@pytest.mark.parametrize("kind", ENTERED)
def test_the_entry_is_valid_and_everything_else_stays(project, kind):
    config, family = config_of(project, kind), FAMILIES[kind]
    before = config.read_text(encoding="utf-8").splitlines()
    new(kind, "my_own", project)
    after = config.read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(after) if line == "  my_own:")
    end = start + len(after) - len(before) - 1
    assert after[: start - 1] + after[end:] == before and after[start - 1] == ""
    entries = yaml.safe_load("\n".join(after))[family]
    assert list(entries) == [*yaml.safe_load("\n".join(before))[family], "my_own"]
    assert entries["my_own"]["title"] == "My own"
    validate(load_config(folder=project / "config"))


def test_what_the_advice_says_makes_a_valid_overlay(project, monkeypatch):
    monkeypatch.setattr(registry, "PLUGINS", project / "plugins")
    advice = {kind: new(kind, f"my_{kind}", project) for kind in FAMILIES}
    config = load_config(folder=project / "config")
    for kind in ("corpus", "frontend", "objective", "perturbation"):
        overlay = re.search(r"\n\n(.*?)(\n\n|$)", advice[kind], re.S)[1]
        merge(config, yaml.safe_load(overlay))
    validate(config)
    assert config["models"]["mel_lcnn"]["frontend"] == "my_frontend"
    assert config["models"]["mel_lcnn"]["training"]["objective"]["name"] == "my_objective"
    assert config["robustness"]["perturbations"] == ["my_perturbation"]
    assert config["splits"]["unseen_real/my_corpus"]["pairs"] == [{"source": "my_corpus", "codecs": ["real"]}]


def test_outside_a_clone_they_are_plugins_that_load(project):
    for kind, family in FAMILIES.items():
        advice = new(kind, "my_own", project)
        assert str(project / "plugins" / family / "my_own.py") in advice and "Check it" not in advice
    modules = f"[registry.load(family, 'my_own').__module__ for family in {[*FAMILIES.values()]}]"
    done = subprocess.run(
        [sys.executable, "-c", f"from ncst import registry; print({modules})"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.count(".my_own'") == len(FAMILIES), done.stderr


def test_inside_a_clone_it_lies_among_the_others(project):
    (project / "ncst/audio/codecs").mkdir(parents=True)
    advice = new("codec", "my_own", project)
    assert (project / "ncst/audio/codecs/my_own.py").is_file() and not (project / "plugins").exists()
    assert "`pytest tests/contract -k my_own`" in advice
    assert "what ncst/audio/codecs/my_own.py reads" in config_of(project, "codec").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["", "Opus", "1st", "a-b", "../evil", "a b", "_private", "class", "é", "numpy", "json", "demo"]
)
def test_names_that_no_module_can_have(project, name):
    before = files(project)
    with pytest.raises(NcstError, match="cannot name a codec"):
        new("codec", name, project)
    assert files(project) == before


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("codec", "encodec"),
        ("codec", "mimi_8"),
        ("model", "taxonomy"),
        ("frontend", "xlsr_layer5"),
        ("objective", "aam"),
        ("corpus", "moshi"),
        ("perturbation", "opus_8"),
        ("detector", "mine"),
    ],
)
def test_what_exists_is_left_alone(project, kind, name):
    new("detector", "mine", project)
    before = files(project)
    with pytest.raises(NcstError, match="choose another name"):
        new(kind, name, project)
    assert files(project) == before


def test_only_in_a_project(tmp_path):
    with pytest.raises(NcstError, match="run this in the project's folder"):
        new("codec", "mine", tmp_path)
    (tmp_path / "config").mkdir()
    with pytest.raises(NcstError, match=r"Cannot read .*codecs.yaml"):
        new("codec", "mine", tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("codecs: [", "not valid YAML"),
        ("other: 1\n", "no mapping `codecs:`"),
        ("codecs: {real: {}}\n", "not a block of entries"),
        ("codecs:\n    real: {}\n", "not a block of entries"),
    ],
)
def test_a_config_that_takes_no_entry(project, text, sentence):
    config_of(project, "codec").write_text(text, encoding="utf-8")
    before = files(project)
    with pytest.raises(NcstError, match=sentence):
        new("codec", "mine", project)
    assert files(project) == before


@pytest.mark.parametrize("text", ["codecs:\n  real: {}\n\n# The rest\nother:\n  a: 1\n", "codecs:\n  real:\n    a: 1"])
def test_the_entry_stands_behind_the_last_of_its_family(project, text):
    config_of(project, "codec").write_text(text, encoding="utf-8")
    new("codec", "mine", project)
    found = yaml.safe_load(config_of(project, "codec").read_text(encoding="utf-8"))
    assert list(found["codecs"]) == ["real", "mine"]
    assert {key: found[key] for key in found.keys() - {"codecs"}} == ({"other": {"a": 1}} if "other" in text else {})
