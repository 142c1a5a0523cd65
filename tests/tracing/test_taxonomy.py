"""Labels, targets, training, scoring and metrics of taxonomy tracers on small separable sets."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from helpers import manifests
from sklearn.metrics import f1_score

from ncst.core.seeds import seed_of
from ncst.core.waveforms import encode_flac
from ncst.errors import NcstError
from ncst.evaluation import metrics
from ncst.evaluation.evaluate_taxonomy import evaluate_taxonomy
from ncst.evaluation.run_folders import ScoredRun
from ncst.formats import shards
from ncst.formats.features import feature_path
from ncst.plan import entries, paths, selection
from ncst.plan.validate import validate
from ncst.report.tables.write_tables import write_tables
from ncst.tracing import score, taxonomy
from ncst.tracing import train as training
from ncst.tracing.compute_features import compute_features
from ncst.tracing.frontends.mel import Mel

SAMPLES = 6144
KINDS = {
    "real": ("real", "real", "real"),
    "low": ("mvq", "none", "time"),
    "high": ("svq", "dis", "freq"),
}
PARAMETERS = {
    "low": {"books": 8, "bitrate_kbps": 6.0, "sample_rate": 16000, "frame_rate": 50.0},
    "high": {"books": 1, "bitrate_kbps": 0.75, "sample_rate": 16000, "frame_rate": 75.0},
}
HEADS = {"bin": 1, "vq": 1, "aux": 1, "dec": 1, "parameters": 1}
ENTRY = {
    "title": "Tracer",
    "module": "taxonomy",
    "frontend": "mel",
    "heads": HEADS,
    "options": {"projection": 24, "channels": [4, 6], "attention": 8, "widths": [8, 4], "dropouts": [0, 0, 0, 0]},
    "training": {"epochs": 15, "batch": 8, "lr": 0.01, "weight_decay": 0.0},
}


class Bands(Mel):
    """Logarithmic mel powers; the model takes bands for frames, which tells tones apart as well."""

    def compute(self, waves):
        return np.log(super().compute(waves) + 1e-6)


def sound(codec, number):
    draw = np.random.default_rng(seed_of("toy", codec, number))
    low, high = {"real": (0, 0), "low": (200, 900), "high": (4100, 7000)}[codec]
    tone = 0.5 * np.sin(2 * np.pi * draw.uniform(low, high) * np.arange(SAMPLES) / 16000)
    return (0.1 * draw.standard_normal(SAMPLES) + tone).astype(np.float32)


def make_split(results, split, clips):
    manifest = []
    for label, (codec, kinds) in enumerate(KINDS.items()):
        file = f"{split}/{codec}/00000-of-00001.parquet"
        rows = [dict.fromkeys(shards.COLUMNS) for _ in range(clips)]
        for number, row in enumerate(rows):
            row |= dict(zip(taxonomy.COLUMNS, kinds)) | {"utt_id": f"{split}{number}", "codec": codec, "label": label}
            row |= {"clip_id": shards.clip_id(codec, row["utt_id"]), "status": "ok", "corpus": "toy"}
            row |= {"speaker": "s", "language": "en", "audio": encode_flac(sound(codec, row["utt_id"]))}
            manifest.append(row | {"split": split, "shard_file": file, "row": number})
        shards.write_shard(results / "audio" / file, rows)
        compute_features(results / "audio" / file, Bands({"samples": SAMPLES}), feature_path(results, "mel", file))
    write_split(results, split, manifest)


def write_split(results, split, rows):
    manifests.write(paths.place(results, paths.MANIFEST, split=split), rows)


def without(results, name, column, value, other=None):
    """Write the training manifest without (or with another) *value* of *column* as the split *name*."""
    rows = pq.read_table(results / "manifests/train.parquet").to_pylist()
    if other is None:
        rows = [row for row in rows if row[column] != value]
    else:
        rows = [row | {column: other[0] if row[column] == value else row[column]} for row in rows]
    write_split(results, name, rows)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("results")
    make_split(folder, "train", 12)
    make_split(folder, "dev", 6)
    return folder


def run(results, out, train="train", dev="dev", **keys):
    paths = [results / "manifests" / f"{split}.parquet" for split in (train, dev)]
    training.train(ENTRY | keys, "tracer", 688, paths, results, out, PARAMETERS)


@pytest.fixture(scope="module")
def scored(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("model")
    run(results, out)
    score.score(out, results / "manifests/dev.parquet", results, out / "scores/dev.parquet")
    return out


def test_a_tracer_learns_every_head_and_writes_scores_per_head(scored):
    facts = json.loads((scored / "model.json").read_text())
    assert list(facts["heads"]) == list(HEADS)
    assert facts["heads"]["vq"] == {"share": 0.2, "outputs": ["real", "mvq", "svq", "sq"], "clips": [12, 12, 12, 0]}
    assert facts["heads"]["parameters"]["mean"] == pytest.approx(
        [1.5, np.log2(6 * 0.75) / 2, np.log2(16000), np.log2(50 * 75) / 2]
    )
    assert facts["dev_accuracy"] >= 0.75
    table = pq.read_table(scored / "scores/dev.parquet")
    assert table.column_names == [*score.COLUMNS, *taxonomy.COLUMNS, *(f"{head}_logits" for head in HEADS)]
    assert json.loads(table.schema.metadata[b"ncst"])["heads"] == facts["heads"]
    predicted = np.stack(table["vq_logits"].to_pylist()).argmax(1)
    truth = [facts["heads"]["vq"]["outputs"].index(name) for name in table["vq"].to_pylist()]
    assert (predicted == truth).mean() >= 0.8


def test_metrics_and_tables_of_a_tracer(scored):
    path = scored / "metrics.json"
    run = ScoredRun("tracer", "Tracer", 688, scored / "scores")
    evaluate_taxonomy(run, {"dev": "Development"}, PARAMETERS, path, resamples=20)
    part = json.loads(path.read_text())["taxonomy"]["dev"]
    assert part["n"] == 18 and part["bin"]["eer"]["value"] <= 0.2
    assert sorted(part["aux"]["per_class_f1"]) == ["dis", "none", "real"] and part["aux"]["untrained"] == []
    assert part["dec"]["by_codec"]["high"][2] >= 4
    assert part["dec"]["weighted_f1"]["low"] <= part["dec"]["weighted_f1"]["value"]
    assert sorted(part["parameters"]) == ["bitrate_kbps", "books", "frame_rate"]
    assert part["parameters"]["books"]["values"] == [1.0, 8.0]
    assert part["parameters"]["books"]["nearest"]["value"] >= 0.8
    assert part["parameters"]["books"]["within_one"]["value"] == 1
    write_tables([path], scored / "tables")
    text = (scored / "tables/taxonomy.md").read_text()
    assert "| model | BIN EER | VQ F1 | AUX F1 | DEC F1 |" in text and "*Development*" in text
    assert "Books · Development" in (scored / "tables/taxonomy_parameters.csv").read_text()
    assert not (scored / "tables/table3.csv").exists()


def test_a_test_without_bona_fide_speech_or_with_an_unseen_class_says_so(scored, tmp_path):
    table, run = pq.read_table(scored / "scores/dev.parquet"), ScoredRun("tracer", "Tracer", 1, tmp_path)
    pq.write_table(table.filter(pa.compute.not_equal(table["codec"], "real")), tmp_path / "spoof.parquet")
    with pytest.raises(NcstError, match="no clip of bona fide speech"):
        evaluate_taxonomy(run, {"spoof": "x"}, PARAMETERS, tmp_path / "m.json", resamples=5)
    kinds = ["sq" if kind == "mvq" else kind for kind in table["vq"].to_pylist()]
    place = table.column_names.index("vq")
    pq.write_table(table.set_column(place, "vq", pa.array(kinds)), tmp_path / "other.parquet")
    evaluate_taxonomy(run, {"other": "x"}, PARAMETERS, tmp_path / "m.json", resamples=5)
    assert json.loads((tmp_path / "m.json").read_text())["taxonomy"]["other"]["vq"]["untrained"] == ["sq"]
    write_tables([tmp_path / "m.json"], tmp_path / "tables")
    assert "Tracer was tested on, but never trained with, vq sq." in (tmp_path / "tables/taxonomy.md").read_text()


def test_bad_lists_and_heads_are_one_sentence(results, tmp_path):
    without(results, "no_svq", "vq", "svq")
    with pytest.raises(NcstError, match=r"no_svq.*no clip of the vq classes \['svq'\]"):
        run(results, tmp_path, train="no_svq")
    without(results, "one_class", "codec", "real")
    with pytest.raises(NcstError, match=r"no clip of the bin classes \['real'\]"):
        run(results, tmp_path, train="one_class", dev="one_class", heads={"bin": 1})
    without(results, "unlabelled", "vq", "svq", other=[None])
    with pytest.raises(NcstError, match=r"unlabelled.*vq is \['None'\]"):
        run(results, tmp_path, train="unlabelled", heads={"vq": 1})
    rows = pq.read_table(results / "manifests/train.parquet").drop_columns(["aux"])
    pq.write_table(rows, results / "manifests/no_column.parquet")
    with pytest.raises(NcstError, match=r"lacks the columns \['aux'\]"):
        run(results, tmp_path, train="no_column")
    with pytest.raises(NcstError, match=r"`heads` holds \['colour'\].*use \['bin'"):
        run(results, tmp_path, heads={"colour": 1})
    without(results, "strange", "codec", "high", other=["unknown_codec"])
    with pytest.raises(NcstError, match=r"clips of \['unknown_codec'\], whose books"):
        run(results, tmp_path, train="strange")


def test_weighted_f1_is_that_of_scikit_learn():
    draw = np.random.default_rng(1)
    truth, predicted = draw.integers(0, 3, 200), draw.integers(0, 4, 200)
    ours = metrics.weighted_f1(metrics.confusion(truth, predicted, 4))
    assert ours == pytest.approx(f1_score(truth, predicted, average="weighted"))


def test_the_registry_holds_the_published_settings(config):
    found = {config["models"][name]["title"]: set(config["models"][name]["heads"]) for name in entries.tracers(config)}
    both = {"M1": {"bin", "vq", "aux", "dec"}, "M2": {"vq", "aux", "dec"}, "S_BIN": {"bin"}}
    single = {f"S_{head.upper()}": {head} for head in taxonomy.COLUMNS}
    dual = {f"D_{head.upper()}": {"bin", head} for head in taxonomy.COLUMNS}
    assert {title: found[title] for title in (both | single | dual)} == both | single | dual
    parameters = selection.codec_parameters(config, ["taxonomy/aux/train"])
    assert "real" not in parameters
    assert parameters["wavtokenizer"] == {"books": 1, "bitrate_kbps": 0.5, "sample_rate": 16000, "frame_rate": 50.0}


def test_a_tracer_needs_selected_splits(config):
    config["select"]["splits"] = ["train", "dev", "eval_id"]
    with pytest.raises(NcstError, match=r"None of the splits .*'taxonomy_m1'"):
        selection.tested_splits(config, "taxonomy_m1")
    config["roots"] = dict.fromkeys(config["roots"])
    with pytest.raises(NcstError, match="'taxonomy/aux/train', which the model"):
        selection.training_splits(config, "taxonomy_m1")
    config["models"]["taxonomy_m1"]["heads"] = {"colour": 1}
    with pytest.raises(NcstError, match=r"models.taxonomy_m1.heads.*'colour' was unexpected.*'bin'"):
        validate(config)
