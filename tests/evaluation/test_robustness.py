"""Robustness: clips drawn evenly, perturbed as seeded, scored and evaluated cell by cell."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers import fake_run
from helpers.fake_results import write

from ncst.errors import NcstError
from ncst.evaluation.evaluate_robustness import evaluate_robustness
from ncst.evaluation.perturb_clips import perturb_clips
from ncst.evaluation.sample_clips import sample_clips
from ncst.formats.cells import write_cell_scores
from ncst.formats.findings import ROBUSTNESS
from ncst.formats.metrics import METRICS
from ncst.formats.shards import iter_clips
from ncst.report.tables.robustness import collect

SPLITS = {"eval_id": {"title": "Known", "role": "id"}, "ood": {"title": "Unknown", "role": "ood"}}


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    results = write(tmp_path_factory.mktemp("fake"), per_shard=3)
    manifests = {results / "manifests/eval_id.parquet": 14, results / "manifests/ood_multi.parquet": 99}
    sample_clips(manifests, results / "audio", results / "clean.parquet", 1)
    return results / "clean.parquet"


def test_every_codec_gives_as_many_clips(clean):
    rows = pq.read_table(clean).to_pylist()
    codecs = [row["codec"] for row in rows if row["split"] == "eval_id"]
    assert len(codecs) == 14 and {codecs.count(codec) for codec in codecs} == {2}
    assert sum(row["split"] == "ood_multi" for row in rows) == 12
    by_id = {row["clip_id"]: row["audio"]["bytes"] for row in rows}
    shards = clean.parent / "audio/st_eval"
    whole = [row for path in shards.rglob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert all(row["audio"]["bytes"] == by_id[row["clip_id"]] for row in whole if row["clip_id"] in by_id)


def test_perturbed_cells_keep_their_rows_and_repeat(clean, tmp_path):
    entry = {"title": "Noise", "module": "noise", "options": {"snr_db": 10}}
    outs = [tmp_path / name for name in ("a.parquet", "b.parquet", "c.parquet")]
    for out, seed in zip(outs, (1, 1, 2)):
        perturb_clips(clean, "noise_10", entry, out, seed)
    again, other = (outs[0].read_bytes() == out.read_bytes() for out in outs[1:])
    assert again and not other
    for (row, samples), (source, original) in zip(iter_clips(outs[0]), iter_clips(clean), strict=True):
        assert row == source
        noise = samples - original
        assert 10 * np.log10((original**2).sum() / (noise**2).sum()) == pytest.approx(10, abs=0.3)


def scored(folder, refused=False, detectors=("energy",)):
    """Write scores in which every clean clip is right and every noisy one taken for the first class."""
    label = np.array([0, 4] * 20 + [7] * 20)
    rows = [
        {"split": "ood" if c == 7 else "eval_id", "clip_id": f"c{i}", "utt_id": f"u{i % 20}", "codec": "x", "label": c}
        for i, c in enumerate(label.tolist())
    ]
    cells = {
        cell: (
            rows,
            np.eye(2, dtype=np.float32)[(label == 4) * clean],
            {name: (label == 7) * float(clean) for name in detectors},
        )
        for cell, clean in (("clean", 1), ("noise_10", 0))
    }
    about = {"name": "toy", "classes": [0, 4], "class_names": ["real", "encodec"], "seed": 3, "detectors": detectors}
    write_cell_scores(folder / "scores.parquet", about, cells)
    metrics = fake_run.metrics("aasist", 688)
    METRICS.write(folder / "metrics.json", metrics | ({"ood": {"refused": "Guessing."}} if refused else {}))
    return folder / "scores.parquet", folder / "metrics.json"


def test_metrics_of_every_cell(tmp_path):
    cells = {"clean": "Clean", "noise_10": "Noise, 10 dB"}
    evaluate_robustness(*map(str, scored(tmp_path)), cells, SPLITS, tmp_path / "out.json", resamples=20)
    found = json.loads((tmp_path / "out.json").read_text())["cells"]
    assert found["clean"]["macro_f1"]["value"] == 1 and found["noise_10"]["macro_f1"]["value"] == pytest.approx(1 / 3)
    assert [found[cell]["ood"]["ood"]["auroc"]["energy"]["value"] for cell in cells] == [1, 0.5]
    assert (found["clean"]["n"], found["clean"]["ood"]["ood"]["n"]) == (40, 20)


def test_a_model_that_guesses_has_no_detectors(tmp_path):
    evaluate_robustness(
        *scored(tmp_path, refused=True), {"clean": "Clean"}, SPLITS, tmp_path / "out.json", resamples=20
    )
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["refused"] == "Guessing." and found["cells"]["clean"]["ood"] == {}


def test_without_a_detector_that_serves_the_model_f1_is_left(tmp_path):
    evaluate_robustness(
        *scored(tmp_path, detectors=[]), {"clean": "Clean"}, SPLITS, tmp_path / "out.json", resamples=20
    )
    told = ROBUSTNESS.read(tmp_path / "out.json")
    assert told["cells"]["clean"]["ood"]["ood"]["auroc"] == {}
    table, _ = collect([told], None, ())["robustness"]
    (condition,) = (column.values for column in table.columns if column.name == "condition")
    assert list(condition) == ["Macro F1, known classes"]


def test_damaged_files_are_named(tmp_path):
    scores, metrics = scored(tmp_path)
    metrics.write_text("{}")
    with pytest.raises(NcstError, match=r"metrics\.json is not a readable metrics file"):
        evaluate_robustness(scores, metrics, {"clean": "Clean"}, SPLITS, tmp_path / "out.json")
