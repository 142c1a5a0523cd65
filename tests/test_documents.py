"""What the documents say of the code is there: rooms, functions, files, versions."""

import ast
import re
from pathlib import Path

import pytest
import yaml

import ncst

ROOT = Path(__file__).parents[1]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "config/README.md",
    *(path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("config/guides/*.md"))),
)


def defined(path):
    """Names that the module *path* defines or imports at its top."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return {*named, *(alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names)}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:[a-z_]+\.){1,3}[a-z_]+)`", ARCHITECTURE))))
def test_the_map_names_what_exists(name):
    *module, last = name.split(".")
    assert (
        (ROOT / name).exists()
        or (ROOT / "config" / name).exists()
        or ROOT.joinpath("ncst", *module, f"{last}.py").is_file()
        or last in defined(ROOT.joinpath("ncst", *module).with_suffix(".py"))
    )


def test_the_map_has_every_room():
    told = set(re.findall(r"^\| \d \| `(\w+)/`", ARCHITECTURE, re.M))
    assert told == {path.parent.name for path in ROOT.glob("ncst/*/__init__.py")}


def test_the_map_names_the_stages_that_share_a_file():
    told = re.findall(r"^\| (\w+) \| `([a-z_.]+)\.(\w+)` \|", ARCHITECTURE, re.M)
    rules = {path.stem for path in ROOT.glob("workflow/scripts/*.py")}
    own = {path.stem for path in ROOT.glob("ncst/**/*.py")}
    assert {rule for rule, _, _ in told} == rules - own
    for rule, module, function in told:
        script = (ROOT / f"workflow/scripts/{rule}.py").read_text(encoding="utf-8")
        assert f"from ncst.{module} import {function}" in script


def test_documents_agree_on_the_versions_of_python():
    assert 'requires-python = ">=3.11,<3.14"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for document in ("README.md", "CONTRIBUTING.md"):
        assert set(re.findall(r"Python 3\.[\w. ]*\d", (ROOT / document).read_text(encoding="utf-8"))) == {
            "Python 3.11 to 3.13"
        }


@pytest.mark.parametrize("document", DOCUMENTS)
def test_linked_files_exist(document):
    folder = (ROOT / document).parent
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / document).read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (folder / link).exists()] == []


@pytest.mark.parametrize("document", ("README.md", "CONTRIBUTING.md"))
def test_make_targets_exist(document):
    targets = set(re.findall(r"^(\S+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    code = " ".join(re.findall(r"`+[^`]*`+", (ROOT / document).read_text(encoding="utf-8")))
    named = re.findall(r"\bmake ([a-z]+(?:\.yml)?)", code)
    assert named
    assert set(named) <= targets


def test_the_manual_lists_every_value_of_the_taxonomy():
    manual = (ROOT / "config/README.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `taxonomy` \|.*$", manual, re.M)
    schema = yaml.safe_load((ROOT / "workflow/schemas/codecs.schema.yaml").read_text(encoding="utf-8"))
    for key, values in schema["properties"]["taxonomy"]["properties"].items():
        assert f"`{key}`" in row
        assert [value for value in values["enum"] if not re.search(rf"\b{value}\b", row)] == []


def test_the_changelog_begins_with_this_version():
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)[1] == ncst.__version__
