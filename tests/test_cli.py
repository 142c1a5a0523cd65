import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner

from ncst import registry
from ncst.cli import app, main
from ncst.errors import NcstError
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


TEN = """
sede: 1
max_failed: .nan
gpu: 1
roots: {vctk: /nowhere/VCTK}
sources: {st_train: {size: 100000000, shard_size: 1}}
codecs:
  dac: {class_id: 1}
  silk:
    title: Silk
    module: command
    class_id: 20
    role: ood_multi
    taxonomy: {vq: trad, aux: trad, dec: trad}
    weights: {}
    settings: {encode: [no_such_encoder, "{input}", "{output}"], decode: [cat, "{input}", "{output}"]}
models: {mel_lcnn: {compact: {training: {epoch: 3}}}, aasist: {compact: {training: {epochs: 0}}}}
detectors: {knn: {options: {kk: 3}}}
"""
SENTENCES = (
    "Config error at the top level: .*'sede' was unexpected",
    "Config error at max_failed: nan is no limit",
    "This machine has no GPU that PyTorch can use",
    "roots.vctk: VCTK is not at /nowhere/VCTK",
    "Config error at sources.st_train: .* are 100,000,000 jobs",
    "Config error at codecs.dac: .* must not have the class 1",
    "The codec 'silk' calls `no_such_encoder`, which is not on the PATH",
    "Config error at models.mel_lcnn.compact.training: 'epoch' unknown",
    "Config error at models.aasist.compact.training.epochs: 0 is less than",
    r"Config error at detectors.knn.options: 'kk' unknown; it may hold \['k'\]",
)


@pytest.mark.skipif(any(Path("/dev").glob("nvidia[0-9]*")), reason="the tenth mistake asks for a GPU that is not there")
def test_check_says_ten_mistakes_at_once(tmp_path):
    overlay = tmp_path / "ten.yaml"
    overlay.write_text(TEN)
    with pytest.raises(NcstError) as said:
        CliRunner().invoke(app, ["check", "--configfile", str(overlay)], catch_exceptions=False)
    lines = str(said.value).splitlines()
    for sentence in SENTENCES:
        assert len([line for line in lines if re.match(sentence, line)]) == 1, sentence
    assert len(lines) == len(SENTENCES)


def test_check_names_a_format_that_libsndfile_does_not_write():
    said = run("check", "--config", "codecs={opus: {settings: {soundfile: {format: OGG, subtype: NOPE}}}}")
    assert "at codecs.opus.settings.soundfile: libsndfile" in said.stderr and "writes no OGG NOPE: use" in said.stderr


def test_init_names_the_folder_as_a_shell_takes_it_and_refuses_braces(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "cd 'q q' &&" in CliRunner().invoke(app, ["init", "q q"], catch_exceptions=False).output
    with pytest.raises(NcstError, match=r"takes the braces in .*/a\{b\}c for wildcards: name another folder"):
        CliRunner().invoke(app, ["init", "a{b}c"], catch_exceptions=False)
    assert not Path("a{b}c").exists()
    Path("a{b}c").mkdir()
    monkeypatch.chdir("a{b}c")
    with pytest.raises(NcstError, match=r"takes the braces in .*/a\{b\}c for wildcards: move the project"):
        CliRunner().invoke(app, ["check"], catch_exceptions=False)


def test_single_keys_are_given_as_to_snakemake():
    words = ["check", "--config", "roots={vctk: /nowhere, ...}", "gpu=0", "--configfile", "config/small.yaml"]
    done = subprocess.run([sys.executable, "-m", "ncst", *words], capture_output=True, text=True)
    first, second = done.stderr.splitlines()
    assert done.returncode == 1 and "the dots of an example stand there" in first
    assert "roots.vctk: VCTK is not at /nowhere" in second


def test_an_export_of_no_results_says_so(tmp_path):
    with pytest.raises(NcstError, match="has no manifests: name the results folder of a run"):
        CliRunner().invoke(
            app, ["export", "--results", str(tmp_path), "--out", "x", "--layout", "wav"], catch_exceptions=False
        )
