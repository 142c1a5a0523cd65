"""The rooms of ncst stand on floors: a room imports only what stands on a lower one, lazily or not."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "ncst"
FLOORS = [
    {"errors"},
    {"registry"},
    {"core"},
    {"plan"},
    {"formats", "fetch"},
    {"speech", "tracing", "report"},
    {"audio", "evaluation"},
    {"compact", "exchange"},
    {"cli"},
]
FACE = {"__init__", "__main__"}
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(ROOT.rglob("*.py"))


def room(parts):
    return Path(parts[0]).stem


def imports(path):
    """Names of ncst that the file *path* imports anywhere: (room, statement's line)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: write the whole name of the module"
            names = [node.module] if node.module != "ncst" else [f"ncst.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from ((name.split(".")[1], node.lineno) for name in names if name.startswith("ncst."))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_down(path):
    here = room(path.relative_to(ROOT).parts)
    for there, line in imports(path):
        if there in FLOOR and there != here:
            assert here in FACE or FLOOR[there] < FLOOR[here], f"{path}:{line}: {here} imports {there}, which is above"


def test_every_room_has_a_floor():
    found = {room(path.relative_to(ROOT).parts) for path in FILES} - FACE
    assert found == set(FLOOR)
    assert len({path.parent for path in FILES if path.parent.parent == ROOT}) <= 13
    assert len([path for path in FILES if path.parent == ROOT]) <= 8


def test_underscores_are_for_plugin_families():
    from ncst.registry import FAMILIES

    families = {ROOT.joinpath(*package.split(".")[1:]) for package in FAMILIES.values()}
    private = [path for path in FILES if path.name.startswith("_") and not path.name.startswith("__")]
    assert [path for path in private if path.parent not in families] == []
