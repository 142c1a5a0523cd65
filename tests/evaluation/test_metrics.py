from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as oracle

from ncst.evaluation import metrics

GOLDEN = np.load(Path(__file__).parents[1] / "golden/detectors/metrics.npz")
SETS = ["continuous", "ties", "saturated", "all_equal", "tiny", "reversed", "separated"]


def scores(decimals, seed=0, known=300, unknown=200):
    rng = np.random.default_rng(seed)
    return np.round(rng.standard_normal(known), decimals), np.round(rng.standard_normal(unknown) + 1, decimals)


@pytest.mark.parametrize("name", SETS)
def test_official_metrics(name):
    """Official scores are higher for known rows. With ties or equal gaps their EER depends on the order of rows."""
    positive, negative = GOLDEN[f"{name}.positive"], GOLDEN[f"{name}.negative"]
    area, fpr95, equal, _ = GOLDEN[f"{name}.auc_fpr95_eer_threshold"]
    rates = metrics.sweep(-positive, -negative).rates()
    assert metrics.auroc(*rates) == pytest.approx(area, abs=5e-6)
    assert metrics.fpr_at(*rates) == pytest.approx(fpr95, abs=1e-12)
    row = 1 / min(len(positive), len(negative))
    if name in ("ties", "all_equal"):
        assert metrics.eer(*rates) < equal
    else:
        assert abs(metrics.eer(*rates) - equal) <= (row if name == "tiny" else 1e-12)


def test_all_equal_scores_are_a_coin():
    rates = metrics.sweep(np.zeros(30), np.zeros(20)).rates()
    assert metrics.auroc(*rates) == metrics.eer(*rates) == 0.5


def test_eer_does_not_depend_on_the_order_of_tied_rows():
    known, unknown = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 1, 2, 2, 2])
    rates = metrics.sweep(known, unknown).rates()
    assert metrics.eer(*rates) == pytest.approx(1 / 3)
    shuffled = metrics.sweep(known[::-1], unknown[::-1]).rates()
    assert metrics.eer(*rates) == metrics.eer(*shuffled)


@pytest.mark.parametrize("decimals", [8, 1, 0])
def test_areas_equal_sklearn(decimals):
    known, unknown = scores(decimals)
    truth, every = np.repeat([0, 1], [len(known), len(unknown)]), np.concatenate([known, unknown])
    swept = metrics.sweep(known, unknown)
    assert metrics.auroc(*swept.rates()) == pytest.approx(oracle.roc_auc_score(truth, every))
    inside, outside = metrics.aupr(swept.accepted(swept.known), swept.accepted(~swept.known))
    assert inside == pytest.approx(oracle.average_precision_score(1 - truth, -every))
    assert outside == pytest.approx(oracle.average_precision_score(truth, every))


@pytest.mark.parametrize("decimals", [8, 1])
def test_weights_count_rows_several_times(decimals):
    known, unknown = scores(decimals)
    weights = np.random.default_rng(1).integers(0, 4, len(known) + len(unknown))
    repeated = metrics.sweep(np.repeat(known, weights[:300]), np.repeat(unknown, weights[300:])).rates()
    weighted = metrics.sweep(known, unknown).rates(weights)
    for metric in (metrics.auroc, metrics.fpr_at, metrics.eer):
        assert metric(*weighted) == pytest.approx(metric(*repeated), abs=1e-12)


def test_threshold_accepts_95_percent():
    known, unknown = scores(8)
    threshold = metrics.threshold_at(metrics.sweep(known, unknown))
    assert (known <= threshold).mean() == 0.95 and threshold in known


def test_oscr_is_the_auroc_of_a_perfect_classifier_and_less_otherwise():
    swept = metrics.sweep(*scores(1))
    fpr, tpr = swept.rates()

    def area(correct):
        return metrics.oscr(fpr, swept.accepted(np.append(correct, np.zeros(200, bool))[swept.order]) / 300)

    assert area(np.ones(300, bool)) == pytest.approx(metrics.auroc(fpr, tpr))
    assert area(np.arange(300) % 2 == 0) < 0.6 * metrics.auroc(fpr, tpr)
    assert area(np.zeros(300, bool)) == 0.0


def test_risk_coverage_by_hand():
    """Scores 1 right, 2 wrong, 3 and 3 right and unknown together."""
    swept = metrics.sweep(np.array([1.0, 2.0, 3.0]), np.array([3.0]))
    right = swept.accepted(np.array([True, False, True, False])[swept.order])
    coverage, risk = metrics.risk_coverage(right, swept.accepted(np.ones(4, int)))
    np.testing.assert_allclose(coverage, [0.25, 0.5, 1.0])
    np.testing.assert_allclose(risk, [0.0, 0.5, 0.5])
    assert metrics.aurc(coverage, risk) == pytest.approx(0.25 * 0 + 0.25 * 0.5 + 0.5 * 0.5)


def test_thinned_curves_keep_ends_and_area():
    swept = metrics.sweep(*scores(8, known=5000, unknown=4000))
    every = swept.rates()
    fpr, tpr = metrics.thinned(sum(every), *every)
    assert len(fpr) <= 200 and (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert metrics.auroc(fpr, tpr) == pytest.approx(metrics.auroc(*every), abs=2e-3)
    few = metrics.sweep(np.zeros(3), np.ones(3)).rates()
    assert len(metrics.thinned(sum(few), *few)[0]) == 3


def test_histograms_lose_no_row():
    known, unknown = scores(8)
    unknown[0] = 1e9
    edges, inside, outside = metrics.histograms(known, unknown)
    assert len(edges) == 41 and len(inside) == 40 and inside.sum() == 300 and outside.sum() == 200
    assert edges[-1] < 1e9
    edges, inside, outside = metrics.histograms(np.zeros(1000), np.append(np.zeros(999), 1.0))
    assert inside.sum() == outside.sum() == 1000 and (np.diff(edges) > 0).all()


def test_closed_set_metrics_equal_official_and_sklearn():
    truth, predicted = GOLDEN["f1.true"], GOLDEN["f1.predicted"]
    counts = metrics.confusion(truth, predicted, 7)
    np.testing.assert_array_equal(counts, GOLDEN["f1.confusion"])
    np.testing.assert_allclose(metrics.f1_scores(counts), GOLDEN["f1.per_class"], atol=1e-12)
    assert metrics.f1_scores(counts)[5] == 0.0
    assert metrics.f1_scores(counts).mean() == pytest.approx(GOLDEN["f1.macro"])
    assert metrics.accuracy(counts) == pytest.approx(GOLDEN["f1.micro"])
    assert metrics.balanced_accuracy(counts) == pytest.approx(oracle.balanced_accuracy_score(truth, predicted))
