"""Measured cards: what is written to costs.yaml is what the plan speaks from, and nothing else of the file changes."""

import pytest
import yaml
from helpers import benchmark

from ncst.errors import NcstError
from ncst.plan import rates as module
from ncst.plan.estimate import estimate
from ncst.plan.rates import COSTS, update_card
from ncst.plan.show import show_plan

FOUND = {
    "resynthesize": {"dac": 383.4},
    "compute_features": {"xlsr_layer5": {"fp32": 400.0, "fp16": 1500.0}},
    "train": {"w2v2_aasist": 2500.0},
}


@pytest.fixture
def costs(tmp_path, monkeypatch):
    path = tmp_path / "costs.yaml"
    path.write_text(COSTS.read_text())
    monkeypatch.setattr(module, "COSTS", path)
    return path


def test_a_measured_card_is_merged_and_the_rest_stays(costs):
    before = costs.read_text()
    update_card("h100", "NVIDIA H100 PCIe", FOUND, costs)
    update_card("h100", "NVIDIA H100 PCIe", {"train": {"aasist": 300}, "resynthesize": {"dac": 400}}, costs)
    update_card("mine", "RTX: 4090", {"train": {"aasist": 100}}, costs)
    cards, first = yaml.safe_load(costs.read_text())["cards"], yaml.safe_load(before)["cards"]
    assert cards["h100"] == {
        "card": "NVIDIA H100 PCIe",
        "measured": True,
        **FOUND,
        "resynthesize": {"dac": 400.0},
        "train": {"w2v2_aasist": 2500.0, "aasist": 300.0},
    }
    assert cards["h200"] == first["h200"] and cards["mine"]["card"] == "RTX: 4090"
    assert costs.read_text().startswith(before[: before.index("\n", before.index("\ncards:") + 1)])
    update_card("h100", "NVIDIA H100 80GB HBM3", {"train": {"aasist": 300}}, costs)
    assert set(yaml.safe_load(costs.read_text())["cards"]["h100"]) == {"card", "measured", "train"}


def test_a_rate_that_is_none_is_refused(costs):
    before = costs.read_text()
    for wrong in ({"train": {"aasist": 0.0}}, {"train": {"aasist": float("nan")}}, {"training": {}}):
        with pytest.raises(NcstError, match=r"rate|Rates"):
            update_card("h100", "NVIDIA H100", wrong, costs)
    assert costs.read_text() == before


def test_the_plan_speaks_from_measurement_where_there_is_one(costs, capsys):
    config = benchmark.load("config/st_codecfake.yaml")
    assumed = estimate(config, "h200")
    update_card("h200", "NVIDIA H200", FOUND, costs)
    measured = estimate(config, "h200")
    name = next(stage for stage in measured.stages if stage.startswith("train w2v2_aasist"))
    assert measured.stages[name].cpu == assumed.stages[name].cpu
    assert measured.stages["features mel"].gpu == measured.stages["features waveform"].gpu == 0
    aasist = next(stage for stage in measured.stages if stage.startswith("train aasist"))
    assert measured.stages[aasist].gpu == assumed.stages[aasist].gpu
    assert measured.rates.training("w2v2_aasist").gpu == 1 / 2500
    assert measured.rates.features("xlsr_layer5")[0].gpu == 1 / 400
    show_plan(config, "h200")
    assert "of one NVIDIA H200 in their place, as measured; those of" in " ".join(capsys.readouterr().out.split())
    show_plan(config)
    assert "of one NVIDIA H100 in their place: assumed" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(NcstError, match="no card 'h300', only h100, h200"):
        estimate(config, "h300")
