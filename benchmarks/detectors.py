"""Time and memory of every detector at full size: `python benchmarks/detectors.py [rows of training] [rows to rate]`.

Random arrays of the benchmark's size (70,000 x 160 training rows, 168,000 rows to rate, 7 classes). Each detector runs
in a process of its own, so that its peak memory is its own; the arrays themselves are part of it. Tuning tries every
option of the config with each class held out.
"""

import multiprocessing
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import yaml

from ncst.evaluation.bootstrap import RESAMPLES
from ncst.evaluation.detector_metrics import detector_metrics
from ncst.evaluation.tune import tune
from ncst.registry import build

WIDTH, CLASSES = 160, 7
ENTRIES = yaml.safe_load((Path(__file__).parents[1] / "config/detectors.yaml").read_text(encoding="utf-8"))["detectors"]


def arrays(rows, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % CLASSES
    features = rng.standard_normal((rows, WIDTH), np.float32)
    features[np.arange(rows), labels] += 3.0
    return features, 2.0 * features[:, :CLASSES], labels


def split(rows, seed):
    features, logits, labels = arrays(rows, seed)
    names = {"classes": list(range(CLASSES)), "split": "random", "codec": (labels % 4).astype(str)}
    found = Rows(**names, embedding=features, logits=logits, utt_id=(np.arange(rows) % 13228).astype(str))
    found.positions, found.predicted = lambda: labels, lambda: logits.argmax(axis=1)
    return found


class Rows(SimpleNamespace):
    """The rows of one split, as `ncst.formats.scores.Scores` holds them."""

    def __len__(self):
        return len(self.logits)


def detector(name, train, rated):
    known, (features, logits, _) = arrays(train, 0), arrays(rated, 1)
    start, busy = time.perf_counter(), time.process_time()
    fitted = build("detectors", name, ENTRIES[name]).fit(*known)
    middle = time.perf_counter()
    fitted.score(features, logits)
    done = time.perf_counter()
    tune(name, ENTRIES[name], split(train, 0), split(10_000, 2))
    return middle - start, done - middle, time.perf_counter() - done, time.process_time() - busy, _peak()


def measures(name, train, rated):
    rng = np.random.default_rng(0)
    inside, outside = split(rated // 2, 0), split(rated // 2, 1)
    scores = rng.standard_normal((2, rated // 2)) + np.array([[0], [1]])
    start, busy = time.perf_counter(), time.process_time()
    ratio = {"slope": -1.0, "intercept": 0.5}
    detector_metrics(*scores, inside, outside, scores[0], ratio, 688, RESAMPLES)
    return 0.0, time.perf_counter() - start, 0.0, time.process_time() - busy, _peak()


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _line(name, fit, score, tuning, busy):
    return f"{name:24}{fit:10.2f}{score:11.2f}{tuning:10.2f}{busy:9.1f}"


def main(train=70_000, rated=168_000):
    jobs = [(name, detector) for name in ENTRIES] + [("metrics of one split", measures)]
    print(f"{'detector':24}{'fit (s)':>10}{'score (s)':>11}{'tune (s)':>10}{'CPU (s)':>9}{'peak (GiB)':>12}")
    totals = np.zeros(4)
    for name, job in jobs:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            *seconds, busy, peak = pool.apply(job, (name, train, rated))
        totals += *seconds, busy
        print(_line(name, *seconds, busy) + f"{peak:12.2f}", flush=True)
    print(_line("together", *totals))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
