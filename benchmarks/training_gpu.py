"""Cached W2V2-AASIST training on a GPU: `python benchmarks/training_gpu.py [cpu]`; `cpu` tries the script without one.

Clips per second from the loader to the optimizer's step, the share of that time in which the device computes, and the
share of each part of a step when the device is waited for after each.
"""

import itertools
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from training import feature_files, seeded

from ncst.tracing.batches import loader
from ncst.tracing.models.w2v2_aasist import W2v2Aasist

BATCH, STEPS, WORKERS = 24, 100, 4


def run(network, clips, device, pause):
    """Train for `STEPS` batches and return seconds by part of a step, calling *pause* after each part."""
    optimizer = torch.optim.Adam(network.parameters())
    keys = itertools.islice(itertools.cycle(clips.shuffled(BATCH, "speed")), STEPS + 1)
    batches = iter(loader(clips, list(keys), WORKERS))
    next(batches)  # the workers have started
    seconds = dict.fromkeys(("loader", "copy to the device", "model", "optimizer"), 0.0)
    clock = time.perf_counter()

    def lap(part):
        nonlocal clock
        pause()
        now = time.perf_counter()
        seconds[part] += now - clock
        clock = now

    for _ in range(STEPS):
        values, targets = next(batches)
        lap("loader")
        values, targets = values.to(device, non_blocking=True), targets.to(device, non_blocking=True)
        lap("copy to the device")
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(values)[1], targets).backward()
        lap("model")
        optimizer.step()
        lap("optimizer")
    return seconds


def main(device):
    features = np.random.default_rng(0).standard_normal((500, 201, 1024), np.float32).astype(np.float16)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    activity, column = ProfilerActivity.CPU, "self_cpu_time_total"
    if device == "cuda":
        activity, column = ProfilerActivity.CUDA, "self_device_time_total"
    with tempfile.TemporaryDirectory() as folder:
        clips = feature_files(Path(folder), "gpu", features, 4)
        network = seeded(W2v2Aasist).to(device).train()
        shares = run(network, clips, device, wait)
        wait()
        start = time.perf_counter()
        run(network, clips, device, lambda: None)
        wait()
        rate = STEPS * BATCH / (time.perf_counter() - start)
        with profile(activities=[activity]) as profiled:
            start = time.perf_counter()
            run(network, clips, device, lambda: None)
            wait()
            wall = time.perf_counter() - start
    busy = sum(getattr(event, column) for event in profiled.key_averages()) / 1e6 / wall
    whole = sum(shares.values())
    print(f"{rate:,.0f} clips/s; the device computes {busy:.0%} of the time")
    print("; ".join(f"{part} {seconds / whole:.0%}" for part, seconds in shares.items()))
    print("largest share outside the model:", max((part for part in shares if part != "model"), key=shares.get))


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "cuda"
    if chosen == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no GPU: nothing to measure.")
    main(chosen)
