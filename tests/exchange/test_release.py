"""The official release: import by pointer and by copy, what is wrong with it, and the way out and back again."""

import json
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import yaml
from helpers import benchmark
from helpers.mini_release import IDS, NCSSD, SIZES, lay_out, write_wav
from helpers.project import Project

from ncst.audio.write_manifest import write_manifest
from ncst.errors import NcstError
from ncst.exchange.export import export
from ncst.exchange.import_release import import_release
from ncst.exchange.index_release import index_release
from ncst.exchange.list_release import list_release
from ncst.exchange.release_listing import read_utterances
from ncst.formats.manifests import read_manifest
from ncst.formats.shards import iter_clips
from ncst.plan import entries, official_release, selection
from ncst.plan.config import merge
from ncst.plan.estimate import estimate
from ncst.plan.yaml_files import read_mapping

SHARD = "00000-of-00001"
SPLITS = (
    "train",
    "dev",
    "eval_id",
    "ood_single",
    "ood_multi",
    "id_config/encodec_3",
    "id_config/funcodec_32_again",
    "id_source/mimi",
    "ood_source",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("made") / "st-codecfake")


@pytest.fixture
def root(made, tmp_path):
    shutil.copytree(made, tmp_path / "st-codecfake")
    return tmp_path / "st-codecfake"


@pytest.fixture
def config(root):
    config = merge(benchmark.load("config/st_codecfake.yaml"), read_mapping("config/release.yaml"))
    config["release"]["root"] = str(root)
    for name, size in SIZES.items():
        config["sources"][name] |= {"size": size}
    return config


def index(config, folder, **options):
    sizes = {name: config["sources"][name]["size"] for name in SIZES}
    paths = [folder / name for name in ("clips.parquet", "utterances.parquet", "report.json")]
    index_release(config["release"] | options, config["codecs"], sizes, *paths)
    return paths


def run(config, results, splits=SPLITS, **options):
    """Import every pair of *splits* and write their manifests, as the workflow does."""
    clips, utterances, report = index(config, results, **options)
    for split in splits:
        shards = []
        for source_set, codec in selection.pairs(config, split):
            if codec not in json.loads(report.read_text())["clips"][source_set]:
                continue
            sources = results / f"sources/{source_set}.parquet"
            list_release(source_set, clips, utterances, config["sources"][source_set], 688, sources)
            shards.append(results / f"audio/{source_set}/{codec}/{SHARD}.parquet")
            entry = entries.codec_entry(config, codec)
            import_release(sources, SHARD, clips, codec, entry, shards[-1], copy=options.get("copy", False))
        write_manifest(
            split, config["splits"][split], shards, results / "audio", results / f"manifests/{split}.parquet"
        )
    return {split: read_manifest(results / f"manifests/{split}.parquet") for split in splits}


def test_the_official_lists_become_the_splits(config, tmp_path):
    manifests = run(config, tmp_path / "results")
    train = manifests["train"].to_pylist()
    assert {row["utt_id"] for row in train} == set(IDS["train"])
    assert len(train) == 4 * 4
    assert {(row["codec"], row["label"]) for row in train} == {
        ("real", 0),
        ("mimi", 1),
        ("funcodec", 3),
        ("encodec", 4),
    }
    facts = {row["utt_id"]: (row["corpus"], row["speaker"], row["language"]) for row in train}
    assert facts["s5_002"] == ("vctk", "s5", "en")
    assert facts["SSB00050001"] == ("aishell3", "SSB0005", "zh")
    multi = manifests["ood_multi"].to_pylist()
    assert {(row["codec"], row["label"]) for row in multi} == {("soundstream", 8), ("dac", 11)}
    assert {row["utt_id"] for row in multi} == set(IDS["eval"])
    assert set(manifests["id_config/encodec_3"]["label"].to_pylist()) == {4}
    assert set(manifests["ood_source"]["utt_id"].to_pylist()) == set(NCSSD)
    assert set(manifests["ood_source"]["speaker"].to_pylist()) == {"R-EN_0", "R-ZH_3"}


