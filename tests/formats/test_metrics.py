"""The schema of metrics files takes whole files alone."""

import copy

import pytest
from helpers import fake_run

from ncst.errors import NcstError
from ncst.formats.metrics import METRICS


def changed(content, place, value):
    content = copy.deepcopy(content)
    *parents, last = place
    part = content
    for key in parents:
        part = part[key]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return content


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (["detectors"], None, "'detectors' is a required property"),
        (["id", "macro_f1", "low"], None, "at id.macro_f1: 'low' is a required"),
        (["ood", "ood_multi", "detectors", "knn", "oscr"], 0.5, "at ood.ood_multi.detectors.knn.oscr: 0.5"),
        (["ood", "refused"], "why", "at ood: "),
        (["seed"], "688", "at seed: '688'"),
        (["new"], 1, "'new' was unexpected"),
    ],
)
def test_a_key_too_few_or_too_many_is_named(tmp_path, place, value, told):
    wrong = changed(fake_run.metrics("aasist", 688), place, value)
    with pytest.raises(ValueError, match=told):
        METRICS.write(tmp_path / "m.json", wrong)


def test_both_sorts_of_tracer_and_a_refused_one_are_taken(tmp_path):
    whole = fake_run.metrics("aasist", 688)
    for content in (whole, whole | {"ood": {"refused": "why"}, "calibration": {}}, fake_run.tracer_metrics()):
        METRICS.write(tmp_path / "m.json", content)
        assert METRICS.read(tmp_path / "m.json") == content
    METRICS.write(tmp_path / "m.json", whole)
    (tmp_path / "m.json").write_text((tmp_path / "m.json").read_text().replace('"threshold95"', '"threshold_95"', 1))
    with pytest.raises(NcstError, match=r"m\.json is not a readable metrics file.*threshold"):
        METRICS.read(tmp_path / "m.json")
