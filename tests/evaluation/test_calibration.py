import numpy as np
import pytest
from sklearn import calibration as oracle
from sklearn.linear_model import LogisticRegression

from ncst.evaluation.calibration import (
    act_dcf,
    at_bound,
    cllr,
    log_loss,
    min_cllr,
    published_ties,
    reliability,
    temperature,
)
from ncst.evaluation.metrics import min_dcf, sweep
from ncst.evaluation.tune import logistic


def confident(scale, rows=4000, seed=0):
    """Logits whose softmax is the true posterior, times *scale*."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((rows, 4)) * 1.5
    posterior = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (posterior.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    return scale * logits, truth


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_scale(scale):
    logits, truth = confident(scale)
    found = temperature(logits, truth)
    assert found == pytest.approx(scale, rel=0.08)
    assert log_loss(logits / found, truth) <= log_loss(logits, truth)
    utterances = np.arange(len(truth)) // 4
    before, _ = reliability(logits, truth, utterances, 1, resamples=20)
    after, _ = reliability(logits / found, truth, utterances, 1, resamples=20)
    assert after["value"] < 0.03 and after["value"] <= before["value"] + 0.005
    assert scale == 1.0 or before["value"] > 0.08


def test_bins_equal_sklearn_and_make_up_the_error():
    logits, truth = confident(2.0)
    ece, bins = reliability(logits, truth, np.arange(len(truth)), 1, resamples=20)
    posterior = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    share, confidence = oracle.calibration_curve(posterior.argmax(1) == truth, posterior.max(1), n_bins=15)
    filled = np.array(bins["count"]) > 0
    assert np.array(bins["accuracy"])[filled].astype(float) == pytest.approx(share)
    assert np.array(bins["confidence"])[filled].astype(float) == pytest.approx(confidence)
    gaps = np.abs(share - confidence) * np.array(bins["count"])[filled]
    assert ece["value"] == pytest.approx(gaps.sum() / len(truth)) and ece["low"] < ece["value"] < ece["high"]


def cost(known, unknown):
    names = np.arange(len(known) + len(unknown))
    return cllr(known, unknown, names[: len(known)], names[len(known) :], 1, resamples=30)["value"]


def test_cllr_of_known_cases():
    assert cost(np.zeros(5), np.zeros(9)) == pytest.approx(1.0)
    assert cost(np.full(5, 50.0), np.full(9, -50.0)) < 1e-9 < 1.0 < cost(np.full(5, -9.0), np.full(9, 9.0))
    assert min_cllr(np.zeros(5), np.zeros(9)) == pytest.approx(1.0)
    assert min_cllr(np.zeros(5), np.ones(9)) == pytest.approx(0.0, abs=1e-12)
    assert min_cllr(np.ones(5), np.zeros(9)) == pytest.approx(1.0), "a monotone map cannot turn scores round"


def test_detection_costs_are_those_computed_by_hand():
    """1.9 for the share of known clips rejected, 1 for that of unknown ones accepted."""
    known, unknown = np.array([0.0, 1, 2, 3]), np.array([1.5, 2.5])
    assert min_dcf(*sweep(known, unknown).rates()) == pytest.approx(1.9 * 2 / 4 + 0)
    assert min_dcf(*sweep(known, known).rates()) == pytest.approx(1.0), "no better than accepting all"
    assert min_dcf(*sweep(known, known + 9).rates()) == 0
    assert -np.log(1.9) == pytest.approx(-0.6419, abs=1e-4)
    names = np.arange(6)
    told = act_dcf(np.array([3, 0, -0.6, -0.7]), np.array([-0.64, -2]), names[:4], names[4:], 1, resamples=50)
    assert told["value"] == pytest.approx(1.9 * 1 / 4 + 1 / 2) and told["low"] < told["value"] < told["high"]


def test_the_cost_at_a_calibrated_threshold_nears_the_least():
    rng = np.random.default_rng(0)
    known, unknown = rng.standard_normal(40_000) + 1, rng.standard_normal(40_000) - 1
    names = np.arange(80_000)
    least = min_dcf(*sweep(-known, -unknown).rates())
    calibrated, shifted = (
        act_dcf(2 * known + shift, 2 * unknown + shift, names[:40_000], names[40_000:], 1, resamples=2)["value"]
        for shift in (0, 3)
    )
    assert least <= calibrated < least + 0.005 < shifted - 0.1


def test_ties_of_the_published_score_are_counted():
    logits = np.array([[40, 0, 0], [50, 0, 0], [1, 0, 0], [3, 0, 0], [3, 0, 0], [0, 60, 0]], np.float32)
    assert published_ties(logits) == 3 / 6, "equal logits are no tie that double precision breaks"
    assert published_ties(logits[2:]) == 0


@pytest.mark.parametrize("right", [True, False])
def test_a_temperature_at_its_bound_is_known(right):
    logits, truth = confident(1.0)
    assert not at_bound(temperature(logits, truth))
    sure = logits.argmax(axis=1) if right else (logits.argmax(axis=1) + 1) % 4
    assert at_bound(temperature(logits, sure))


def test_a_logistic_map_calibrates_gaussians_and_equals_sklearn():
    rng = np.random.default_rng(0)
    known, unknown = rng.standard_normal(3000) - 1, rng.standard_normal(900) + 1
    slope, intercept = logistic(known, unknown)
    assert (slope, intercept) == pytest.approx((-2.0, 0.0), abs=0.2), "two unit Gaussians, two apart"
    model = LogisticRegression(class_weight="balanced", C=1e6).fit(
        np.append(known, unknown)[:, None], np.repeat([1, 0], [3000, 900])
    )
    assert (slope, intercept) == pytest.approx((model.coef_[0, 0], model.intercept_[0]), abs=0.02)
    least, calibrated = min_cllr(known, unknown), cost(slope * known + intercept, slope * unknown + intercept)
    assert 0.3 < least <= calibrated < least + 0.03


def test_groups_that_do_not_overlap_stay_finite():
    slope, intercept = logistic(np.linspace(-2, -1, 50), np.linspace(1, 2, 50))
    assert np.isfinite([slope, intercept]).all() and slope < 0