def test_pointers_copy_no_audio_and_sound_as_the_copy(config, tmp_path):
    pointers = run(config, tmp_path / "pointers", ["eval_id"])["eval_id"]
    copies = run(config, tmp_path / "copies", ["eval_id"], copy=True)["eval_id"]
    assert pointers.equals(copies)
    shard = pointers["shard_file"][0].as_py()
    pointed, copied = tmp_path / "pointers/audio" / shard, tmp_path / "copies/audio" / shard
    assert pointed.stat().st_size < 20_000 < copied.stat().st_size
    for (row, samples), (other, repacked) in zip(iter_clips(pointed), iter_clips(copied), strict=True):
        assert row["clip_id"] == other["clip_id"]
        assert (samples == repacked).all()
    audio = pq.read_table(pointed)["audio"][0].as_py()
    assert audio["bytes"] is None
    assert audio["path"].endswith(".wav")


def test_a_release_that_moved_is_named(config, root, tmp_path):
    shard = run(config, tmp_path / "results", ["dev"])["dev"]["shard_file"][0].as_py()
    root.rename(root.parent / "elsewhere")
    with pytest.raises(NcstError, match=r"which a shard points at.*set `release: \{root"):
        list(iter_clips(tmp_path / "results/audio" / shard))


def test_equal_audio_is_reported(config, tmp_path):
    report = json.loads(index(config, tmp_path)[2].read_text())
    assert report["clips"]["st_eval"]["funcodec_c3_4"] == {"16000": 3}
    same = {(row["first"], row["second"]): (row["equal"], row["compared"]) for row in report["same_audio"]}
    triple = ("funcodec", "funcodec_c3_3", "funcodec_c3_4")
    assert same == dict.fromkeys(combinations(triple, 2), (3, 3))


def test_a_damaged_clip_is_a_failed_row(config, root, tmp_path):
    (root / "dev/mimi_p227_004.wav").write_bytes(b"RIFF")
    manifest = run(config, tmp_path / "results", ["dev"])["dev"]
    assert len(manifest) == 7
    assert json.loads(manifest.schema.metadata[b"ncst"])["failed"] == {"mimi": 1}


def test_export_and_import_give_the_same_manifests(config, tmp_path):
    first = run(config, tmp_path / "first")
    export(tmp_path / "first", tmp_path / "tree", "st-codecfake")
    assert {path.name for path in (tmp_path / "tree/label").iterdir()} == {
        *("train.txt", "dev.txt", "eval_id.txt", "eval_ood7.txt", "eval_ood8-11.txt", "utterances.csv")
    }
    assert (tmp_path / "tree/ID_diff_config/C4-1/C4-1_p228_005.wav").is_file()
    assert (tmp_path / "tree/label/eval_ood7.txt").read_text().splitlines()[0].split()[1:] == ["fake", "7"]
    config["release"]["root"] = str(tmp_path / "tree")
    again = run(config, tmp_path / "again", copy=True)
    assert again.keys() == first.keys()
    for split, manifest in first.items():
        assert again[split].equals(manifest), split
    export(tmp_path / "again", tmp_path / "twice", "st-codecfake")
    files = {p.relative_to(tmp_path / "tree") for p in (tmp_path / "tree").rglob("*") if p.is_file()}
    files -= {Path("README.md")}
    assert len(files) == 16 + 8 + 12 + 3 + 6 + 3 + 3 + 2 + 2 + 6 + len(first)
    for path in files:
        assert (tmp_path / "tree" / path).read_bytes() == (tmp_path / "twice" / path).read_bytes(), path


def edit_list(root, name, old, new):
    path = root / "label" / name
    path.write_text(path.read_text().replace(old, new))


def drop(*names):
    return lambda root: [(root / name).unlink() for name in names]


