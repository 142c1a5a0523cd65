"""95 % intervals by resampling whole utterances: the clips of one utterance are no independent rows."""

import numpy as np

from ncst.metrics import accuracy, auroc, balanced_accuracy, eer, f1_scores, fpr_at, sweep, weighted_f1
from ncst.seeds import seed_of

RESAMPLES = 200


def draws(clusters, resamples, *names):
    """Yield, for each resample, how often each of the clusters was drawn: (clusters,) counts that sum to *clusters*.

    *names* seed the draws; equal names and numbers draw equally, so detectors are compared on the same resamples.
    """
    rng = np.random.default_rng(seed_of("bootstrap", *names, bits=64))
    for _ in range(resamples):
        yield np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)


def interval(value, resampled):
    """Return ``{"value", "low", "high"}``: a value with the central 95 % of its resampled values."""
    low, high = np.percentile(np.asarray(resampled, np.float64), [2.5, 97.5])
    return {"value": float(value), "low": float(low), "high": float(high)}


def closed_set(truth, predicted, classes, utterances, *names, resamples=RESAMPLES):
    """Return the closed-set metrics of class positions with their intervals.

    Parameters
    ----------
    truth, predicted : (N,) arrays of int
        Class positions, 0 to *classes* - 1.
    classes : int
    utterances : (N,) array of str
        The clusters that are resampled.
    *names
        Seed of the draws.
    resamples : int

    Returns
    -------
    dict
        ``accuracy``, ``balanced_accuracy``, ``macro_f1``, ``weighted_f1``: intervals; ``f1``: list of intervals, one
        per class.
    """
    ids, cluster = np.unique(utterances, return_inverse=True)
    cells = truth * classes + predicted
    width = classes**2
    table = np.bincount(cluster * width + cells, minlength=len(ids) * width).reshape(len(ids), width)
    whole = table.sum(axis=0).reshape(classes, classes)
    used = np.flatnonzero(table.any(axis=0))
    drawn = np.zeros((resamples, width))
    narrow = table[:, used].astype(np.float64)
    for row, counts in zip(drawn, draws(len(ids), resamples, *names)):
        row[used] = counts @ narrow
    drawn = drawn.reshape(resamples, classes, classes)
    f1, f1_drawn = f1_scores(whole), f1_scores(drawn)
    return {
        "accuracy": interval(accuracy(whole), accuracy(drawn)),
        "balanced_accuracy": interval(balanced_accuracy(whole), balanced_accuracy(drawn)),
        "macro_f1": interval(f1.mean(), f1_drawn.mean(axis=1)),
        "weighted_f1": interval(weighted_f1(whole), weighted_f1(drawn)),
        "f1": [interval(value, column) for value, column in zip(f1, f1_drawn.T)],
    }


def mean(values, utterances, *names, resamples=RESAMPLES):
    """Return the mean of (N,) *values* with its interval; *utterances*, (N,), are the clusters, *names* the seed."""
    ids, cluster = np.unique(utterances, return_inverse=True)
    sums, sizes = np.bincount(cluster, values), np.bincount(cluster)
    drawn = [counts @ sums / (counts @ sizes) for counts in draws(len(ids), resamples, *names)]
    return interval(values.mean(), drawn)


def open_set(known, unknown, known_utterances, unknown_utterances, *names, resamples=RESAMPLES):
    """Return AUROC, FPR95 and EER of two groups of scores with their intervals.

    An utterance that occurs in both groups is drawn into both. Resamples that leave a group empty are left out.

    Parameters
    ----------
    known, unknown : (N,) and (K,) arrays
        Scores, higher = more out-of-distribution.
    known_utterances, unknown_utterances : (N,) and (K,) arrays of str
    *names
        Seed of the draws.
    resamples : int

    Returns
    -------
    dict
        ``auroc``, ``fpr95``, ``eer``: intervals.
    """
    swept = sweep(known, unknown)
    ids, cluster = np.unique(np.concatenate([known_utterances, unknown_utterances]), return_inverse=True)
    shares = (np.unique(part) for part in (cluster[: len(known)], cluster[len(known) :]))
    groups = list(shares)
    resampled = []
    for counts in draws(len(ids), resamples, *names):
        if all(counts[group].any() for group in groups):
            resampled.append(_three(*swept.rates(counts[cluster])))
    values = _three(*swept.rates())
    columns = np.reshape(resampled or [values], (-1, 3)).T
    return {name: interval(value, column) for name, value, column in zip(("auroc", "fpr95", "eer"), values, columns)}


def _three(fpr, tpr):
    return auroc(fpr, tpr), fpr_at(fpr, tpr), eer(fpr, tpr)
