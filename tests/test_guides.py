"""The guides of config/guides: every block is run, in the order of its page, in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import yaml
from helpers.project import ROOT, Project
from signals import speech_like

from ncst import registry
from ncst.audio.delay import estimate_delay_ms
from ncst.plan.config import complete

GUIDES = sorted((ROOT / "config/guides").glob("*.md"))
BLOCK = re.compile(r"(?:<!-- (not run|fails): (.*) -->\n)?^```(\w*) ?(\S*)\n(.*?)^```$", re.M | re.S)


def blocks(guide):
    """Yield (mark, words of the mark, language, file, text) of every fenced block."""
    for mark, words, language, file, text in BLOCK.findall(guide.read_text(encoding="utf-8")):
        named = file or (re.match(r"# (\S+\.\w+)\n", text) or ["", ""])[1]
        yield mark, words, language, named, text


def commands():
    """Yield (name, entry) of every command-line codec of the guide."""
    for _, _, language, _, text in blocks(ROOT / "config/guides/codecs.md"):
        for name, entry in yaml.safe_load(text)["codecs"].items() if language == "yaml" else ():
            if entry.get("module") == "command":
                yield pytest.param(name, entry, id=name)


@pytest.mark.parametrize(("name", "entry"), commands())
def test_command_codecs_are_valid_and_run_where_their_tool_is(name, entry):
    complete({"codecs": {name: entry}})
    if shutil.which(entry["settings"]["encode"][0]) is None:
        return
    codec = registry.load("codecs", "command")(entry)
    clip = speech_like(2.0)
    (out,) = codec.resynthesize([clip], [0])
    assert out.shape == clip.shape and np.isfinite(out).all()
    assert 0.1 < np.square(out).sum() / np.square(clip).sum() < 4
    if "delay" not in entry.get("changes", ()):
        assert abs(estimate_delay_ms(clip, out)) < 1


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("guides"))
    for speaker in ("anna", "ben"):
        folder = made.folder / "recordings" / speaker
        folder.mkdir(parents=True)
        for seed, name in enumerate(("one", "two")):
            soundfile.write(folder / f"{name}.wav", speech_like(1.5, seed), 16_000)
    scripts = made.folder / "bin"
    scripts.mkdir()
    for name, module in (("python", ""), ("snakemake", "-m snakemake"), ("ncst", "-m ncst")):
        (scripts / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        (scripts / name).chmod(0o755)
    return made


def run(project, command):
    environment = {
        **os.environ,
        "PATH": f"{project.folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(project.folder),
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(project.folder),
    }
    return subprocess.run(["bash", "-c", command], cwd=project.folder, env=environment, capture_output=True, text=True)


def lacks_a_tool(project, command):
    """Say whether an overlay of *command* names a codec whose command this machine does not have."""
    overlays = [
        yaml.safe_load((project.folder / file).read_text()) for file in re.findall(r"(?<=\s)[\w/]+\.yaml", command)
    ]
    entries = [entry for overlay in overlays for entry in overlay.get("codecs", {}).values()]
    tools = [entry["settings"]["encode"][0] for entry in entries if entry.get("module") == "command"]
    return any(shutil.which(tool) is None for tool in tools)


def walk(project, guide):
    """Write the files of *guide* and run its commands, in order."""
    for mark, words, language, file, text in blocks(guide):
        if mark == "not run":
            assert words
        elif file:
            path = project.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif language == "bash":
            for command in text.splitlines():
                if lacks_a_tool(project, command):
                    continue
                done = run(project, command)
                said = done.stdout + done.stderr
                assert "Traceback" not in said, said
                assert (done.returncode == 0) == (mark != "fails"), f"{command}\n{said[-3000:]}"
                assert mark != "fails" or words in said, said
        else:
            assert not language, f"{guide.name}: a block of {language} without a file name"


@pytest.mark.workflow
@pytest.mark.parametrize("guide", [guide for guide in GUIDES if guide.stem != "corpora"], ids=lambda guide: guide.stem)
def test_every_block_runs(project, guide):
    walk(project, guide)


@pytest.mark.workflow
def test_every_block_on_corpora_runs_and_reads_the_table(project):
    walk(project, ROOT / "config/guides/corpora.md")
    table = pq.read_table(project.folder / "results/mine/corpora/my_corpus.parquet").to_pylist()
    assert [(row["utt_id"], row["speaker"], row["language"], row["gender"]) for row in table] == [
        ("anna-one", "anna", "en", "female"),
        ("anna-two", "anna", "en", "female"),
        ("ben-one", "ben", "de", "male"),
        ("ben-two", "ben", "de", "male"),
    ]
    assert len(pq.read_table(project.folder / "results/mine/manifests/unseen_real/my_corpus.parquet")) == 4


def test_the_readme_shows_an_entry_of_the_guide():
    (shown,) = re.findall(r"```yaml\n(  opus_12:.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    (guided,) = (case.values[1] for case in commands() if case.id == "opus_12")
    assert yaml.safe_load(shown) == {"opus_12": guided}


def test_every_key_of_command_codecs_is_explained():
    from ncst.audio.codecs.command import SETTINGS

    section = (ROOT / "config/README.md").read_text(encoding="utf-8").split("### `module: command`")[1]
    table = re.search(r"^\| key .*?\n\n", section, re.M | re.S)[0]
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|(.*?)\|", table, re.M)))) == set(SETTINGS)
