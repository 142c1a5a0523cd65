import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.score_files import CLASSES, NAMES, SPLITS, rows, write, write_all

from ncst.errors import NcstError
from ncst.evaluation.detect import detect
from ncst.evaluation.evaluate import evaluate
from ncst.evaluation.run_folders import ScoredRun
from ncst.formats.ood import write_ood
from ncst.formats.scores import UNLABELLED, read_scores
from ncst.report.page.results_tables import results_tables
from ncst.report.tables.write_tables import write_tables

DETECTORS = {
    "msp": {"options": {}},
    "knn": {"module": "knn", "options": {"k": 3}, "tune": {"k": [1, 3, 250]}},
}
RATED = ("eval_id", "ood_single")


def run(folder, skill=4.0, rated=RATED, **changed):
    columns = write_all(folder / "scores", skill)
    for split, change in changed.items():
        write(folder / "scores", split, columns[split] | change)
    for name, entry in DETECTORS.items():
        paths = [folder / f"scores/{split}.parquet" for split in rated]
        files = folder / "scores/train.parquet", paths, folder / f"ood/{name}.parquet"
        detect(name, entry, *files, dev=folder / "scores/dev.parquet")
    return folder


def metrics_of(folder, splits=SPLITS, detectors=DETECTORS, title="Toy"):
    out = folder / "metrics/toy/seed-1.json"
    scored = ScoredRun("toy", title, 1, folder / "scores", folder / "ood")
    evaluate(scored, splits, list(detectors), out, {"dac": "DAC"}, resamples=40)
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = run(tmp_path_factory.mktemp("done"))
    return folder, metrics_of(folder)


def keys(value):
    return {k: keys(v) for k, v in value.items()} if isinstance(value, dict) else type(value).__name__


CI = {"value": "float", "low": "float", "high": "float"}
COUNTS = dict.fromkeys(map(str, CLASSES), "int")


def test_detector_file(done):
    table = pq.read_table(done[0] / "ood/knn.parquet")
    assert table.column_names == ["split", "clip_id", "score"] and str(table.schema.field("score").type) == "float"
    assert table["split"].value_counts().to_pylist() == [
        {"values": "dev", "counts": 60},
        {"values": "eval_id", "counts": 90},
        {"values": "ood_single", "counts": 60},
    ]


def test_metrics_file_has_exactly_these_keys(done):
    curve = {
        "roc": {"fpr": "list", "tpr": "list"},
        "oscr": {"fpr": "list", "ccr": "list"},
        "risk_coverage": {"coverage": "list", "risk": "list"},
        "hist": {"edges": "list", "id": "list", "ood": "list"},
    }
    areas = dict.fromkeys(
        ["auroc", "fpr95", "eer", "aupr_in", "aupr_out", "oscr", "aurc", "cllr", "min_dcf", "act_dcf", "open_macro_f1"],
        CI,
    )
    alone = {"auroc": CI, "fpr95": CI}
    table = dict.fromkeys(["0", "1", "4", "dac", "wavtokenizer"], "list")
    rated = areas | {"by_group": {"dac": alone, "wavtokenizer": alone}, "open_confusion": table}
    rated |= dict.fromkeys(["threshold95", "min_cllr", "threshold_dev"], "float")
    bins = {"confidence": "list", "accuracy": "list", "count": "list"}
    facts = {"options": {}, "tried": "list", "calibration": {"slope": "float", "intercept": "float"}}
    assert keys(done[1]) == {
        "model": "str",
        "title": "str",
        "seed": "int",
        "classes": "list",
        "class_names": "list",
        "id": {
            "split": "str",
            "n": "int",
            "macro_f1": CI,
            "accuracy": CI,
            "per_class_f1": dict.fromkeys(map(str, CLASSES), CI),
            "confusion": "list",
        },
        "calibration": {
            "temperature": "float",
            "at_bound": "bool",
            "published_ties": "float",
            "reliability": {"bins": bins, "bins_scaled": bins},
            "ece": CI,
            "nll": "float",
            "ece_scaled": CI,
            "nll_scaled": "float",
        },
        "single": {
            "id_config/encodec_3": {
                "title": "str", "n": "int", "label": "int", "label_name": "str", "accuracy": CI, "predicted": COUNTS,
            }
        },
        "detectors": {"msp": facts, "knn": facts | {"options": {"k": "int"}}},
        "ood": {
            "ood_single": {
                "title": "str",
                "n_id": "int",
                "n_ood": "int",
                "codecs": {"dac": "str", "wavtokenizer": "str"},
                "detectors": dict.fromkeys(DETECTORS, rated),
                "predicted": {"dac": COUNTS, "wavtokenizer": COUNTS},
            }
        },
        "curves": {"ood_single": dict.fromkeys(DETECTORS, curve)},
    }  # fmt: skip


