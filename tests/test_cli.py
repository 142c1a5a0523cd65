import subprocess
import sys

import pytest
import torch
import yaml

from ncst import registry
from ncst.cli import app, main
from ncst.plan import entries
from ncst.plan.config import load_config
from ncst.plan.validate import validate


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-c", "from ncst.cli import main; main()", *arguments], capture_output=True, text=True
    )


def test_codecs_lists_every_entry(config):
    shown = run("codecs").stdout
    assert [name for name in config["codecs"] if name not in shown] == []
    assert "facebook/encodec_24khz" in shown


def test_plan_of_the_full_benchmark_needs_no_corpora():
    shown = run("plan", "--configfile", "config/st_codecfake.yaml").stdout
    assert "70,000" in shown
    assert "92,596" in shown
    assert "Still to be set in `roots`: vctk, aishell3" in shown


def test_user_errors_are_one_sentence(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("sede: 1\n")
    done = run("plan", "--configfile", str(wrong))
    assert done.returncode == 1
    assert done.stderr.startswith("error: Config error at the top level:")
    assert "Traceback" not in done.stderr


def test_new_codec_refuses_a_taken_name():
    done = run("new", "codec", "mimi")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "mimi" in done.stderr


def test_a_published_checkpoint_is_imported_in_its_own_size(tmp_path):
    network = registry.load("models", "w2v2_aasist")(7)
    state = {f"w2vaasist.{key}": value for key, value in network.state_dict().items()}
    torch.save(state | {"wav2vec2.model.big": torch.zeros(9)}, tmp_path / "official.pt")
    out = tmp_path / "out.safetensors"
    done = run("import-checkpoint", "w2v2_aasist", str(tmp_path / "official.pt"), "--out", str(out))
    assert "448,047 parameters" in done.stdout, done.stderr
    overlay = yaml.safe_load(done.stdout.split("overlay:")[1])
    assert overlay["models"]["w2v2_aasist"]["published"]["checkpoint"] == str(out)
    (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    config = load_config(tmp_path / "overlay.yaml")
    validate(config)
    assert entries.model_entry(config, "w2v2_aasist")["checkpoint"] == str(out)
    assert out.stat().st_size < 2e6
    done = run("import-checkpoint", "aasist", str(tmp_path / "official.pt"), "--out", str(tmp_path / "no.safetensors"))
    assert done.stderr.startswith("error: ") and "not of the Aasist" in done.stderr
    assert not (tmp_path / "no.safetensors").exists()


def test_help_loads_nothing_heavy():
    done = subprocess.run([sys.executable, "-X", "importtime", "-m", "ncst", "--help"], capture_output=True, text=True)
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert "ncst.cli" in imported and imported.isdisjoint({"torch", "numpy", "pandas", "snakemake", "yaml"})


@pytest.mark.parametrize("command", [[], ["new"]])
def test_help_is_shown_without_a_command(command):
    assert "Usage" in run(*command, "--help").stdout
    assert callable(main) and app.info.help
