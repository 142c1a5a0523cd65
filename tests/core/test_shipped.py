from pathlib import Path

from ncst.core.shipped import located, shipped
from ncst.plan import entries
from ncst.plan.config import load_config

WEIGHTS = "resources/compact/mimi.safetensors"


def test_paths_stay_relative_where_the_folder_has_the_file():
    assert located(WEIGHTS) == WEIGHTS


def test_what_the_folder_lacks_is_what_ships(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert located(WEIGHTS) == str(shipped(WEIGHTS)) and shipped(WEIGHTS).is_file()
    assert entries.weight_file(load_config("config/small.yaml"), "mimi") == str(shipped(WEIGHTS))
    Path("config").mkdir()
    Path("config/small.yaml").write_text("name: mine\n", encoding="utf-8")
    assert load_config("config/small.yaml")["name"] == "mine"


def test_other_paths_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("pyproject.toml", "ncst/cli.py", "weights/mimi.safetensors", "resources/none.txt", "/config/x", ""):
        assert located(path) == path
