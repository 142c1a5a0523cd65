"""What every detector must keep: the sign of its score, rows that do not depend on each other, finite numbers."""

import numpy as np
import pytest
from helpers.entries import configured
from helpers.toy_open_set import toy_open_set

from ncst.evaluation.detectors._base import Unfit
from ncst.evaluation.metrics import auroc, sweep
from ncst.registry import build

ENTRIES = configured()["detectors"]


@pytest.mark.parametrize("width", [160, 256])
@pytest.mark.parametrize("name", ENTRIES)
def test_higher_means_unknown_and_every_row_counts_alone(name, width):
    train, known, unknown = toy_open_set(width)
    detector = build("detectors", name, ENTRIES[name])
    assert detector.fit(*train) is detector
    features, logits = (np.concatenate(pair) for pair in zip(known, unknown))
    scores = detector.score(features, logits)
    assert scores.shape == (180,) and scores.dtype == np.float32 and np.isfinite(scores).all()
    assert auroc(*sweep(scores[:90], scores[90:]).rates()) > 0.5, "higher must mean more out-of-distribution"

    tolerance = {"rtol": 2e-5, "atol": 2e-5 * np.abs(scores).max()}
    order = np.random.default_rng(1).permutation(180)
    np.testing.assert_allclose(detector.score(features[order], logits[order]), scores[order], **tolerance)
    detector.rows = 7
    np.testing.assert_allclose(detector.score(features, logits), scores, **tolerance)
    np.testing.assert_allclose(detector.score(features[5:6], logits[5:6]), scores[5:6], **tolerance)


@pytest.mark.parametrize("name", ENTRIES)
def test_degenerate_training_sets_give_finite_scores(name):
    """Fewer rows than dimensions, constant embeddings, one logit far above the others, logits all equal.

    Or the detector says that it cannot serve such a model, and why.
    """
    (features, logits, labels), known, unknown = toy_open_set(64, train=21)
    cases = {
        "few": (features, logits),
        "constant": (np.ones_like(features), logits),
        "certain": (features, np.where(np.arange(7) == labels[:, None], 1e30, -1e30)),
        "equal": (features, np.zeros_like(logits)),
    }
    for rows, outputs in cases.values():
        detector = build("detectors", name, ENTRIES[name])
        try:
            detector.fit(rows, outputs, labels)
        except Unfit as reason:
            assert "same embedding" in str(reason) or "too few" in str(reason)
            continue
        for part, values in ((rows, outputs), known, unknown, (1e15 * known[0], 1e30 * known[1])):
            assert np.isfinite(detector.score(part, values)).all()


@pytest.mark.parametrize("name", ENTRIES)
def test_awkward_arrays_give_finite_scores(name):
    (features, logits, labels), known, _ = toy_open_set(24)
    features, logits = features.copy(), logits.copy()
    features[:, 20:] = 0.0
    features[0], logits[:40] = 0.0, 300.0 * logits[:40]
    logits[:40] += 500.0
    detector = build("detectors", name, ENTRIES[name]).fit(features, logits, labels)
    assert np.isfinite(detector.score(features, logits)).all()
    assert np.isfinite(detector.score(np.zeros((2, 24)), np.zeros((2, 7)))).all()
    assert np.isfinite(detector.score(*known)).all()