def test_metrics_file_values(done):
    result = done[1]
    assert result["classes"] == CLASSES and result["class_names"] == NAMES and result["seed"] == 1
    assert np.sum(result["id"]["confusion"]) == result["id"]["n"] == 90 and result["id"]["accuracy"]["value"] > 0.9
    single = result["single"]["id_config/encodec_3"]
    assert (single["label"], single["label_name"], single["n"]) == (4, "EnCodec", 30)
    assert single["predicted"]["4"] == round(single["accuracy"]["value"] * 30)
    outside = result["ood"]["ood_single"]
    assert (outside["n_id"], outside["n_ood"]) == (90, 60)
    assert sum(sum(counts.values()) for counts in outside["predicted"].values()) == 60
    for name, curve in result["curves"]["ood_single"].items():
        assert outside["detectors"][name]["auroc"]["value"] > 0.8
        assert len(curve["hist"]["edges"]) == 41 and sum(curve["hist"]["id"]) == 90 and sum(curve["hist"]["ood"]) == 60
    table = np.array(list(outside["detectors"]["knn"]["open_confusion"].values()))
    assert table.shape == (5, 4) and table.sum(axis=1).tolist() == [30, 30, 30, 30, 30]
    assert table[3:, 3].sum() / 60 > 0.5 > table[:3, 3].sum() / 90, "unknown clips end in the last column"
    for numbers in outside["detectors"].values():
        assert numbers["min_cllr"] <= numbers["cllr"]["value"] < 1.0, "chosen on held-out classes, better than nothing"
    known = read_scores(done[0] / "scores/eval_id.parquet")
    scores = pq.read_table(done[0] / "ood/knn.parquet", filters=[("split", "=", "eval_id")])["score"].to_numpy()
    assert np.mean(scores <= outside["detectors"]["knn"]["threshold95"]) == pytest.approx(86 / 90) and len(known) == 90


def test_speakers_are_resampled_where_they_are_known(done, tmp_path):
    scored = ScoredRun("toy", "Toy", 1, done[0] / "scores", done[0] / "ood")
    utterances = {utt for path in (done[0] / "scores").rglob("*.parquet") for utt in read_scores(path).utt_id}
    scored = replace(scored, speakers={utt: utt[-1] for utt in utterances})
    evaluate(scored, SPLITS, list(DETECTORS), tmp_path / "metrics.json", {"dac": "DAC"}, resamples=40)
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert found["clusters"] == ["speaker", "utterance"] and "clusters" not in done[1]
    here, there = (run["ood"]["ood_single"]["detectors"]["msp"]["auroc"] for run in (found, done[1]))
    assert here["value"] == there["value"] and here["low"] != there["low"]
    write_tables([tmp_path / "metrics.json"], tmp_path / "tables")
    assert "bootstrap over speakers and their utterances" in (tmp_path / "tables/table3.md").read_text()


def test_tables_and_their_place_on_the_page(done, tmp_path):
    write_tables([done[0] / "metrics/toy/seed-1.json"], tmp_path / "tables")
    frames = {path.stem: pd.read_csv(path) for path in (tmp_path / "tables").glob("*.csv")}
    outside = done[1]["ood"]["ood_single"]["detectors"]
    row = frames["open_set"].set_index("detector").loc["knn"]
    assert row["oscr"] == pytest.approx(100 * outside["knn"]["oscr"]["value"], abs=1e-3)
    assert row["min_cllr"] == pytest.approx(outside["knn"]["min_cllr"], abs=1e-3)
    alone = frames["ood_by_codec"].set_index(["detector", "condition"])["auroc"]["knn"]
    assert list(alone.index) == ["DAC", "wavtokenizer", "mixture · Unknown"]
    assert alone["mixture · Unknown"] == pytest.approx(alone.iloc[:2].mean(), abs=1e-3)
    assert frames["calibration"]["temperature"][0] == pytest.approx(done[1]["calibration"]["temperature"], abs=1e-3)
    for suffix, line in ((".md", "each weighted by its clips"), (".tex", r"\begin{table}")):
        assert line in (tmp_path / f"tables/ood_by_codec{suffix}").read_text()
    shown = {table.name: table for table in results_tables(SimpleNamespace(folder=tmp_path, detector=str.upper))}
    assert [title for title, _ in shown["calibration"].columns][:3] == ["Model", "ECE", "ECE with temperature"]
    assert shown["open_set"].rows[1][1].text == "KNN" and shown["open_set"].rows[1][2].low < 100


