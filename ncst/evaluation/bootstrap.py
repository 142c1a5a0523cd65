"""95 % intervals by resampling whole utterances: the clips of one utterance are no independent rows.

Names of clusters are those of utterances, (N,), or of their speakers and utterances, (N, 2): then speakers are
resampled first, and utterances within each drawn speaker.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from scipy.stats import norm
from scipy.stats import t as student

from ncst.core.seeds import seed_of
from ncst.evaluation.metrics import (
    accuracy,
    aupr,
    aurc,
    auroc,
    balanced_accuracy,
    eer,
    f1_scores,
    fpr_at,
    min_dcf,
    oscr,
    risk_coverage,
    sweep,
    weighted_f1,
)

RESAMPLES = 200
TAIL = 0.025

Interval = dict[str, float]


def clusters_of(named: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the (N,) cluster of each row, 0 to K - 1, and the (K,) speaker of each cluster, ascending.

    Without speakers every utterance, the cluster, is its own.
    """
    if named.ndim == 1:
        ids, cluster = np.unique(named, return_inverse=True)
        return cluster, np.arange(len(ids))
    speaker, utterance = (np.unique(column, return_inverse=True)[1] for column in named.T)
    width = utterance.max() + 1
    ids, cluster = np.unique(speaker * width + utterance, return_inverse=True)
    return cluster, ids // width


def clustered(utterances: np.ndarray, speakers: Mapping[str, str] | None) -> np.ndarray:
    """Return (N,) *utterances* as they are, or with the *speakers* of each as (N, 2) speakers and utterances."""
    if not speakers:
        return utterances
    return np.stack([np.array([speakers[name] for name in utterances], object), utterances], axis=1)


def count(named: np.ndarray) -> int:
    """Return how many clusters are drawn independently: those of speakers where rows have them, else of utterances."""
    return len(np.unique(named if named.ndim == 1 else named[:, 0]))


def draws(owners: np.ndarray, resamples: int, *names: str | int) -> Iterator[np.ndarray]:
    """Yield, for each resample, how often each cluster was drawn: (K,) counts.

    *owners* are the (K,) speakers of the clusters (`clusters_of`): these are drawn, and for each time that one is, as
    many of its clusters as it has. *names* seed the draws; equal names and owners draw equally, so detectors are
    compared on the same resamples.
    """
    rng = np.random.default_rng(seed_of("bootstrap", *names, bits=64))
    members = np.bincount(owners)
    starts = np.cumsum(members) - members
    for _ in range(resamples):
        drawn = np.bincount(rng.integers(len(members), size=len(members)), minlength=len(members))
        if len(members) < len(owners):
            speaker = np.repeat(np.arange(len(members)), drawn * members)
            within = (rng.random(len(speaker)) * members[speaker]).astype(int)
            drawn = np.bincount(starts[speaker] + within, minlength=len(owners))
        yield drawn


def interval(value: float | np.ndarray, resampled: ArrayLike, clusters: int, share: bool = True) -> Interval:
    """Return ``{"value", "low", "high"}``: a value with a 95 % interval from its resampled values.

    The standard error is that of the resamples, widened for the few clusters they are drawn from; percentiles of
    resamples are too narrow below some 60 clusters. A share, which lies between 0 and 1, gets a normal interval on the
    logit scale, any other value a t interval (``benchmarks/interval_coverage.py`` shows what both hold). Where all
    clusters are alike and resamples cannot differ, a share gets the exact binomial bound on how many others are unlike
    them, taken as all wrong and as all right.

    Parameters
    ----------
    value, resampled : float, (R,) array
    clusters : int
        Number of clusters that were resampled; of two groups, that of the smaller.
    share : bool
        Whether the value lies between 0 and 1 by its nature.

    References
    ----------
    B. Efron, R. J. Tibshirani: An introduction to the bootstrap, 1993, chapters 12 and 13; T. C. Hesterberg: What
    teachers should know about the bootstrap. The American Statistician 69, 2015.
    """
    value, drawn = float(value), np.asarray(resampled, np.float64)
    edge = 1 / (10 * clusters)

    def scaled(numbers):
        return logit(np.clip(numbers, edge, 1 - edge)) if share else np.asarray(numbers, np.float64)

    spread = scaled(drawn).std(ddof=1) if clusters > 1 and np.ptp(drawn) > 0 else 0.0
    if spread == 0:
        alike = TAIL ** (1 / clusters) if share else 1.0
        return {"value": value, "low": value * alike, "high": 1 - (1 - value) * alike if share else value}
    quantile = norm.ppf(1 - TAIL) if share else student.ppf(1 - TAIL, clusters - 1)
    reach = quantile * spread * np.sqrt(clusters / (clusters - 1))
    low, high = scaled(value) - reach, scaled(value) + reach
    low, high = (expit(low), expit(high)) if share else (low, high)
    return {"value": value, "low": min(float(low), value), "high": max(float(high), value)}


