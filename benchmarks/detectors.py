"""Time and memory of every detector at full size: `python benchmarks/detectors.py [rows of training] [rows to rate]`.

Random arrays of the benchmark's size (70,000 x 160 training rows, 168,000 rows to rate, 7 classes). Each detector runs
in a process of its own, so that its peak memory is its own; the arrays themselves are part of it.
"""

import multiprocessing
import resource
import sys
import time
from pathlib import Path

import numpy as np
import yaml

from ncst.bootstrap import open_set
from ncst.detection import build

WIDTH, CLASSES = 160, 7
ENTRIES = yaml.safe_load((Path(__file__).parents[1] / "config/detectors.yaml").read_text(encoding="utf-8"))["detectors"]


def arrays(rows, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % CLASSES
    features = rng.standard_normal((rows, WIDTH), np.float32)
    features[np.arange(rows), labels] += 3.0
    return features, 2.0 * features[:, :CLASSES], labels


def detector(name, train, rated):
    known, (features, logits, _) = arrays(train, 0), arrays(rated, 1)
    start, busy = time.perf_counter(), time.process_time()
    fitted = build(name, ENTRIES[name]).fit(*known)
    middle = time.perf_counter()
    fitted.score(features, logits)
    return middle - start, time.perf_counter() - middle, time.process_time() - busy, _peak()


def bootstrap(name, train, rated):
    rng = np.random.default_rng(0)
    scores = rng.standard_normal(rated).astype(np.float32)
    utterances = (np.arange(rated) % 13228).astype(str)
    half = rated // 2
    start, busy = time.perf_counter(), time.process_time()
    open_set(scores[:half], scores[half:] + 1, utterances[:half], utterances[half:], 688, name)
    return 0.0, time.perf_counter() - start, time.process_time() - busy, _peak()


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(train=70_000, rated=168_000):
    jobs = [(name, detector) for name in ENTRIES] + [("bootstrap of one split", bootstrap)]
    print(f"{'detector':24}{'fit (s)':>10}{'score (s)':>11}{'CPU (s)':>9}{'peak (GiB)':>12}")
    totals = np.zeros(2)
    for name, job in jobs:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            fit, score, busy, peak = pool.apply(job, (name, train, rated))
        totals += fit + score, busy
        print(f"{name:24}{fit:10.2f}{score:11.2f}{busy:9.1f}{peak:12.2f}", flush=True)
    print(f"{'together':24}{totals[0]:21.2f}{totals[1]:9.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