def test_unlabelled_clips_are_listed_and_change_no_number(done, tmp_path):
    columns = rows("open", [0, 4, 7], ["real"], 30, 6)
    splits = SPLITS | {"open": {"title": "Open", "role": "unlabelled", "label": None}}
    write(tmp_path / "scores", "open", columns | {"label": [None] * 30})
    folder = run(tmp_path, rated=(*RATED, "open"))
    metrics = metrics_of(folder, splits)
    (listed,) = metrics.pop("unlabelled").values()
    assert metrics == done[1]
    assert read_scores(tmp_path / "scores/open.parquet").label.tolist() == [UNLABELLED] * 30
    assert (listed["title"], listed["n"], listed["clips"]) == ("Open", 30, columns["clip_id"])
    known = columns["label"] != 7
    assert (np.array(listed["classes"])[known] == columns["label"][known]).mean() > 0.9
    assert sum(listed["predicted"].values()) == 30
    assert listed["unknown"].keys() == DETECTORS.keys()
    for verdicts in listed["unknown"].values():
        assert np.mean(np.array(verdicts) != known) > 0.8


def test_a_guessing_model_lists_unlabelled_clips_without_verdicts(tmp_path):
    splits = SPLITS | {"open": {"title": "Open", "role": "unlabelled", "label": None}}
    write(tmp_path / "scores", "open", rows("open", [0], ["real"], 5, 6) | {"label": [None] * 5})
    metrics = metrics_of(run(tmp_path, skill=0.0, rated=(*RATED, "open")), splits)
    assert "refused" in metrics["ood"]
    assert (metrics["unlabelled"]["open"]["n"], metrics["unlabelled"]["open"]["unknown"]) == (5, {})


def test_the_order_of_clips_in_detector_files_does_not_matter(done, tmp_path):
    folder = run(tmp_path)
    path = folder / "ood/knn.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(np.random.default_rng(0).permutation(len(table))), path)
    assert metrics_of(folder) == done[1]


def test_without_development_scores_nothing_is_chosen(done, tmp_path):
    folder = run(tmp_path)
    (folder / "scores/dev.parquet").unlink()
    result = metrics_of(folder, {name: entry for name, entry in SPLITS.items() if name != "dev"})
    assert result["calibration"]["temperature"] is None and "ece_scaled" not in result["calibration"]
    rated = result["ood"]["ood_single"]["detectors"]["knn"]
    full = done[1]["ood"]["ood_single"]["detectors"]["knn"]
    assert full.keys() - rated.keys() == {"threshold_dev", "open_macro_f1", "open_confusion"}
    assert {key: full[key] for key in rated} == rated


def test_a_detector_that_cannot_serve_the_model_is_left_out_with_a_note(tmp_path):
    folder = run(tmp_path)
    few = rows("train", CLASSES, ["real", "mimi", "encodec"], 12)
    files = write(folder / "scores", "train", few), [folder / f"scores/{split}.parquet" for split in RATED]
    detect("mahalanobis", {}, *files, folder / "ood/mahalanobis.parquet", dev=folder / "scores/dev.parquet")
    told = metrics_of(folder, detectors=["msp", "mahalanobis"])
    reason = "Mahalanobis: 12 training clips of 3 classes are too few for embeddings of 12 dimensions."
    assert told["detectors"]["mahalanobis"]["unfit"] == reason
    assert told["ood"]["ood_single"]["detectors"].keys() == told["curves"]["ood_single"].keys() == {"msp"}
    write_tables([folder / "metrics/toy/seed-1.json"], tmp_path / "tables")
    for table in ("table5", "open_set", "ood_by_codec"):
        assert f"Toy, seed 1: without mahalanobis. {reason}" in (tmp_path / f"tables/{table}.md").read_text()


