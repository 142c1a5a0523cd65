import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from helpers import fake_run
from helpers.score_files import CLASSES, rows, write, write_all
from typer.testing import CliRunner

from ncst.cli import app
from ncst.errors import NcstError
from ncst.evaluation.compare_models import compare_folders, compare_models, mcnemar
from ncst.evaluation.detect import detect
from ncst.formats.metrics import METRICS as METRICS_FILE
from ncst.report.tables.comparison import comparison_table
from ncst.report.tables.text import texts
from ncst.report.tables.write_tables import write_tables

METRICS = {
    "eval_id": {"accuracy", "macro_f1"},
    "id_config/encodec_3": {"accuracy"},
    "ood_single": {"auroc", "fpr95", "eer"},
}


def run(folder, model="toy", seed=1, skill=4.0, **changed):
    """Write the scores and detector files of one model and seed into the results folder *folder*."""
    scores = folder / f"scores/{model}/seed-{seed}"
    columns = write_all(scores, skill)
    for split, change in changed.items():
        write(scores, split, columns[split] | change)
    paths = [scores / f"{split}.parquet" for split in ("eval_id", "ood_single")]
    detect("msp", {"options": {}}, scores / "train.parquet", paths, folder / f"ood/{model}/seed-{seed}/msp.parquet")
    return folder


def only(table, split, metric):
    (row,) = table[(table["split"] == split) & (table["metric"] == metric)].to_dict("records")
    return row


def test_a_run_does_not_differ_from_itself(tmp_path):
    table, notes = compare_folders([run(tmp_path / "a"), run(tmp_path / "b")], resamples=40)
    assert notes == [] and table.groupby("split")["metric"].apply(set).to_dict() == METRICS
    assert not table[["difference", "low", "high"]].any(axis=None)
    assert table.loc[table["metric"] == "accuracy", "p"].tolist() == [1.0, 1.0]


def test_a_detector_that_serves_one_run_alone_is_not_compared(tmp_path):
    for name, options in ("a", {"k": 3}), ("b", {"k": 301}):
        scores = run(tmp_path / name) / "scores/toy/seed-1"
        paths = [scores / f"{split}.parquet" for split in ("eval_id", "ood_single")]
        out = tmp_path / name / "ood/toy/seed-1/knn.parquet"
        detect("knn", {"options": options}, scores / "train.parquet", paths, out)
    table, notes = compare_folders([tmp_path / "a", tmp_path / "b"], resamples=40)
    assert set(table["detector"]) == {"", "msp"}
    assert notes == ["Not compared, since not every run has them: the detectors knn."]


def test_a_difference_is_found_with_its_sign_and_interval(tmp_path):
    table, _ = compare_folders([run(tmp_path / "a", skill=1.5), run(tmp_path / "b", skill=4.0)], resamples=200)
    for metric, sign in (("accuracy", 1), ("macro_f1", 1)):
        row = only(table, "eval_id", metric)
        assert sign * row["low"] > 0 and row["difference"] == row["second_value"] - row["first_value"]
    assert only(table, "eval_id", "accuracy")["p"] < 0.01
    assert only(table, "ood_single", "auroc")["low"] > 0 > only(table, "ood_single", "eer")["high"]
    assert set(table["first"]) == {"a, toy"} and set(table["second"]) == {"b, toy"}


def test_unlabelled_splits_are_not_compared(tmp_path):
    for name in "ab":
        folder = run(tmp_path / name) / "scores/toy/seed-1"
        write(folder, "open", rows("open", [0], ["real"], 9, 6) | {"label": [None] * 9})
    table, _ = compare_folders([tmp_path / "a", tmp_path / "b"], resamples=40)
    assert table.groupby("split")["metric"].apply(set).to_dict() == METRICS


def test_pairing_narrows_the_interval(tmp_path):
    """Two runs that differ on one clip differ by it alone, whatever the draw."""
    flipped = rows("eval_id", CLASSES, ["real", "mimi", "encodec"], 90, 2, 1.5)
    right = next(i for i, (x, y) in enumerate(zip(flipped["logits"], flipped["label"])) if CLASSES[x.argmax()] == y)
    flipped["logits"][right] = np.roll(flipped["logits"][right], 1)
    table, _ = compare_folders([run(tmp_path / "a", skill=1.5), run(tmp_path / "b", skill=1.5, eval_id=flipped)])
    row = only(table, "eval_id", "accuracy")
    assert row["difference"] == pytest.approx(-1 / 90) and -0.05 < row["low"] <= row["high"] < 0.02
    assert row["p"] == 1.0


def test_the_order_of_clips_does_not_matter_and_missing_clips_are_told(tmp_path):
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    path = second / "scores/toy/seed-1/id_config/encodec_3.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(np.random.default_rng(0).permutation(len(table))[:-5]), path)
    compared, notes = compare_folders([first, second], resamples=40)
    row = only(compared, "id_config/encodec_3", "accuracy")
    assert (row["clips"], row["difference"], row["low"]) == (25, 0, 0)
    assert notes == ["id_config/encodec_3: 25 clips are in all runs and compared; the largest run has 30."]


