"""Calibration on plain arrays: of class probabilities (ECE, temperature) and of open-set scores (Cllr)."""

from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression, minimize_scalar
from scipy.special import logsumexp

from ncst.evaluation.bootstrap import RESAMPLES, Interval, clusters_of, count, draws, interval
from ncst.evaluation.detectors._base import log_others, single_precision
from ncst.evaluation.metrics import DCF_MISS

BINS = 15
TEMPERATURES = 0.1, 10.0


def temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """Return the T in `TEMPERATURES` for which ``softmax(logits / T)`` fits (N,) class positions best (least log loss).

    Where every row is right the loss falls with T, and T is its lower bound: such rows choose none (`at_bound`).

    References
    ----------
    C. Guo et al.: On calibration of modern neural networks. ICML 2017, arXiv 1706.04599.
    """
    logits = np.asarray(logits, np.float64)
    found = minimize_scalar(
        lambda log: log_loss(logits / np.exp(log), truth), bounds=np.log(TEMPERATURES), method="bounded"
    )
    return float(np.exp(found.x))


def at_bound(chosen: float) -> bool:
    """Return whether a `temperature` is, but for the search's tolerance, the least or the largest that it may be."""
    return not TEMPERATURES[0] * 1.01 < chosen < TEMPERATURES[1] / 1.01


def published_ties(logits: np.ndarray) -> float:
    """Return the share of the rows of (N, C) logits that MSP as published, in single precision, cannot tell apart.

    They have the largest probability of another row, exactly one for most of them, though not its logits' order.
    """
    groups = np.unique(single_precision(logits), return_inverse=True)[1]
    distinct = np.unique(np.stack([groups, log_others(logits)], axis=1), axis=0)[:, 0].astype(int)
    return float((np.bincount(distinct)[groups] > 1).mean())


def log_loss(logits: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean negative log probability, in nats, of (N,) class positions under (N, C) logits."""
    logits = np.asarray(logits, np.float64)
    return float((logsumexp(logits, axis=1) - logits[np.arange(len(truth)), truth]).mean())


def reliability(
    logits: np.ndarray, truth: np.ndarray, utterances: np.ndarray, *names: str | int, resamples: int = RESAMPLES
) -> tuple[Interval, dict[str, Any]]:
    """Return the expected calibration error with its interval and the bins behind it.

    Parameters
    ----------
    logits : (N, C) array
    truth : (N,) array of int
        Class positions.
    utterances : (N,) array
        The clusters that are resampled.
    *names
        Seed of the draws.
    resamples : int

    Returns
    -------
    (dict, dict)
        The ECE over `BINS` equal bins of the largest probability, and the bins: ``confidence`` and ``accuracy`` (their
        means; null in an empty bin) and ``count``.

    References
    ----------
    M. P. Naeini, G. F. Cooper, M. Hauskrecht: Obtaining well calibrated probabilities using Bayesian binning. AAAI
    2015.
    """
    confidence = -np.expm1(log_others(logits))
    right = logits.argmax(axis=1) == truth
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    cluster, owners = clusters_of(utterances)
    gaps = np.bincount(cluster * BINS + bins, confidence - right, len(owners) * BINS).reshape(len(owners), BINS)
    sizes = np.bincount(cluster)

    def error(counts):
        return np.abs(counts @ gaps).sum() / (counts @ sizes)

    drawn = [error(counts) for counts in draws(owners, resamples, *names)]
    ece = interval(error(np.ones(len(owners))), drawn, count(utterances))
    filled = np.bincount(bins, minlength=BINS)
    means = [
        [total / n if n else None for total, n in zip(np.bincount(bins, values, BINS).tolist(), filled.tolist())]
        for values in (confidence, right)
    ]
    return ece, {"confidence": means[0], "accuracy": means[1], "count": filled.tolist()}


def cllr(
    known: np.ndarray,
    unknown: np.ndarray,
    known_utterances: np.ndarray,
    unknown_utterances: np.ndarray,
    *names: str | int,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the cost, in bits, of log likelihood ratios (nats, for *known*), with its interval.

    0 is perfect, 1 says nothing. Resamples that leave a group empty are left out.

    References
    ----------
    N. Brummer, J. du Preez: Application-independent evaluation of speaker detection. Computer Speech and Language 20,
    2006.
    """
    bits = 1 / (2 * np.log(2))
    costs = np.logaddexp(0, -np.asarray(known)) * bits, np.logaddexp(0, np.asarray(unknown)) * bits
    return _cost(*costs, known_utterances, unknown_utterances, *names, resamples=resamples)


def act_dcf(
    known: np.ndarray,
    unknown: np.ndarray,
    known_utterances: np.ndarray,
    unknown_utterances: np.ndarray,
    *names: str | int,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return the detection cost at the threshold that log likelihood ratios (nats, for *known*) imply, with interval.

    A clip is accepted as known from ``-log(DCF_MISS)`` on, where that costs less than to reject it. The costs are those
    of `ncst.evaluation.metrics.min_dcf`, which it reaches where the ratios are calibrated there.
    """
    threshold = -np.log(DCF_MISS)
    costs = DCF_MISS * (np.asarray(known) < threshold), 1.0 * (np.asarray(unknown) >= threshold)
    return _cost(*costs, known_utterances, unknown_utterances, *names, resamples=resamples)


def _cost(known, unknown, known_utterances, unknown_utterances, *names, resamples):
    """Return the sum of the mean costs of (N,) *known* and (K,) *unknown* rows with its interval."""
    cluster, owners = clusters_of(np.concatenate([known_utterances, unknown_utterances]))
    groups = cluster[: len(known)], cluster[len(known) :]
    parts = [(group, values) for group, cost in zip(groups, (known, unknown)) for values in (cost, None)]
    table = np.stack([np.bincount(group, values, len(owners)) for group, values in parts], axis=1)

    def mean(counts):
        inside, known_rows, outside, unknown_rows = counts @ table
        return None if known_rows == 0 or unknown_rows == 0 else inside / known_rows + outside / unknown_rows

    value = mean(np.ones(len(owners)))
    drawn = [mean(counts) for counts in draws(owners, resamples, *names)]
    clusters = min(count(known_utterances), count(unknown_utterances))
    return interval(value, [number for number in drawn if number is not None] or [value], clusters, share=False)


def min_cllr(known: np.ndarray, unknown: np.ndarray) -> float:
    """Return the `cllr` of scores (higher = more out-of-distribution) under the best monotone calibration, in bits.

    The optimal map is isotonic regression (pool adjacent violators) on the tested scores themselves, so what is left
    is the error of discrimination alone. Equal scores get one value.
    """
    scores, group = np.unique(-np.concatenate([known, unknown]), return_inverse=True)
    share = np.repeat([0.5 / len(known), 0.5 / len(unknown)], [len(known), len(unknown)])
    inside = np.bincount(group[: len(known)], share[: len(known)], len(scores))
    weight = np.bincount(group, share, len(scores))
    posterior = isotonic_regression(inside / weight, weights=weight).x
    with np.errstate(divide="ignore"):
        logs = np.log2(np.clip(posterior, 0, 1)), np.log2(np.clip(1 - posterior, 0, 1))
    outside = weight - inside
    return -float(inside[inside > 0] @ logs[0][inside > 0] + outside[outside > 0] @ logs[1][outside > 0])