def test_a_guessing_model_gets_no_detector_numbers(tmp_path):
    folder = run(tmp_path, skill=0.05)
    write_ood(folder / "ood/knn.parquet", {"options": {}, "unfit": "Too few."}, [])
    result = metrics_of(folder)
    assert result["detectors"] == {"knn": {"options": {}, "unfit": "Too few."}}
    assert result["ood"].keys() == {"refused"} and "close to the 33.3% of guessing" in result["ood"]["refused"]
    assert result["curves"] == {} and result["id"]["n"] == 90


@pytest.mark.parametrize(
    ("split", "changed", "sentence"),
    [
        ("eval_id", {"clip_id": ["a"] * 90}, "holds the clip a 90 times"),
        ("eval_id", {"label": np.full(90, 9, np.int16)}, "classes \\[9\\], which the model was not trained on"),
        ("eval_id", {"logits": [[np.nan] * 3] * 90}, "not finite"),
        ("eval_id", {"logits": [[0.0, 1.0]] * 90}, "2 logits per clip for 3 classes"),
        ("dev", {"label": np.full(60, 9, np.int16)}, "classes \\[9\\], which the model was not trained on"),
        ("ood_single", {"label": np.full(60, 4, np.int16)}, "\\[4\\], which the model was trained on, but its split"),
        ("id_config/encodec_3", {"label": np.resize(np.int16([0, 4]), 30)}, "several true classes"),
    ],
)
def test_damaged_score_files_are_one_sentence(tmp_path, split, changed, sentence):
    folder = run(tmp_path)
    columns = write_all(folder / "scores")
    write(folder / "scores", split, columns[split] | changed)
    with pytest.raises(NcstError, match=sentence):
        metrics_of(folder)


def test_logits_of_unequal_length_are_one_sentence(tmp_path):
    folder = run(tmp_path)
    path = folder / "scores/eval_id.parquet"
    table = pq.read_table(path)
    logits = pa.array([[0.0]] * 45 + [[0.0, 1.0]] * 45, pa.list_(pa.float32()))
    pq.write_table(table.set_column(table.column_names.index("logits"), "logits", logits), path)
    with pytest.raises(NcstError, match="unequal length"):
        metrics_of(folder)


def test_empty_missing_and_foreign_files(tmp_path):
    folder = run(tmp_path)
    columns = write_all(folder / "scores")
    write(folder / "scores", "ood_single", {key: value[:0] for key, value in columns["ood_single"].items()})
    with pytest.raises(NcstError, match="holds no clips"):
        metrics_of(folder)
    (folder / "scores/ood_single.parquet").write_text("no parquet")
    with pytest.raises(NcstError, match="not a readable score file"):
        metrics_of(folder)
    with pytest.raises(NcstError, match="not a readable detector file"):
        metrics_of(folder, detectors=["nsd"])
    with pytest.raises(NcstError, match="one split with the role id"):
        metrics_of(folder, splits={})
    path = write(folder / "scores", "eval_id", columns["eval_id"], classes=[4, 1, 0])
    with pytest.raises(NcstError, match="score both again"):
        metrics_of(folder)
    with pytest.raises(NcstError, match="score both again"):
        detect("msp", {}, folder / "scores/train.parquet", [path], folder / "ood/msp.parquet")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.slice(1), "59 instead of 60, missing dev_0000"),
        (lambda t: t.filter(np.asarray(t["split"]) == "eval_id"), "no scores of the split ood_single"),
        (lambda t: t.set_column(2, "score", [np.zeros(len(t), np.float32)]), "the same score"),
        (lambda t: t.set_column(2, "score", [np.full(len(t), np.nan, np.float32)]), "not finite"),
    ],
)
def test_damaged_detector_files_are_one_sentence(tmp_path, change, sentence):
    folder = run(tmp_path)
    path = folder / "ood/knn.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(NcstError, match=sentence):
        metrics_of(folder)


def test_labels_follow_the_order_of_the_logits(tmp_path):
    columns = rows("train", CLASSES, ["real", "mimi", "encodec"])
    flipped = columns | {"logits": [row[::-1] for row in columns["logits"]]}
    scores = read_scores(write(tmp_path, "train", flipped, classes=CLASSES[::-1]))
    assert (scores.positions() == np.resize([2, 1, 0], 60)).all()
    assert (scores.positions() == scores.predicted()).mean() > 0.9