BAD = {
    "half-extracted": (drop("train/mimi_p225_001.wav"), r"train is half-extracted: 1 of the 16.*'mimi_p225_001'"),
    "no labels": (lambda root: shutil.rmtree(root / "label"), "label files of .* are missing: unpack"),
    "other ids": (
        lambda root: edit_list(root, "dev.txt", "mimi_p227_004", "mimi_p227_999"),
        "do not name, .*of one ver",
    ),
    "id twice": (lambda root: edit_list(root, "dev.txt", "mimi_SSB00090002", "mimi_p227_004"), "for the second time"),
    "two files": (lambda root: write_wav(root / "dev/p227_004.flac", "x"), "are the same clip: remove one"),
    "columns": (lambda root: edit_list(root, "dev.txt", " real 0", " 0"), r"Line \d+ of .*dev.txt is .*three columns"),
    "class": (lambda root: edit_list(root, "dev.txt", "fake 4", "fake 9"), r"has the label 9; that list has \[0, 1"),
    "wrong class": (lambda root: edit_list(root, "dev.txt", "fake 4", "fake 1"), "encodec is class 4: correct"),
    "real is not": (lambda root: edit_list(root, "dev.txt", "fake 4", "real 0"), "encodec is class 4: correct"),
    "rates": (
        lambda root: write_wav(root / "dev/p227_004.wav", "x", 24_000),
        r"dev/p227_004.wav and 0 .*\[24000\].*copy",
    ),
    "counts": (drop("ID_diff_config/C4-1/C4-1_p228_005.wav"), r"C4-1 lacks 1 of the 3 utterances of st_eval"),
    "same": (
        lambda root: write_wav(root / "ID_diff_config/C4-1/x_p228_005.wav", "x"),
        "are both the utterance 'p228_005'",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_releases_are_one_sentence(config, root, tmp_path, case):
    spoil, sentence = BAD[case]
    spoil(root)
    with pytest.raises(NcstError, match=sentence):
        index(config, tmp_path)
    assert not (tmp_path / "clips.parquet").exists()


def test_encodings_and_sizes_are_checked(config, root, tmp_path):
    config["sources"]["st_train"]["size"] = 10_000
    with pytest.raises(NcstError, match="has 4 utterances of st_train, not 10,000"):
        index(config, tmp_path)
    path = root / "label/train.txt"
    path.write_bytes(path.read_text().encode("utf-16"))
    with pytest.raises(NcstError, match=r"train\.txt is not UTF-8 text .*: save it in that encoding"):
        index(config, tmp_path)


def test_a_partial_release_is_taken_when_asked_for(config, root, tmp_path):
    drop("train/mimi_p225_001.wav", "ID_diff_config/C4-1/C4-1_p228_005.wav")(root)
    manifests = run(config, tmp_path / "results", ["train", "id_config/encodec_3"], partial=True)
    assert [len(manifest) for manifest in manifests.values()] == [15, 2]


def test_delays_are_those_against_the_released_real_speech(config, root, tmp_path):
    real, rate = soundfile.read(root / "eval_id/p228_005.wav")
    soundfile.write(root / "eval_id/mimi_p228_005.wav", np.concatenate([np.zeros(160), real])[: len(real)], rate)
    manifests = run(config, tmp_path / "results", ["eval_id", "id_source/mimi"])
    delays = {}
    for manifest in manifests.values():
        for shard in set(manifest["shard_file"].to_pylist()):
            delays |= {row["clip_id"]: row["delay_ms"] for row, _ in iter_clips(tmp_path / "results/audio" / shard)}
    assert delays["p228_005"] == 0
    assert delays["mimi_p228_005"] == pytest.approx(10, abs=0.01)
    assert delays["mimi_R-EN_0_0_d10"] is None


def test_rates_are_resampled_in_a_copy(config, root, tmp_path):
    write_wav(root / "dev/p227_004.wav", "x", 24_000)
    manifest = run(config, tmp_path / "results", ["dev"], copy=True)["dev"]
    assert manifest["duration"].to_pylist() == pytest.approx([0.6] * 8)


def test_the_root_is_checked_before_anything_runs(config, root):
    wanted = [("st_train", "mimi"), ("st_eval", "dac"), ("st_train", "lyra")]
    official_release.check_root(config, wanted)
    shutil.rmtree(root / "eval_ood")
    with pytest.raises(NcstError, match="half-extracted: eval_ood and 0 other"):
        official_release.check_root(config, wanted)
    config["release"]["root"] = str(root.parent)
    with pytest.raises(NcstError, match="one folder deeper"):
        official_release.check_root(config, wanted)
    config["release"]["root"] = "/nowhere"
    with pytest.raises(NcstError, match="not at /nowhere"):
        official_release.check_root(config, wanted)
    with pytest.raises(NcstError, match=r"alone has the audio of funcodec_c3_3, funcodec_c3_4, is still to be named"):
        benchmark.load("config/st_codecfake.yaml", "config/release.yaml")


def test_generated_speech_of_the_release_is_a_corpus(config, root):
    config["corpora"] |= {"moshi": {}, "mini_omni": {}, "valle": {}}
    config["roots"]["valle"] = "/data/valle"
    (root / "ALM/moshi").mkdir(parents=True)
    (root / "ALM/mini-omni").mkdir()
    official_release.add_roots(config)
    roots = {name: config["roots"][name] for name in ("moshi", "mini_omni", "valle")}
    assert roots == {"moshi": f"{root}/ALM/moshi", "mini_omni": f"{root}/ALM/mini-omni", "valle": "/data/valle"}


def test_the_plan_asks_for_nothing_that_the_release_has(config):
    rows = {row.split: row for row in estimate(config).rows}
    assert (rows["train"].corpora, rows["train"].weights) == ([], 0)
    assert rows["unseen_real/asvspoof2019_la"].corpora == ["asvspoof2019_la"]


def test_without_corpora_the_plan_has_what_the_release_has(config):
    assert ("ncssd", "mimi") in selection.pairs(config, "id_source/mimi")
    assert not selection.pairs(config, "unseen_real/ncssd")
    config["roots"]["ncssd"] = "/data/NCSSD"
    assert selection.pairs(config, "unseen_real/ncssd") == [("ncssd", "real")]
    assert ("st_train", "wavtokenizer") not in selection.pairs(config, "taxonomy/vq/train")


@pytest.mark.workflow
def test_the_workflow_imports_a_release(root, tmp_path):
    project = Project(tmp_path / "project")
    config = yaml.safe_load((project.folder / "config/st_codecfake.yaml").read_text())
    merge(config, yaml.safe_load((project.folder / "config/release.yaml").read_text()))
    config["release"]["root"] = str(root)
    config["select"] = {"codecs": ["real", "mimi", "funcodec_8"], "splits": ["train", "id_config/funcodec_8"]}
    for name, size in SIZES.items():
        config["sources"][name]["size"] = size
    (project.folder / "mine.yaml").write_text(yaml.safe_dump(config))
    targets = [f"results/st_codecfake_release/manifests/{split}.parquet" for split in config["select"]["splits"]]
    done = project.snakemake(*targets, overlay="mine.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    train, single = (read_manifest(project.folder / target) for target in targets)
    assert len(train) == 8
    assert single["clip_id"].to_pylist()[0].startswith("funcodec_8_")
    assert project.queued(*targets, overlay="mine.yaml") == {}


@pytest.mark.parametrize("row", ["st_train,p225_001", "st_train,p225_001,vctk,p225,en,female,more"])
def test_a_row_of_other_fields_is_one_sentence(tmp_path, row):
    (tmp_path / "label").mkdir()
    (tmp_path / "label/utterances.csv").write_text(f"source_set,utt_id,corpus,speaker,language,gender\n{row}\n")
    with pytest.raises(NcstError, match=r"Row 2 of .*utterances.csv has not 6 fields"):
        read_utterances(tmp_path)
