"""The real workflow on a tiny experiment, in a copy of the project that the tests may edit."""

import json
import re
import resource
import subprocess
import sys
import sysconfig
import venv
import zipfile

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import yaml
from helpers import benchmark
from helpers.loaded import rows_of
from helpers.project import ROOT, Project
from signals import speech_like

from ncst.plan.config import load_config, merge

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    made = Project(tmp_path_factory.mktemp("project"))
    done = made.snakemake()
    assert done.returncode == 0, done.stderr[-4000:]
    return made


def test_every_stage_leaves_its_product(project):
    for path in (
        "corpora/vctk.parquet",
        "sources/st_train.parquet",
        "audio/st_eval/dac/00001-of-00002.parquet",
        "manifests/id_config/encodec_12.parquet",
        "features/mel/st_eval/mimi/00000-of-00002.npy",
        "models/mel_lcnn/seed-688/model.safetensors",
        "scores/mel_lcnn/seed-688/ood_vocoder.parquet",
        "ood/mel_lcnn/seed-688/knn.parquet",
        "metrics/mel_lcnn/seed-688.json",
        "robustness/clips/g711_mu.parquet",
        "robustness/mel_lcnn/seed-688.json",
        "unseen_real/mel_lcnn/seed-688.json",
        "tables/robustness.csv",
        "tables/shortcuts.tex",
        "maps/mel_lcnn/seed-688.parquet",
        "audio/README.md",
        "report/index.html",
        "report/figures/maps/mel-lcnn--codec.svg",
    ):
        assert (project.results / path).is_file(), path


def test_counts_agree_from_end_to_end(project):
    manifest = pq.read_table(project.results / "manifests/eval_id.parquet")
    scores = pq.read_table(project.results / "scores/mel_lcnn/seed-688/eval_id.parquet")
    metrics = json.loads((project.results / "metrics/mel_lcnn/seed-688.json").read_text())
    assert len(manifest) == len(scores) == metrics["id"]["n"] == 8 * 3
    assert sorted(set(manifest["codec"].to_pylist())) == ["encodec", "mimi", "real"]
    assert metrics["classes"] == [0, 1, 4]


def test_every_row_of_every_shard_is_loaded(project, tmp_path):
    shards = list((project.results / "audio").rglob("*.parquet"))
    loaded = rows_of(project.results / "audio", tmp_path)
    assert loaded.keys() == {path.parts[-3] for path in shards}
    for source_set, rows in loaded.items():
        expected = [pq.read_metadata(path).num_rows for path in shards if path.parts[-3] == source_set]
        assert len(rows) == sum(expected), source_set
    rates = {(row["codec"], row["bitrate_kbps"]) for rows in loaded.values() for row in rows}
    assert all(len(str(rate)) < 6 for _, rate in rates if rate), rates


def test_an_unlabelled_split_is_listed_and_counted_nowhere(project):
    metrics = json.loads((project.results / "metrics/mel_lcnn/seed-688.json").read_text())
    assert metrics["unlabelled"]["unlabelled"]["n"] == 4
    labels = pq.read_table(project.results / "scores/mel_lcnn/seed-688/unlabelled.parquet")["label"]
    assert labels.null_count == 4
    for path in ("tables/table3.csv", "robustness/mel_lcnn/seed-688.json"):
        assert "nlabelled" not in (project.results / path).read_text()
    assert "Clips without a label" in (project.results / "report/index.html").read_text(encoding="utf-8")


def test_the_clean_cell_is_what_was_scored(project):
    cells = pq.read_table(project.results / "robustness/mel_lcnn/seed-688.parquet").to_pylist()
    clean = {(row["split"], row["clip_id"]): row["logits"] for row in cells if row["cell"] == "clean"}
    assert 9 < len(clean) == sum(row["cell"] == "g711_mu" for row in cells)
    scored = {}
    for split in {split for split, _ in clean}:
        table = pq.read_table(project.results / f"scores/mel_lcnn/seed-688/{split}.parquet")
        scored |= {(split, row["clip_id"]): row["logits"] for row in table.to_pylist()}
    for key, logits in clean.items():
        np.testing.assert_allclose(logits, scored[key], atol=1e-4)
    changed = [row["logits"] for row in cells if row["cell"] == "g711_mu"]
    assert not np.allclose(changed, list(clean.values()), atol=1e-2)


def test_the_plan_counts_what_is_there(project):
    done = project.snakemake("plan")
    assert re.search(r"eval_id .* 24 +24 +- ", done.stdout + done.stderr), done.stdout + done.stderr


