"""How often a 95 % interval holds the true value, by number of utterances: drawn data, four metrics.

    python benchmarks/interval_coverage.py [trials]

Clips of an utterance depend on each other: five clips share its ease (accuracy, macro F1 of seven classes), or four
known and four unknown ones its shift (AUROC, EER).
"""

import sys

import numpy as np
from scipy.stats import norm

from ncst.evaluation.bootstrap import closed_set, open_set

CLASSES, RIGHT = 7, 0.8


def closed(rng, clusters, trial):
    """Return {metric: whether its interval holds the true value} of drawn predictions."""
    ease = rng.beta(4 * RIGHT, 4 * (1 - RIGHT), clusters)
    truth = rng.integers(CLASSES, size=(clusters, 5))
    wrong = (truth + rng.integers(1, CLASSES, size=truth.shape)) % CLASSES
    predicted = np.where(rng.random(truth.shape) < ease[:, None], truth, wrong)
    utterances = np.repeat(np.arange(clusters).astype(str), 5)
    found = closed_set(truth.ravel(), predicted.ravel(), CLASSES, utterances, trial)
    return {name: found[name]["low"] <= RIGHT <= found[name]["high"] for name in ("accuracy", "macro_f1")}


def opened(rng, clusters, trial):
    """Return the same of drawn scores, standard normal, those of unknown clips higher by one."""
    shift = rng.standard_normal(clusters) * 0.7
    known, unknown = (
        np.repeat(shift, 4) + rng.standard_normal(4 * clusters) * np.sqrt(0.51) + mean for mean in (0.0, 1.0)
    )
    utterances = np.repeat(np.arange(clusters).astype(str), 4)
    found = open_set(known, unknown, utterances, utterances, trial)
    true = {"auroc": norm.cdf(np.sqrt(0.5)), "eer": norm.cdf(-0.5)}
    return {name: found[name]["low"] <= value <= found[name]["high"] for name, value in true.items()}


def coverage(clusters, trials, seed=0):
    """Return {metric: share of *trials* whose interval holds the true value}."""
    rng = np.random.default_rng([seed, clusters])
    held = [closed(rng, clusters, trial) | opened(rng, clusters, trial) for trial in range(trials)]
    return {name: np.mean([one[name] for one in held]) for name in held[0]}


def main(trials=500):
    print("| utterances | accuracy | macro F1 | AUROC | EER |\n|---|---|---|---|---|")
    for clusters in (20, 60, 200):
        shares = " | ".join(f"{100 * share:.1f}" for share in coverage(clusters, trials).values())
        print(f"| {clusters} | {shares} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
