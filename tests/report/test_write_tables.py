import numpy as np
import pandas as pd
import pytest

from ncst.errors import NcstError
from ncst.formats.metrics import METRICS
from ncst.formats.tables import read_table
from ncst.report.tables import robustness
from ncst.report.tables.paper import errata, published
from ncst.report.tables.text import texts
from ncst.report.tables.write_tables import _blocks, collect, write_tables

DETECTORS = ["msp", "energy", "knn", "mahalanobis", "nsd", "vim"]


def ci(value):
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def run(model="w2v2_aasist", title="W2V2-AASIST", seed=1, shift=0.0):
    rates = {
        "auroc": ci(0.9 + shift),
        "fpr95": ci(0.2),
        "eer": ci(0.1),
        "min_dcf": ci(0.3),
        "threshold95": 0.5,
        "min_cllr": 0.5,
    }
    rated = dict.fromkeys(DETECTORS, rates | dict.fromkeys(("aupr_in", "aupr_out", "oscr", "aurc"), ci(0.8)))
    singles = {
        "unseen_real/ncssd": ("NCSSD_R", 0),
        "id_config/mine": ("A & B | C", 4),
        "alm/mini_omni": ("Mini-omni", 6),
    }
    return {
        "model": model,
        "title": title,
        "seed": seed,
        "classes": [0, 1],
        "class_names": ["Real", "Mimi"],
        "id": {
            "split": "eval_id",
            "n": 10,
            "macro_f1": ci(0.98 + shift),
            "accuracy": ci(0.98),
            "per_class_f1": {"0": ci(0.97 + shift), "1": ci(0.96)},
            "confusion": [[5, 0], [0, 5]],
        },
        "calibration": {},
        "detectors": {name: {"options": {}} for name in DETECTORS},
        "single": {
            name: {"title": text, "n": 5, "label": label, "label_name": "x", "accuracy": ci(0.5), "predicted": {}}
            for name, (text, label) in singles.items()
        },
        "ood": {
            split: {"title": split, "n_id": 10, "n_ood": 5, "codecs": {}, "detectors": rated, "predicted": {}}
            for split in ("ood_single", "ood_config")
        },
        "curves": {},
    }


def written(folder, *runs):
    paths = [folder / f"{position}.json" for position in range(len(runs))]
    for path, content in zip(paths, runs):
        METRICS.write(path, content)
    write_tables(paths, folder / "tables")
    return folder / "tables"


def test_files_and_values(tmp_path):
    folder = written(tmp_path, run(), run("mine", "Mine"))
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{table}.{s}"
        for table in ("open_set", "table3", "table4", "table5", "table6")
        for s in ("csv", "json", "md", "tex")
    ]
    known = pd.read_csv(folder / "table3.csv")
    assert list(known.columns) == ["model", "split", "class", "seeds", "f1", "f1_low", "f1_high", "f1_paper"]
    assert known["f1"].tolist() == [97.0, 96.0, 98.0] * 2
    assert known["f1_paper"].tolist()[:3] == [99.99, 100.0, 99.99] and known["f1_paper"].isna().sum() == 3
    unknown = pd.read_csv(folder / "table5.csv").set_index(["model", "detector", "split"])
    cell = unknown.loc[("W2V2-AASIST", "mahalanobis", "ood_config")]
    assert (cell["auroc"], cell["auroc_low"], cell["auroc_paper"], cell["eer_paper"]) == (90.0, 89.0, 76.0, 30.74)
    assert cell["eer_corrected"] == 34.74 and np.isnan(unknown.loc[("Mine", "msp", "ood_single"), "auroc_paper"])


def test_what_stands_beside_a_measurement_is_typed(tmp_path):
    table = read_table(written(tmp_path, run(), run("mine", "Mine")) / "table3.json")
    assert [column.name for column in table.columns] == ["model", "split", "class", "seeds", "f1"]
    assert table.across == "class" and table.caption.startswith("Table 3. ")
    names, *_, f1 = table.columns
    assert (f1.title, f1.percent, names.numeric, f1.numeric) == ("F1", True, False, True) and not names.beside
    assert list(f1.beside) == ["low", "high", "paper"]
    assert [f1.values[0], *(values[0] for values in f1.beside.values())] == [97.0, 96.0, 98.0, 99.99]
    assert f1.beside["paper"][3:] == [None] * 3


def test_markdown_and_tex_show_the_published_value_and_notes(tmp_path):
    folder = written(tmp_path, run())
    text = (folder / "table6.md").read_text()
    assert "| W2V2-AASIST | 50.00 [49.00, 51.00] (100.00, corrected 99.99) | 50.00 (100.00, corrected 99.99) |" in text
    assert "rotated" in text and "Trained on train" in text
    text = (folder / "table5.md").read_text()
    assert "*W2V2-AASIST, FPR95*" in text and "| mean of the published five | 20.00 | 20.00 | 20.00 |" in text
    assert "| vim | 90.00 [89.00, 91.00] | 90.00 [89.00, 91.00] | 90.00 |" in text
    assert "A & B \\| C" in (folder / "table4.md").read_text()
    text = (folder / "table4.tex").read_text()
    assert r"A \& B | C" in text and r"NCSSD\_R" in text and text.count(r"\begin{") == text.count(r"\end{")