def test_snakemake_reports_on_the_run(project):
    done = project.snakemake("--report", "report.zip")
    assert done.returncode == 0, done.stderr[-2000:]
    with zipfile.ZipFile(project.folder / "report.zip") as report:
        assert {"report/report.html"} <= set(report.namelist())


def test_a_second_run_does_nothing(project):
    done = project.snakemake()
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout + done.stderr


def test_a_cluster_has_nothing_to_do_either(project):
    done = project.snakemake("--dry-run", "--workflow-profile", "profiles/slurm")
    assert done.returncode == 0, done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr


def test_touching_every_file_queues_nothing(project):
    for path in (project.folder / "ncst").rglob("*.py"):
        path.touch()
    for path in (project.folder / "workflow").rglob("*"):
        path.touch()
    assert project.queued() == {}


def test_compact_weights_can_be_trained_again(project):
    assert project.queued("results/tiny/compact/snac.safetensors")["train_compact"] == 1


def edited(path, old, new):
    """Context: *path* with *old* replaced by *new*."""

    class Edit:
        def __enter__(self):
            self.content = path.read_bytes()
            path.write_text(path.read_text().replace(old, new))

        def __exit__(self, *error):
            path.write_bytes(self.content)

    return Edit()


def test_comments_and_docstrings_queue_nothing(project):
    files = [path for part in ("ncst", "workflow/scripts") for path in (project.folder / part).rglob("*.py")]
    before = {path: path.read_text() for path in files}
    for path, text in before.items():
        path.write_text('# A comment.\n"""A docstring."""\n' + text)
    assert project.queued() == {}
    for path, text in before.items():
        path.write_text(text)


def test_an_edited_page_reruns_alone(project):
    with edited(project.folder / "ncst/report/page/html_table.py", "\n\n\n", "\n\n\nEDITED = True\n\n\n"):
        assert project.queued() == {"write_page": 1, "all": 1}


def test_an_edited_codec_reruns_alone(project):
    with edited(project.folder / "ncst/audio/codecs/dac.py", "\n\n\n", "\n\n\nEDITED = True\n\n\n"):
        queued = project.queued()
    assert queued["resynthesize"] == 2
    assert "train" not in queued


def test_a_changed_entry_reruns_its_codec(project):
    overlay = project.folder / "mine.yaml"
    overlay.write_text(
        (project.folder / "tests/tiny.yaml").read_text() + "codecs: {dac: {compact: {settings: {books: 2}}}}\n"
    )
    queued = project.queued(overlay="mine.yaml")
    assert queued["resynthesize"] == 2
    assert "train" not in queued


REPORT = {"write_tables": 1, "draw_figures": 1, "write_page": 1, "all": 1}


def renamed(value):
    """Return the entries of a registry with other titles, notes, references, licences and addresses."""
    words = ("title", "notes", "reference", "url")
    changed = {name: {key: f"{entry.get(key, '')} (new)" for key in words if key in entry} for name, entry in value}
    licensed = {name: {"licence": {"code": "new"}} for name, entry in value if isinstance(entry.get("licence"), dict)}
    return merge(changed, licensed)


def test_what_people_read_queues_the_report_alone(project):
    config = load_config(project.folder / "tests/tiny.yaml")
    families = ("codecs", "alms", "corpora", "sources", "splits", "frontends", "models", "detectors", "perturbations")
    overlay = {family: renamed(config[family].items()) for family in families}
    (project.folder / "renamed.yaml").write_text(yaml.safe_dump(overlay))
    assert project.queued(overlay=["tests/tiny.yaml", "renamed.yaml"]) == REPORT


SCORED = {"evaluate": 1, "score_robustness": 1, "evaluate_robustness": 1}
TESTED = SCORED | {"sample_clips": 1, "perturb_clips": 1, "detect": 2, "map_embeddings": 1}
GROWTH = {
    "a codec": (
        {"select": {"codecs": ["real", "mimi", "encodec", "encodec_12", "dac", "soundstream"]}},
        TESTED | {"resynthesize": 2, "write_card": 1, "compute_features": 2, "write_manifest": 2, "score": 1},
    ),
    "a seed": (
        {"seeds": [688, 689]},
        SCORED | {"train": 1, "score": 9, "detect": 2, "map_embeddings": 1, "evaluate_unseen_real": 1},
    ),
    "a detector": (
        {"select": {"detectors": ["msp", "knn", "energy"]}},
        {"detect": 1, "evaluate": 1, "evaluate_robustness": 1},
    ),
    "a perturbation": (
        {"robustness": {"perturbations": ["g711_mu", "noise_20"]}},
        {"perturb_clips": 1, "score_robustness": 1, "evaluate_robustness": 1},
    ),
    "a corpus with two sets and two splits": (
        {"roots": {"in_the_wild": "demo"}, "sources": {"in_the_wild_bonafide": {"size": 4}}},
        TESTED
        | dict.fromkeys(("speak_corpus", "index_corpus", "write_card", "measure_clips", "evaluate_unseen_real"), 1)
        | dict.fromkeys(("sample_sources", "write_real", "compute_features", "write_manifest", "score"), 2),
    ),
    "a size of one set": (
        {"sources": {"asvspoof2019_la_spoof": {"size": 3}}},
        TESTED
        | dict.fromkeys(("sample_sources", "write_real", "write_card", "compute_features"), 1)
        | dict.fromkeys(("write_manifest", "score"), 2),
    ),
}