def confusions(
    truth: np.ndarray,
    predicted: np.ndarray,
    classes: int,
    utterances: np.ndarray,
    *names: str | int,
    resamples: int = RESAMPLES,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the (C, C) confusion counts of class positions and the (resamples, C, C) counts of the resamples.

    Parameters as for `closed_set`. Equal *names* and utterances give equal resamples, so what two models' counts say
    can be compared resample by resample.
    """
    cluster, owners = clusters_of(utterances)
    cells = truth * classes + predicted
    width = classes**2
    table = np.bincount(cluster * width + cells, minlength=len(owners) * width).reshape(len(owners), width)
    whole = table.sum(axis=0).reshape(classes, classes)
    used = np.flatnonzero(table.any(axis=0))
    drawn = np.zeros((resamples, width))
    narrow = table[:, used].astype(np.float64)
    for row, counts in zip(drawn, draws(owners, resamples, *names)):
        row[used] = counts @ narrow
    return whole, drawn.reshape(resamples, classes, classes)


def closed_set(
    truth: np.ndarray,
    predicted: np.ndarray,
    classes: int,
    utterances: np.ndarray,
    *names: str | int,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
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
    whole, drawn = confusions(truth, predicted, classes, utterances, *names, resamples=resamples)
    f1, f1_drawn, clusters = f1_scores(whole), f1_scores(drawn), count(utterances)
    return {
        "accuracy": interval(accuracy(whole), accuracy(drawn), clusters),
        "balanced_accuracy": interval(balanced_accuracy(whole), balanced_accuracy(drawn), clusters),
        "macro_f1": interval(f1.mean(), f1_drawn.mean(axis=1), clusters),
        "weighted_f1": interval(weighted_f1(whole), weighted_f1(drawn), clusters),
        "f1": [interval(value, column, clusters) for value, column in zip(f1, f1_drawn.T)],
    }


def mean(
    values: np.ndarray, utterances: np.ndarray, *names: str | int, share: bool = True, resamples: int = RESAMPLES
) -> Interval:
    """Return the mean of (N,) *values* with its `interval`; *utterances*, (N,), are the clusters, *names* the seed."""
    cluster, owners = clusters_of(utterances)
    sums, sizes = np.bincount(cluster, values), np.bincount(cluster)
    drawn = [counts @ sums / (counts @ sizes) for counts in draws(owners, resamples, *names)]
    return interval(values.mean(), drawn, count(utterances), share)


def open_set(
    known: np.ndarray,
    unknown: np.ndarray,
    known_utterances: np.ndarray,
    unknown_utterances: np.ndarray,
    *names: str | int,
    correct: np.ndarray | None = None,
    resamples: int = RESAMPLES,
    groups: np.ndarray | tuple[()] = (),
) -> dict[str, Any]:
    """Return the metrics of two groups of scores over all thresholds, with their intervals.

    An utterance that occurs in both groups is drawn into both. Resamples that leave a group empty are left out.

    Parameters
    ----------
    known, unknown : (N,) and (K,) arrays
        Scores, higher = more out-of-distribution.
    known_utterances, unknown_utterances : (N,) and (K,) arrays
        The clusters that are resampled.
    *names
        Seed of the draws.
    correct : (N,) array of bool, optional
        Which known rows are rightly classified.
    groups : (K,) array of str, optional
        Parts of the unknown rows that are also compared with the known ones on their own.
    resamples : int

    Returns
    -------
    dict
        ``auroc``, ``fpr95``, ``eer``, ``min_dcf``, ``aupr_in``, ``aupr_out`` and, with *correct*, ``oscr``, ``aurc``:
        intervals; with *groups* ``by_group``: group to its ``auroc`` and ``fpr95``.
    """
    swept = sweep(known, unknown)
    cluster, owners = clusters_of(np.concatenate([known_utterances, unknown_utterances]))
    right = None if correct is None else np.append(correct, np.zeros(len(unknown), bool))[swept.order]
    parts = {
        str(name): np.append(np.zeros(len(known), bool), groups == name)[swept.order] for name in np.unique(groups)
    }
    values = _measures(swept, np.ones(len(cluster), np.int64), right, parts)
    resampled: dict[Any, list[float]] = {key: [] for key in values}
    for counts in draws(owners, resamples, *names):
        for key, value in _measures(swept, counts[cluster], right, parts).items():
            resampled[key].append(value)
    clusters = min(count(known_utterances), count(unknown_utterances))
    intervals = {key: interval(value, resampled[key] or [value], clusters) for key, value in values.items()}
    result: dict[str, Any] = {key: ci for key, ci in intervals.items() if isinstance(key, str)}
    if parts:
        result["by_group"] = {name: {rate: intervals[name, rate] for rate in ("auroc", "fpr95")} for name in parts}
    return result


def _measures(swept, weights, right, parts):
    """Return the metrics of weighted rows; those of a group without a row are left out."""
    weights = weights[swept.order]
    known, every = swept.accepted(weights * swept.known), swept.accepted(weights)
    unknown = every - known
    if known[-1] == 0 or unknown[-1] == 0:
        return {}
    fpr, tpr = unknown / unknown[-1], known / known[-1]
    values: dict[Any, float] = {"auroc": auroc(fpr, tpr), "fpr95": fpr_at(fpr, tpr), "eer": eer(fpr, tpr)}
    values["min_dcf"] = min_dcf(fpr, tpr)
    values["aupr_in"], values["aupr_out"] = aupr(known, unknown)
    if right is not None:
        hits = swept.accepted(weights * right)
        values |= {"oscr": oscr(fpr, hits / known[-1]), "aurc": aurc(*risk_coverage(hits, every))}
    for name, rows in parts.items():
        part = swept.accepted(weights * rows)
        if part[-1]:
            fpr = part / part[-1]
            values |= {(name, "auroc"): auroc(fpr, tpr), (name, "fpr95"): fpr_at(fpr, tpr)}
    return values