def test_a_corrected_mean_stands_beside_the_published_one():
    printed = published("table6", "split")
    splits = {split: ("x", 1) for model, split in printed if model == "w2v2_aasist"}
    runs = []
    for model, title in (("w2v2_aasist", "W2V2-AASIST"), ("mel_lcnn", "Mel-LCNN")):
        singles = {s: {"title": s, "accuracy": ci(0.5)} for s in splits}
        runs.append(run(model, title) | {"single": singles})
    frame = collect(runs)["table6"]
    grid = dict(_blocks("table6", frame))[""]
    assert grid.loc["W2V2-AASIST", "mean"] == "50.00 (92.36, corrected 92.52)"
    assert grid.loc["Mel-LCNN", "mean"] == "50.00 (91.40)"


def test_a_temperature_that_dev_did_not_choose_is_named(tmp_path):
    calibration = {
        **{"temperature": 0.1, "at_bound": True, "published_ties": 0.447, "ece": ci(0.1), "nll": 0.2},
        **{"reliability": {"bins": {"confidence": [], "accuracy": [], "count": []}}, "ece_scaled": ci(0.2)},
        "nll_scaled": 0.6,
    }
    folder = written(tmp_path, run() | {"calibration": calibration})
    assert (
        "W2V2-AASIST, seed 1: the temperature 0.10 is the bound of the search"
        in (folder / "calibration.md").read_text()
    )
    (note,) = read_table(folder / "calibration.json").notes
    assert "dev clips that are all right" in note
    row = pd.read_csv(folder / "calibration.csv").iloc[0]
    assert (row["published_ties"], row["temperature"]) == (44.7, 0.1)


def test_a_model_without_detectors_has_its_own_rows_of_robustness():
    cell = {"title": "Clean", "macro_f1": ci(0.5), "ood": {}}
    rated = cell | {"ood": {"ood_single": {"title": "Unseen", "auroc": {"msp": ci(0.9)}}}}
    runs = [{"title": "Mel-LCNN", "cells": {"clean": cell}}, {"title": "AASIST", "cells": {"clean": rated}}]
    table, blocks = robustness.collect(runs, None, [])["robustness"]
    assert [heading for heading, _ in blocks] == ["Mel-LCNN", "AASIST, msp"]
    assert "nan" not in "".join(texts(table, blocks, []).values())


def test_seeds_become_mean_and_deviation(tmp_path):
    folder = written(tmp_path, run(seed=1), run(seed=2, shift=0.02))
    known = pd.read_csv(folder / "table3.csv").iloc[0]
    assert (known["seeds"], known["f1"], known["f1_low"]) == (2, 98.0, 97.0)
    assert known["f1_sd"] == pytest.approx(np.std([97, 99], ddof=1), abs=1e-4)
    assert "98.00 ± 1.41 (99.99)" in (folder / "table3.md").read_text()
    assert r"98.00 $\pm$ 1.41" in (folder / "table3.tex").read_text()


def test_a_refused_model_is_named_in_a_note(tmp_path):
    refused = run("mine", "Mine") | {"ood": {"refused": "It guesses."}}
    folder = written(tmp_path, run(), refused)
    assert "Mine, seed 1: It guesses." in (folder / "table5.md").read_text()
    assert set(pd.read_csv(folder / "table5.csv")["model"]) == {"W2V2-AASIST"}


def test_tables_without_cells_are_left_out(tmp_path):
    folder = written(tmp_path, run() | {"single": {}, "ood": {}})
    assert sorted(path.suffix for path in folder.iterdir()) == [".csv", ".json", ".md", ".tex"]


def test_collect_keeps_the_order_of_runs_and_splits():
    frame = collect([run("b", "B"), run("a", "A")])["table4"]
    assert frame["model"].tolist() == ["B", "B", "A", "A"] and frame["split"].tolist()[:2] == [
        "unseen_real/ncssd",
        "id_config/mine",
    ]


def test_published_tables_are_consistent():
    """Averages of the printed cells agree with the printed averages where no erratum says otherwise."""
    known = published("table3", "class")
    assert len(known) == 24
    cells = [known["mel_lcnn", str(c)][0] for c in range(7)]
    assert np.mean(cells) == pytest.approx(known["mel_lcnn", "avg"][0], abs=0.006)
    for table, count in (("table4", 36), ("table6", 12)):
        assert len(published(table, "split")) == count
    spoken = published("table6", "split")
    truth = [corrected or printed for (model, _), (printed, corrected) in spoken.items() if model == "w2v2_aasist"]
    assert np.mean(truth) == pytest.approx(92.52, abs=0.006)
    rated = published("table5", "detector", "split", "metric")
    assert len([place for place in rated if place[1] != "avg"]) == 75
    equal = [c or p for (_, d, _, m), (p, c) in rated.items() if (d, m) == ("mahalanobis", "eer")]
    assert np.mean(equal) == pytest.approx(17.99, abs=0.006)
    assert all(isinstance(note, str) for table in range(3, 7) for note in errata(f"table{table}"))


def test_damaged_and_repeated_metrics_are_one_sentence(tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(NcstError, match="not a readable metrics file"):
        write_tables([tmp_path / "bad.json"], tmp_path / "tables")
    with pytest.raises(NcstError, match="one metrics file per model and seed"):
        written(tmp_path, run(), run())
    with pytest.raises(NcstError, match="one metrics file per model and seed"):
        write_tables([], tmp_path / "tables")