@pytest.mark.parametrize(("overlay", "jobs"), GROWTH.values(), ids=GROWTH.keys())
def test_growing_queues_what_is_new(project, overlay, jobs):
    (project.folder / "more.yaml").write_text(yaml.safe_dump(overlay))
    assert project.queued(overlay=["tests/tiny.yaml", "more.yaml"]) == REPORT | jobs


def test_an_edited_base_reruns_every_codec(project):
    with edited(project.folder / "ncst/audio/codecs/_base.py", "\n\n\n", "\n\n\nEDITED = True\n\n\n"):
        queued = project.queued()
    assert queued["resynthesize"] == 4 * 2 + 2 * 2
    assert queued["generate_alm"] == queued["write_real"] == 1, "generated speech alone comes out of a codec as well"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("sede: 1\n", "'sede' was unexpected"),
        ("select: {codecs: [real, mp4]}\n", r"select.codecs names \['mp4'\]"),
        ("roots: {vctk: /nowhere/VCTK}\n", "/nowhere/VCTK"),
        ("codecs: {dac: {module: nothing}}\n", "No 'nothing' among the codecs: write "),
        ("sources: {st_train: {size: 5000}}\n", "5000|5,000"),
    ],
)
def test_user_errors_are_one_sentence(project, lines, sentence):
    overlay = project.folder / "wrong.yaml"
    overlay.write_text(f"name: wrong\n{lines}")
    done = project.snakemake(
        "results/wrong/sources/st_train.parquet", "results/wrong/corpora/vctk.parquet", overlay="wrong.yaml"
    )
    assert done.returncode != 0
    text = done.stdout + done.stderr
    assert re.search(sentence, text), text
    assert "Traceback" not in text


def own_entries(project, *overlays):
    """Return *overlays* and one that leaves what a user has added out of the run."""
    (project.folder / "only.yaml").write_text(yaml.safe_dump(benchmark.only(*overlays)))
    return [*overlays, "only.yaml"]


def test_the_full_benchmark_is_at_most_1200_jobs_planned_in_seconds(project, monkeypatch):
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # counting lines takes longer than the plan
    corpora = "vctk aishell3 ncssd asvspoof2019_la in_the_wild moshi mini_omni speechgpt_gen valle"
    roots = {name: f"/data/{name}" for name in corpora.split()}
    overlays = own_entries(project, "config/st_codecfake.yaml")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    queued = project.queued("--config", f"roots={json.dumps(roots)}", overlay=overlays)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert sum(queued.values()) <= 1_200
    assert queued["evaluate_taxonomy"] == 3 * 11
    # 8.5 s in a copy of the project, 5 s where it lies; why is not known.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 16


def test_the_mitigations_run_beside_their_baseline_at_full_size(project):
    corpora = "vctk aishell3 ncssd asvspoof2019_la in_the_wild more_real"
    roots = f"roots={json.dumps({name: f'/data/{name}' for name in corpora.split()})}"
    overlays = own_entries(project, "config/st_codecfake.yaml", "config/mitigations.yaml")
    queued = project.queued("--config", roots, overlay=overlays)
    assert queued["train"] == queued["evaluate"] == 3 * 9 + 1
    assert queued["detect"] == 5 * queued["train"]
    assert sum(queued.values()) <= 1_200


