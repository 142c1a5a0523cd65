"""Detectors on development clips alone: each known class is held out in turn and plays the unknown."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from ncst.errors import NcstError
from ncst.evaluation.detectors._base import Head
from ncst.evaluation.metrics import auroc, sweep
from ncst.formats.scores import Scores
from ncst.registry import build

ROWS = 2000


def tune(name: str, entry: dict[str, Any], train: Scores, dev: Scores, head: Head | None = None) -> dict[str, Any]:
    """Choose a detector's options by how well it tells held-out classes, and calibrate its scores with them.

    For each class its training rows and its column of the logits are taken away, the detector is fitted on the rest,
    and the development rows of that class are the unknown ones. The model itself has seen the class, so these numbers
    are no estimate of what an unseen codec gives; they rank options without looking at one.

    Parameters
    ----------
    name : str
        The detector's key in the config.
    entry : dict
        Its entry. ``tune`` maps options to lists of values; every combination is tried, after the entry's own options.
    train, dev : ncst.formats.scores.Scores
        With embeddings. Of *dev* at most `ROWS` rows are used, evenly spaced.
    head : ((C, D) array, (C,) array), optional
        Weight and bias of the model's last layer.

    Returns
    -------
    dict
        ``options``; ``tried``: list of ``options``, ``auroc`` (mean over the held-out classes, null where the options
        do not fit the training set) and ``by_class`` (class id to AUROC); ``calibration``: slope and intercept that
        turn a score, in standard deviations around the mean of known development scores, into a log likelihood ratio
        for known; none where no options fit what is left of the training set. Empty where dev or train have fewer than
        three classes.

    Raises
    ------
    NcstError
        If an option is unknown.
    """
    held = sorted(set(dev.positions().tolist()))
    if len(held) < 3:
        return {}
    grid = entry.get("tune") or {}
    own = entry.get("options") or {}
    candidates = [own]
    for values in product(*grid.values()):
        options = own | dict(zip(grid, values))
        if options not in candidates:
            candidates.append(options)
    tried: list[dict[str, Any]] = []
    best: tuple[float, dict[str, Any], Any] | None = None
    for options in candidates:
        build("detectors", name, entry | {"options": options})
        try:
            groups = held_out_scores(name, entry | {"options": options}, train, dev, held, head)
        except NcstError as error:
            tried.append({"options": options, "auroc": None, "by_class": {}, "reason": str(error)})
            continue
        areas = [auroc(*sweep(known, unknown).rates()) for known, unknown in groups]
        by_class = {str(train.classes[c]): area for c, area in zip(held, areas)}
        tried.append({"options": options, "auroc": float(np.mean(areas)), "by_class": by_class})
        if best is None or tried[-1]["auroc"] > best[0] + 1e-9:
            best = tried[-1]["auroc"], options, groups
    if best is None:
        return {"options": own, "tried": tried}
    known, unknown = (np.concatenate(part) for part in zip(*map(_standardised, best[2])))
    return {"options": best[1], "tried": tried, "calibration": logistic(known, unknown)}


def held_out_scores(
    name: str, entry: dict[str, Any], train: Scores, dev: Scores, held: Sequence[int], head: Head | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return ``[(known scores, unknown scores)]`` of the development rows, one pair per class position of *held*."""
    assert train.embedding is not None and dev.embedding is not None
    rows = np.unique(np.linspace(0, len(dev) - 1, min(ROWS, len(dev))).astype(int))
    labels, truth = train.positions(), dev.positions()[rows]
    found = []
    for out in held:
        kept, others = labels != out, np.arange(len(train.classes)) != out
        rest = labels[kept]
        less = None if head is None else (head[0][others], head[1][others])
        detector = build("detectors", name, entry)
        detector.fit(train.embedding[kept], train.logits[kept][:, others], rest - (rest > out), less)
        scores = detector.score(dev.embedding[rows], dev.logits[rows][:, others])
        found.append((scores[truth != out], scores[truth == out]))
    return found


def _standardised(groups):
    known, unknown = (part.astype(np.float64) for part in groups)
    centre, scale = centre_and_scale(known)
    return (known - centre) / scale, (unknown - centre) / scale


def centre_and_scale(known: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation of known scores; equal scores have the deviation 1."""
    return float(known.mean()), float(known.std()) or 1.0


def logistic(known: np.ndarray, unknown: np.ndarray) -> tuple[float, float]:
    """Return ``(slope, intercept)`` that turn scores into log likelihood ratios for *known*, in nats.

    Logistic regression in which both groups weigh the same, so that the prior odds are one. A weak ridge on the slope
    keeps groups that do not overlap finite. Newton's method with step halving; the loss is convex.

    Parameters
    ----------
    known, unknown : (N,) and (K,) arrays
        Scores of about unit scale, higher = more out-of-distribution.
    """
    scores = np.append(known, unknown)
    sign = np.repeat([1.0, -1.0], [len(known), len(unknown)])
    share = np.repeat([1 / len(known), 1 / len(unknown)], [len(known), len(unknown)])
    columns, ridge = np.stack([scores, np.ones(len(scores))], axis=1), np.array([1e-3, 0.0])

    def loss(weights):
        return share @ np.logaddexp(0, -sign * (columns @ weights)) + ridge @ weights**2 / 2

    weights = np.zeros(2)
    for _ in range(100):
        wrong = np.exp(-np.logaddexp(0, sign * (columns @ weights)))
        gradient = -columns.T @ (share * sign * wrong) + ridge * weights
        curvature = (columns.T * (share * wrong * (1 - wrong))) @ columns + np.diag(ridge + 1e-12)
        step = np.linalg.solve(curvature, gradient)
        while loss(weights - step) > loss(weights) and np.abs(step).max() > 1e-9:
            step /= 2
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    slope, intercept = weights.tolist()
    return slope, intercept
