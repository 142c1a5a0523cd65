"""The environment has one source of truth, uv.lock; what else names versions or files must agree with it."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def locked():
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    return {p["name"]: p["version"] for p in packages if "version" in p}


def test_torch_versions_match():
    assert locked()["torch"] == locked()["torchaudio"] == "2.11.0"


def test_conda_environment_is_the_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    pins = dict(re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line).groups() for line in pip if "==" in line)
    assert len(pins) > 100
    assert pins == {name: locked()[name] for name in pins}
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.split(r"[=><]", name)[0] for name in direct} <= set(pins)


def test_the_readme_says_why_each_package_is_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    readme = (ROOT / "README.md").read_text()
    assert [n for n in (re.split(r"[=><]", w)[0] for w in wanted) if f"`{n}`" not in readme] == []


def test_make_uses_no_other_environment():
    makefile = (ROOT / "Makefile").read_text()
    assert "sync --frozen" in makefile
    assert "pip install --quiet uv" in makefile


def test_the_profile_of_a_cluster_repeats_the_default_one():
    default, cluster = (
        yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text()) for name in ("default", "slurm")
    )
    del default["resources"]  # cards of one machine
    names, call = default.pop("__definitions__")
    assert cluster["__definitions__"] == [names, call.replace("()", '("slurm")')]
    assert default == {key: cluster.get(key) for key in default}