def test_seeds_count_with_their_mean_and_spread(tmp_path):
    run(tmp_path / "a", seed=1, skill=1.0)
    first, second = run(tmp_path / "a", seed=2, skill=2.0), run(tmp_path / "b", seed=7, skill=4.0)
    row = only(compare_folders([first, second], resamples=40)[0], "eval_id", "accuracy")
    single = [
        only(compare_folders([first / f"scores/toy/seed-{s}", second], resamples=40)[0], "eval_id", "accuracy")
        for s in (1, 2)
    ]
    values = [part["first_value"] for part in single]
    assert row["seeds"] == "2, 1" and row["first_value"] == np.mean(values) and np.isnan(row["second_value_sd"])
    assert row["first_value_sd"] == pytest.approx(np.std(values, ddof=1)) and np.isnan(row["p"])
    assert row["difference"] == pytest.approx(np.mean([part["difference"] for part in single]))


def test_a_guessing_model_is_not_compared_on_unknown_clips(tmp_path):
    table, notes = compare_folders([run(tmp_path / "a", skill=0.05), run(tmp_path / "b")], resamples=40)
    assert "ood_single" not in set(table["split"])
    assert len(notes) == 1 and notes[0].startswith("a, toy: On known classes the model's mean recall is")


def test_the_models_of_a_run_become_a_table(tmp_path):
    for model, skill in (("one", 1.5), ("two", 4.0), ("three", 4.0), ("stale", 4.0)):
        run(tmp_path, model, skill=skill)
    titles = {"one": "One", "two": "Two", "three": "Three"}
    compare_models(tmp_path, titles, tmp_path / "models.json", [1], list(METRICS), resamples=40)
    METRICS_FILE.write(tmp_path / "metrics.json", fake_run.metrics("aasist", 688))
    write_tables([tmp_path / "metrics.json"], tmp_path / "tables", tmp_path / "models.json")
    table = pd.read_csv(tmp_path / "tables/paired.csv")
    assert table[["first", "second"]].drop_duplicates().to_numpy().tolist() == [
        ["One", "Two"],
        ["One", "Three"],
        ["Two", "Three"],
    ]
    assert table.loc[table["first"] == "Two", "difference"].tolist() == [0.0] * 6 and "first_value_sd" not in table
    text = (tmp_path / "tables/paired.md").read_text()
    assert "*Two minus One*" in text and "McNemar's exact test" in text
    assert (tmp_path / "tables/paired.tex").read_text().count("tabular}") == 6


def test_what_cannot_be_compared_is_one_sentence(tmp_path):
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    relabelled = rows("eval_id", CLASSES[::-1], ["encodec", "mimi", "real"], 90, 2)
    others = rows("eval_id", CLASSES, ["real"], 90, 2) | {"clip_id": [f"x{i}" for i in range(90)]}
    for folders, message in (
        ([first], "needs two folders"),
        ([first, tmp_path / "nothing"], "holds no scores/<model>/seed-<n>"),
        ([first, run(tmp_path / "c", eval_id=relabelled)], "have other classes or other labels"),
        ([first, run(tmp_path / "d", eval_id=others)], "have no clip in common"),
        ([run(run(tmp_path / "e", "x"), "y"), run(run(tmp_path / "f", "z"), "w")], "share no model"),
    ):
        with pytest.raises(NcstError, match=message):
            compare_folders(folders, resamples=5)
    (second / "ood/toy/seed-1/msp.parquet").write_text("no")
    with pytest.raises(NcstError, match="not a readable detector file"):
        compare_folders([first, second], resamples=5)


def test_the_command_prints_and_writes(tmp_path):
    folders = [str(run(tmp_path / name)) for name in "ab"]
    done = CliRunner().invoke(app, ["compare", *folders, "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert "| eval_id | accuracy | 90 |" in done.stdout and "+0.00 [+0.00, +0.00]" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"comparison.{s}" for s in ("csv", "md", "tex")
    ]


def test_probabilities_are_noted_once_for_each_run(tmp_path):
    first, second = run(tmp_path / "a"), run(tmp_path / "b")
    columns = write_all(second / "scores/toy/seed-1")
    for split in METRICS:
        powers = np.exp(columns[split]["logits"])
        shares = powers / powers.sum(axis=1, keepdims=True)
        write(second / "scores/toy/seed-1", split, columns[split] | {"logits": shares})
    _, notes = compare_folders([first, second], resamples=5)
    (told,) = (note for note in notes if "looks like probabilities" in note)
    assert told.startswith("b")
    for folder in (first, second):
        for split in METRICS:
            alone = np.eye(3)[np.argmax(columns[split]["logits"], axis=1)]
            write(folder / "scores/toy/seed-1", split, columns[split] | {"logits": alone})
    assert not any("probabilities" in note for note in compare_folders([first, second], resamples=5)[1])


def test_mcnemar_is_the_binomial_test_of_the_discordant_clips():
    first, second = np.array([True] * 8 + [False] * 12), np.array([True] * 7 + [False] + [True] * 5 + [False] * 7)
    assert mcnemar(first, second) == pytest.approx(14 / 64) and mcnemar(first, first) == 1.0


def test_small_p_values_are_no_zeros(tmp_path):
    """Ten decimals were kept once: everything from 1e-15 to 5e-11 read 0."""
    first, second = run(tmp_path / "a", skill=6.0), run(tmp_path / "b", skill=-6.0)
    table, notes = compare_folders([first, second])
    row = only(table, "eval_id", "accuracy")
    assert 0 < row["p"] < 1e-11 and row["p"] <= row["p_holm"]
    text = texts(*comparison_table(table, notes))["md"]
    assert f"{row['p']:.2g}" in text
    table["p"] = 0.0
    assert "&lt; 1e-300" in texts(*comparison_table(table, notes))["md"]
