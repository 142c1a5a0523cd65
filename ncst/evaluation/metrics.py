"""Open-set and closed-set metrics on plain arrays.

Scores follow the detectors: higher = more out-of-distribution. In-distribution is the positive class, as in the
benchmark: a row is accepted as known where its score lies at or below a threshold.
"""

from dataclasses import dataclass

import numpy as np

P_UNKNOWN, COST_MISS, COST_FALSE_ALARM = 0.05, 1.0, 10.0
DCF_MISS = COST_MISS * (1 - P_UNKNOWN) / (COST_FALSE_ALARM * P_UNKNOWN)
"""Detection costs as in ASVspoof 5: one clip in twenty is unknown, to reject a known one (a miss) costs 1, to accept an
unknown one (a false alarm) 10. Costs are divided by that of accepting all, 0.5, which leaves this weight to a miss."""


@dataclass(frozen=True)
class Sweep:
    """All thresholds between two groups of scores, equal scores merged.

    Attributes
    ----------
    order : (M,) array of int
        Sorts the known rows, followed by the unknown ones, by ascending score.
    known : (M,) array of bool
        Which rows of that order are in-distribution.
    ends : (P,) array of int
        Last position of each group of equal scores.
    thresholds : (P,) array
        The distinct scores, ascending.
    """

    order: np.ndarray
    known: np.ndarray
    ends: np.ndarray
    thresholds: np.ndarray

    def accepted(self, counts: np.ndarray) -> np.ndarray:
        """Return the (P + 1,) sums of (M,) *counts*, in the order of `order`, over accepted rows: from none to all."""
        return np.append(0, np.cumsum(counts)[self.ends])

    def rates(self, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(fpr, tpr)``, (P + 1,) each: accepted fractions of unknown and known rows, from none to all.

        *weights*, (M,) in the order of the input, count rows several times or not at all (bootstrap).
        """
        weights = np.ones(len(self.order), np.int64) if weights is None else weights[self.order]
        known, unknown = self.accepted(weights * self.known), self.accepted(weights * ~self.known)
        return unknown / unknown[-1], known / known[-1]


def sweep(known: np.ndarray, unknown: np.ndarray) -> Sweep:
    """Sort the scores of (N,) *known* and (K,) *unknown* rows into a `Sweep`."""
    scores = np.concatenate([known, unknown])
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    return Sweep(order, order < len(known), ends, ordered[ends])


def auroc(fpr: np.ndarray, tpr: np.ndarray) -> float:
    """Return the area under the ROC curve, 0 to 1; half a point for each tied pair."""
    return float(np.trapezoid(tpr, fpr))


def fpr_at(fpr: np.ndarray, tpr: np.ndarray, level: float = 0.95) -> float:
    """Return the false-positive rate where the ROC curve reaches the true-positive rate *level*.

    Linear interpolation between the curve's points; where several points have exactly that rate, the one with the
    largest false-positive rate counts, as in the benchmark.
    """
    return float(np.interp(level, tpr, fpr))


def eer(fpr: np.ndarray, tpr: np.ndarray) -> float:
    """Return the equal error rate: the mean of both error rates where they differ least.

    Equal scores share one threshold. The benchmark's routine sorts them instead, known rows first, so that scores that
    are all equal have an EER of 1 there and of 0.5 here; without ties both agree.
    """
    after = np.searchsorted(fpr + tpr, 1.0)
    gap = np.abs(1.0 - tpr - fpr)
    best = after if gap[after] <= gap[after - 1] + 1e-12 else after - 1
    return float((1.0 - tpr[best] + fpr[best]) / 2.0)


def min_dcf(fpr: np.ndarray, tpr: np.ndarray) -> float:
    """Return the least detection cost over all thresholds: `DCF_MISS` (1 - tpr) + fpr, 0 to 1.

    References
    ----------
    X. Wang et al.: ASVspoof 5: crowdsourced speech data, deepfakes, and adversarial attacks at scale. ASVspoof
    workshop 2024, arXiv 2408.08739.
    """
    return float((DCF_MISS * (1.0 - tpr) + fpr).min())


def threshold_at(swept: Sweep, level: float = 0.95) -> float:
    """Return the smallest score that accepts at least the fraction *level* of the known rows of a `Sweep`."""
    _, tpr = swept.rates()
    return float(swept.thresholds[np.searchsorted(tpr, level) - 1])


def aupr(known: np.ndarray, unknown: np.ndarray) -> tuple[float, float]:
    """Return ``(in, out)``: average precision with known rows as positives, then with unknown rows as positives.

    *known* and *unknown* are (P + 1,) numbers of accepted rows, from none to all (`Sweep.accepted`); for the second
    the rejected rows count.
    """

    def average_precision(true, every):
        steps = np.diff(true)
        precision = np.divide(true[1:], every[1:], out=np.zeros(len(steps)), where=every[1:] > 0)
        return float(steps @ precision / true[-1])

    rejected_known, rejected_unknown = ((part[-1] - part)[::-1] for part in (known, unknown))
    return average_precision(known, known + unknown), average_precision(
        rejected_unknown, rejected_unknown + rejected_known
    )


def oscr(fpr: np.ndarray, ccr: np.ndarray) -> float:
    """Return the area under the open-set classification rate curve, 0 to 1.

    *ccr*, the fraction of known rows that are accepted *and* rightly classified, over *fpr*, the fraction of unknown
    rows that are accepted; (P + 1,) each, from none to all.

    References
    ----------
    A. R. Dhamija, M. Gunther, T. E. Boult: Reducing network agnostophobia. NeurIPS 2018, arXiv 1811.04110.
    """
    return float(np.trapezoid(ccr, fpr))


def risk_coverage(right: np.ndarray, every: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(coverage, risk)`` over the thresholds that accept a row.

    Coverage is the fraction of all rows that are accepted, risk the fraction of these that are wrong; accepting an
    unknown row is always wrong. *right* and *every* are (P + 1,) numbers of rightly classified and of all accepted
    rows, from none to all.

    References
    ----------
    G. Xia, C.-S. Bouganis: Augmenting softmax information for selective classification with out-of-distribution data.
    ACCV 2022, arXiv 2207.07506.
    """
    kept = every > 0
    return every[kept] / every[-1], 1.0 - right[kept] / every[kept]


def aurc(coverage: np.ndarray, risk: np.ndarray) -> float:
    """Return the area under a risk-coverage curve: the mean risk over all coverages, 0 to 1, lower is better."""
    return float(np.diff(coverage, prepend=0.0) @ risk)


def thinned(along: np.ndarray, *curves: np.ndarray, points: int = 200) -> list[np.ndarray]:
    """Return (P,) *curves* at about *points* of their points, both ends among them, evenly over the rising *along*."""
    kept = np.searchsorted(along, np.linspace(along[0], along[-1], points - 1)).clip(max=len(along) - 1)
    kept = np.unique(np.append(kept, [0, len(along) - 1]))
    return [curve[kept] for curve in curves]


def histograms(known: np.ndarray, unknown: np.ndarray, bins: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(edges (bins + 1,), known counts (bins,), unknown counts (bins,))`` over common edges.

    The edges span the central 99 % of all scores; the outer bins also hold what lies beyond them.
    """
    scores = np.concatenate([known, unknown]).astype(np.float64)
    low, high = np.quantile(scores, [0.005, 0.995])
    if low == high:
        low, high = scores.min(), scores.max()
    edges = np.linspace(low, high, bins + 1)
    inside, outside = (np.histogram(np.clip(part, low, high), edges)[0] for part in (known, unknown))
    return edges, inside, outside


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return the (classes, classes) counts of (N,) class positions: rows truth, columns prediction."""
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def f1_scores(counts: np.ndarray) -> np.ndarray:
    """Return the (..., C) F1 of each class of (..., C, C) confusion counts; 0 for a class that never occurs."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    both = counts.sum(axis=-1) + counts.sum(axis=-2)
    return np.divide(2.0 * hits, both, out=np.zeros(both.shape), where=both > 0)


def weighted_f1(counts: np.ndarray) -> np.ndarray:
    """Return the (...) mean F1 of (..., C, C) confusion counts, each class weighted by its rows."""
    rows = counts.sum(axis=-1)
    return (f1_scores(counts) * rows).sum(axis=-1) / rows.sum(axis=-1)


def accuracy(counts: np.ndarray) -> np.ndarray:
    """Return the (...) fraction of rows on the diagonal of (..., C, C) confusion counts, which is also the micro F1."""
    return np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """Return the (...) mean recall of (..., C, C) confusion counts over the classes that occur; chance is 1 / C."""
    total = counts.sum(axis=-1)
    recall = np.divide(
        np.diagonal(counts, axis1=-2, axis2=-1), total, out=np.full(total.shape, np.nan), where=total > 0
    )
    return np.nanmean(recall, axis=-1)