def test_a_folder_may_have_any_name_without_braces(tmp_path):
    project = Project(tmp_path / "my project (v2) [a]")
    venv.create(project.folder / ".venv", symlinks=True)
    (packages,) = project.folder.glob(".venv/lib/python*/site-packages")
    (packages / "outer.pth").write_text(sysconfig.get_path("purelib"))
    project.python = project.folder / ".venv/bin/python"
    assert project.queued()["resynthesize"] == 12
    done = project.snakemake("results/tiny/corpora/vctk.parquet")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (project.results / "corpora/vctk.parquet").is_file()
    braces = Project(tmp_path / "my {project}")
    done = braces.snakemake("--dry-run")
    assert done.returncode != 0
    assert re.search(r"braces in .*my \{project\}.* for wildcards: move the project", done.stdout + done.stderr)
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def quieter(project):
    """The example of README, pasted as it stands: a file, and an entry at the end of the others."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code, path, _), (entry, registry, _) = re.findall(r"```\w+\n(# (\S+)\n(.*?))```", readme, re.S)
    (project.folder / path).write_text(code, encoding="utf-8")
    with (project.folder / registry).open("a", encoding="utf-8") as file:
        file.write(entry)


def test_a_new_codec_is_one_file_and_one_entry(project, quieter):
    overlay = project.folder / "mine.yaml"
    overlay.write_text((project.folder / "tests/tiny.yaml").read_text().replace("dac]", "dac, quieter]"))
    queued = project.queued(overlay="mine.yaml")
    assert queued["resynthesize"] == 2
    assert "train" not in queued


KINDS = ("codec", "corpus", "model", "frontend", "objective", "perturbation", "detector")
OWN = """
select:
  codecs: [real, mimi, encodec, encodec_12, dac, quieter, own_codec]
  models: [mel_lcnn, own_model]
  detectors: [msp, knn, own_detector]
codecs: {own_codec: {class_id: 13, role: ood_multi}}
models:
  own_model:
    frontend: own_frontend
    training: {objective: {name: own_objective, smoothing: 0.2}}
    compact: {training: {epochs: 2}}
roots: {own_corpus: recordings}
sources: {own_corpus: {size: 4}}
robustness: {perturbations: [g711_mu, own_perturbation]}
"""


@pytest.fixture(scope="module")
def one_of_each(project, quieter):
    """The project with one of each family, started by `ncst new`, and the overlays of a run that uses them."""
    advice = {}
    for kind in KINDS:
        done = project.run("-c", "from ncst.cli import main; main()", "new", kind, f"own_{kind}")
        assert done.returncode == 0, done.stderr
        advice[kind] = done.stdout
    for speaker in ("anna", "ben"):
        folder = project.folder / "recordings" / speaker
        folder.mkdir(parents=True)
        for number in range(3):
            soundfile.write(folder / f"{number}.wav", speech_like(2, number), 16_000)
    own = merge(yaml.safe_load(advice["corpus"].split("\n\n")[1]), yaml.safe_load(OWN))
    (project.folder / "own.yaml").write_text(yaml.safe_dump(own))
    return ["tests/tiny.yaml", "own.yaml"]


def test_one_of_each_runs_to_the_end(project, one_of_each):
    assert project.queued(overlay=one_of_each)["train"] == 1, "what others learnt stays"
    done = project.snakemake(overlay=one_of_each)
    assert done.returncode == 0, done.stderr[-4000:]
    for path in (
        "audio/st_eval/own_codec/00001-of-00002.parquet",
        "features/own_frontend/st_train/mimi/00000-of-00001.npy",
        "ood/own_model/seed-688/own_detector.parquet",
        "scores/own_model/seed-688/unseen_real/own_corpus.parquet",
        "robustness/clips/own_perturbation.parquet",
        "metrics/own_model/seed-688.json",
    ):
        assert (project.results / path).is_file(), path
    manifest = pq.read_table(project.results / "manifests/ood_multi.parquet")
    assert {"dac", "quieter", "own_codec"} == set(manifest["codec"].to_pylist())
    facts = json.loads((project.results / "models/own_model/seed-688/model.json").read_text())
    assert facts["training"]["objective"] == {"name": "own_objective", "smoothing": 0.2}
    page = (project.results / "report/index.html").read_text(encoding="utf-8")
    assert all(title in page for title in ("Quieter", "Own codec", "Own model", "Own detector", "Own perturbation"))


def test_one_of_each_keeps_tests_and_linters_content(project, one_of_each):
    project.copy("pyproject.toml", "README.md", "benchmarks", "tests")
    parts = ["tests/contract", "tests/plan/test_codec_table.py", "tests/audio/test_codecs.py"]
    options = ["-k", "own_ or quieter or configuration or roles or table", "-p", "no:cacheprovider", "-vv"]
    done = project.run("-m", "pytest", *parts, *options, "--configfile=own.yaml")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    for name in (
        "quieter",
        "own_codec",
        "own_corpus",
        "own_model",
        "own_frontend",
        "own_objective",
        "own_perturbation",
    ):
        assert f"{name}] PASSED" in done.stdout, name
    check_linters(project.folder)


def check_linters(folder):
    for command in (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["snakefmt", "--check", "Snakefile", "workflow"],
        ["snakemake", "--lint"],
    ):
        done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_linters_are_content():
    check_linters(ROOT)
