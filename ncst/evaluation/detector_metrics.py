"""What is measured of one detector's scores of known and unknown clips."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ncst.evaluation.bootstrap import closed_set, open_set
from ncst.evaluation.calibration import act_dcf, cllr, min_cllr
from ncst.evaluation.metrics import confusion, histograms, risk_coverage, sweep, thinned, threshold_at
from ncst.formats.scores import Scores


def detector_metrics(
    inside: np.ndarray,
    outside: np.ndarray,
    known: Scores,
    unknown: Scores,
    dev: np.ndarray | None,
    ratio: Mapping[str, float] | None,
    draw: int,
    resamples: int,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ``(numbers, curves)`` of one detector on one out-of-distribution split.

    Parameters
    ----------
    inside, outside : (N,) and (K,) arrays
        The detector's scores of the known and of the unknown clips.
    known, unknown : ncst.formats.scores.Scores
        These clips.
    dev : (V,) array or None
        The detector's scores of the development clips, whose 95 % quantile is the threshold of open-set decisions.
    ratio : dict or None
        ``slope`` and ``intercept`` that make scores log likelihood ratios, chosen on development clips.
    draw : int
        Seed of the bootstrap.
    resamples : int

    Returns
    -------
    (dict, dict)
        As under ``ood`` and ``curves`` of the metrics file.
    """
    together = _numbered(np.concatenate([known.clusters, unknown.clusters]))
    clusters = together[: len(known)], together[len(known) :]
    names = draw, unknown.split
    correct = known.positions() == known.predicted()
    codecs = unknown.codec if len(set(unknown.codec)) > 1 else ()
    numbers = open_set(inside, outside, *clusters, *names, correct=correct, groups=codecs, resamples=resamples)
    swept = sweep(inside, outside)
    numbers |= {"threshold95": threshold_at(swept), "min_cllr": min_cllr(inside, outside)}
    if ratio:
        inner, outer = (ratio["slope"] * scores + ratio["intercept"] for scores in (inside, outside))
        for name, cost in {"cllr": cllr, "act_dcf": act_dcf}.items():
            numbers[name] = cost(inner, outer, *clusters, *names, resamples=resamples)
    if dev is not None:
        threshold = threshold_at(sweep(dev, dev))
        numbers |= _decisions(inside, outside, known, unknown, clusters, threshold, names, resamples)
    return numbers, _curves(swept, inside, outside, correct)


def _numbered(named):
    """Return names of clusters, (N,) or (N, 2), as integers, which sort faster."""
    if named.ndim == 1:
        return np.unique(named, return_inverse=True)[1]
    return np.stack([np.unique(column, return_inverse=True)[1] for column in named.T], axis=1)


def _decisions(inside, outside, known, unknown, clusters, threshold, names, resamples):
    """Return what comes of "unknown" above *threshold* and the closed-set class below it."""
    classes = len(known.classes)
    truth = np.append(known.positions(), np.full(len(unknown), classes))
    predicted = np.append(known.predicted(), unknown.predicted())
    predicted[np.append(inside, outside) > threshold] = classes
    f1 = closed_set(truth, predicted, classes + 1, np.concatenate(clusters), *names, resamples=resamples)["macro_f1"]
    rows = confusion(truth, predicted, classes + 1)[:classes].tolist()
    table = {str(label): row for label, row in zip(known.classes, rows)}
    for codec in np.unique(unknown.codec):
        table[str(codec)] = np.bincount(predicted[len(known) :][unknown.codec == codec], minlength=classes + 1).tolist()
    return {"threshold_dev": threshold, "open_macro_f1": f1, "open_confusion": table}


def _curves(swept, inside, outside, correct):
    known, every = swept.accepted(swept.known), swept.accepted(np.ones(len(swept.order), int))
    fpr, tpr = (every - known) / len(outside), known / len(inside)
    right = swept.accepted(np.append(correct, np.zeros(len(outside), bool))[swept.order])
    edges, inner, outer = histograms(inside, outside)
    coverage, risk = risk_coverage(right, every)
    curves = {
        "roc": (("fpr", "tpr"), thinned(fpr + tpr, fpr, tpr)),
        "oscr": (("fpr", "ccr"), thinned(fpr + tpr, fpr, right / len(inside), points=100)),
        "risk_coverage": (("coverage", "risk"), thinned(coverage, coverage, risk, points=100)),
    }
    rounded = {
        name: dict(zip(axes, (values.round(6).tolist() for values in parts))) for name, (axes, parts) in curves.items()
    }
    return rounded | {"hist": {"edges": edges.tolist(), "id": inner.tolist(), "ood": outer.tolist()}}
