"""The full benchmark as a user runs it, official sizes, every model and every detector, on a few clips."""

import json
import math
import shutil
from collections import Counter

import pyarrow.parquet as pq
import pytest
from helpers.golden_weights import place_weights
from helpers.project import Project

from ncst.formats.metrics import METRICS
from ncst.plan import entries
from ncst.plan.config import load_config

pytestmark = [pytest.mark.full, pytest.mark.real]
OVERLAYS = ["config/st_codecfake.yaml", "tests/full.yaml"]
KNOWN = {"real", "mimi", "speechtokenizer", "funcodec", "encodec", "facodec", "snac"}


@pytest.fixture(scope="module")
def full(tmp_path_factory, test_corpora):
    project = Project(tmp_path_factory.mktemp("project"))
    project.copy("tests/full.yaml")
    project.results = project.folder / "results" / "full"
    place_weights(project.folder)
    roots = {"vctk": str(test_corpora / "VCTK-Corpus-0.92"), "aishell3": str(test_corpora / "data_aishell3")}
    done = project.snakemake("--config", f"roots={json.dumps(roots)}", overlay=OVERLAYS)
    assert done.returncode == 0, done.stderr[-4000:]
    yield project
    shutil.rmtree(project.folder / "weights")  # 3 GB, which pytest would keep for three runs


@pytest.fixture(scope="module")
def settings():
    return load_config(*OVERLAYS)


def numbers(tree):
    """Yield every number in nested JSON."""
    if isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers(value)
    elif isinstance(tree, float):
        yield tree


def test_the_page_is_there(full):
    page = (full.results / "report/index.html").read_text(encoding="utf-8")
    assert "W2V2-AASIST" in page
    assert list((full.results / "report/figures").rglob("*.svg"))


def test_every_clip_arrives(full, settings):
    def codecs(split):
        return Counter(pq.read_table(full.results / f"manifests/{split}.parquet")["codec"].to_pylist())

    sizes = {name: settings["sources"][name]["size"] for name in ("st_train", "st_dev", "st_eval")}
    assert codecs("train") == dict.fromkeys(KNOWN, sizes["st_train"])
    assert codecs("dev") == dict.fromkeys(KNOWN, sizes["st_dev"])
    assert codecs("eval_id") == dict.fromkeys(KNOWN, sizes["st_eval"])
    unknown = {"soundstream", "audiodec", "hificodec", "dac"}
    assert codecs("ood_multi") == dict.fromkeys(unknown, sizes["st_eval"])
    assert codecs("ood_single") == {"wavtokenizer": sizes["st_eval"]}


def test_every_model_and_detector_has_finite_numbers(full, settings):
    tracers = entries.tracers(settings)
    models = entries.selected(settings, "models")
    assert {path.parent.name for path in full.results.glob("metrics/*/seed-688.json")} == set(models)
    for model in models:
        metrics = METRICS.read(full.results / f"metrics/{model}/seed-688.json")
        assert all(map(math.isfinite, numbers(metrics))), model
        if model in tracers:
            assert metrics["taxonomy"].keys() == set(settings["models"][model]["test"]), model
            continue
        assert metrics["id"]["n"] == len(KNOWN) * settings["sources"]["st_eval"]["size"]
        assert set(metrics["ood"]) in ({"ood_single", "ood_multi"}, {"refused"})  # after one epoch, some models guess
        for detector in entries.selected(settings, "detectors"):
            scores = pq.read_table(full.results / f"ood/{model}/seed-688/{detector}.parquet")
            unfit = metrics["detectors"].get(detector, {}).get("unfit")
            if unfit or ("refused" in metrics["ood"] and not len(scores)):
                assert len(scores) == 0 and (unfit is None or "too few" in unfit), (model, detector)
                continue
            assert len(scores) > 0 and all(map(math.isfinite, scores["score"].to_pylist())), (model, detector)
            for told in () if "refused" in metrics["ood"] else metrics["ood"].values():
                assert detector in told["detectors"]
    assert "refused" not in METRICS.read(full.results / "metrics/ssl_knn/seed-688.json")["ood"]
