"""Unseen real speech: counts and accuracy per group are those of the clips."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.score_files import rows, write

from ncst.errors import NcstError
from ncst.evaluation.evaluate_unseen_real import evaluate_unseen_real
from ncst.formats.measures import FACTS, MEASURES, SCHEMA, write_measures


@pytest.fixture
def files(tmp_path):
    columns = rows("unseen_real/itw", [0], ["real"], 40)
    wrong = np.arange(40) < 10
    columns["logits"] = [np.array([0, 5, 0] if w else [5, 0, 0], np.float32) for w in wrong]
    clips = columns["clip_id"]
    facts = dict.fromkeys(FACTS, [None] * 40) | {
        "clip_id": clips[::-1],
        "corpus": ["itw"] * 40,
        "language": ["en"] * 40,
        "speaker": [f"s{i // 20}" for i in range(40)][::-1],
    }
    measured = dict.fromkeys(MEASURES, 0.0) | {"snr_db": 25.0, "bandwidth_hz": 3999.0}
    path = tmp_path / "measures.parquet"
    table = pa.table(facts, schema=pa.schema([SCHEMA.field(name) for name in FACTS]))
    write_measures(path, table, [measured | {"seconds": 1.0 if w else 5.0} for w in wrong[::-1]])
    return {"itw": write(tmp_path, "unseen_real/itw", columns)}, {"itw": path}


def test_groups(files, tmp_path):
    evaluate_unseen_real(*files, tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["model"], found["seed"]) == ("toy", 1)
    by = found["by"]
    assert by["Corpus"]["itw"]["predicted"] == [30, 10, 0]
    assert list(by["Duration"]) == ["< 2 s", "4–8 s"] and by["Duration"]["< 2 s"]["predicted"] == [0, 10, 0]
    assert [part["accuracy"]["value"] for part in by["Speaker"].values()] == [0.5, 1.0]
    assert list(by["Gender"]) == ["unknown"] and list(by["Bandwidth"]) == ["3–4 kHz"]
    interval = by["Corpus"]["itw"]["accuracy"]
    assert interval["low"] < interval["value"] == 0.75 < interval["high"]


def test_measures_of_other_clips_are_refused(files, tmp_path):
    scores, measures = files
    table = pq.read_table(measures["itw"])
    pq.write_table(table.slice(1), measures["itw"])
    with pytest.raises(NcstError, match="do not hold the same clips"):
        evaluate_unseen_real(scores, measures, tmp_path / "out.json")
