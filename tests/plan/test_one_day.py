"""A run in a day of one card: savings are differences of plans, and the baselines are left out last."""

import pytest
import yaml
from helpers import benchmark

from ncst.plan import rates
from ncst.plan.config import load_config
from ncst.plan.estimate import HOUR, estimate
from ncst.plan.one_day import DAY, longest_chain, one_day, total
from ncst.plan.show import show_plan


@pytest.fixture
def full():
    return benchmark.load("config/st_codecfake.yaml")


def slow(cores, tmp_path, monkeypatch):
    """Make every card as good as so many cores."""
    path = tmp_path / "costs.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(rates.COSTS.read_text()) | {"gpu_cores": cores}))
    monkeypatch.setattr(rates, "COSTS", path)


def test_what_is_saved_is_the_difference_of_two_plans(full):
    whole = estimate(full)
    day = one_day(full, whole)
    cuts = {cut.title: cut for cut in day.cuts}
    one = {**full, "seeds": full["seeds"][:1]}
    assert cuts["seeds but the first of 3"].hours == pytest.approx((total(whole).gpu - total(estimate(one)).gpu) / HOUR)
    full["select"]["models"].remove("aasist")
    less = total(estimate(full))
    assert cuts["the model aasist"].hours == pytest.approx((total(whole).gpu - less.gpu) / HOUR)
    assert cuts["the model aasist"].disk == pytest.approx((total(whole).disk - less.disk) / 1e9) and less.disk
    assert {"id_config (7 splits)", "ood_vocoder", "the taxonomy tracers (11)"} < cuts.keys()
    assert not {"train", "dev", "eval_id", "the model taxonomy_m1"} & cuts.keys()
    assert [cut.hours for cut in day.cuts] == sorted((cut.hours for cut in day.cuts), reverse=True)


@pytest.mark.parametrize(
    ("cores", "said"),
    [(2, "For a run of one day on one card: without "), (0.01, "Too long for a day on one card: without ")],
)
def test_baselines_are_left_out_last(full, tmp_path, monkeypatch, capsys, cores, said):
    slow(cores, tmp_path, monkeypatch)
    day = one_day(full, estimate(full))
    order = [cut.baseline for cut in day.taken]
    assert order == sorted(order) and not order[0] and order[-1]
    assert (day.hours <= DAY) == said.startswith("For")
    show_plan(full)
    assert said + "seeds but the first of 3, the taxonomy tracers (11), " in " ".join(capsys.readouterr().out.split())


def test_what_fits_needs_no_cuts(full, capsys):
    full["select"]["models"], full["seeds"] = ["w2v2_aasist"], [688]
    assert one_day(full, estimate(full)).taken == []
    show_plan(full)
    assert "What leaving out" not in capsys.readouterr().out
    show_plan(load_config("config/small.yaml"))
    assert "longest chain" not in capsys.readouterr().out, "nothing asks for a GPU"


def test_the_longest_chain_is_that_of_the_slowest_training(full):
    chain = longest_chain(full, estimate(full))
    assert list(chain) == ["resynthesis facodec", "features waveform", "train aasist", "score aasist"]
    assert max(chain, key=chain.get) == "train aasist"
    full["select"]["models"].remove("aasist")
    assert "train mel_lcnn" in longest_chain(full, estimate(full))
