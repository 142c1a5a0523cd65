"""Resynthesis of all eleven codecs: a plain loop over files against the stage, shard in and shard out.

The plain loop keeps PyTorch's own settings, TF32 convolutions included. The stage runs twice, over a small and a large
part of one shard; the difference is the rate, the rest its start. A card that idles waits for reading, resampling,
FLAC, Parquet or launches.
"""

import multiprocessing
import time
from contextlib import suppress
from pathlib import Path
from queue import Empty

import golden_codecs
import resynthesis as plain
import torch

from card import clips
from card.box import Busy, percent
from card.parity import weights_of
from ncst import registry
from ncst.audio import resynthesize
from ncst.plan.inputs import FEEDERS

CLIPS, PLAIN_CLIPS = 2000, 150
SMALL = {"cuda": 96, "cpu": 2}
PLAIN_SECONDS, LARGE_SECONDS = 4.0, 5.0


def plain_worker(device, weights, files, seconds, results):
    """Put ``(codec, audio seconds per second)`` of the plain loop for every codec of *weights*."""
    durations = {file: plain.soundfile.info(file).duration for file in files}
    for name in weights:
        registry.load("codecs", name)  # before the first is loaded as published
    for name, file in weights.items():
        part = files[:3]
        loop = plain.plain_loop(name, file, device, part)
        torch.backends.cudnn.allow_tf32 = True
        loop()
        start, done = time.monotonic(), 0.0
        for part[:] in ([path] for path in files):
            loop()
            done += durations[part[0]]
            if time.monotonic() - start > seconds:
                break
        results.put((name, done / (time.monotonic() - start)))
    results.put(None)


def our_worker(device, weights, rows, folder, seconds, results):
    """Put ``(codec, start s, rate, clips, begin, end)`` of the stage for every codec of *weights*."""
    small = SMALL[device]
    for name, file in weights.items():
        try:
            first, second = (_timed(name, file, rows, small, folder, device) for _ in range(2))
            count = int(min(max(seconds * small / (second[2] - second[1]), 2 * small), len(rows)))
            large = _timed(name, file, rows, count, folder, device)
            more = large[2] - large[1] - (second[2] - second[1])
            rate = (large[0] - second[0]) / more if more > 0 else large[0] / (large[2] - large[1])
            start = first[2] - first[1] - second[0] / rate
            results.put((name, start, rate, count, large[1], large[2]))
        except Exception as error:
            results.put((name, f"{type(error).__name__}: {str(error).splitlines()[0]}"))
    results.put(None)


def _timed(name, weights, rows, count, folder, device):
    shard, audio = clips.shard(folder / f"real-{count}.parquet", rows, count)
    entry = golden_codecs.CODECS[name]
    threads = FEEDERS if device == "cuda" else 1
    start = time.monotonic()
    resynthesize.resynthesize(
        shard, name, entry, weights, folder / f"{name}.parquet", 1, device, max_failed=1.0, threads=threads
    )
    return audio, start, time.monotonic()


def _collect(box, target, *arguments):
    """Run *target* in a process of its own and yield what it puts until it ends or the time is up."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    process = spawn.Process(target=target, args=(*arguments, results))
    process.start()
    try:
        while box.left() > 0:
            with suppress(Empty):
                found = results.get(timeout=1)
                if found is None:
                    break
                yield found
                continue
            if process.exitcode is not None:
                break
    finally:
        process.kill()
        process.join()


def run(box):
    """Print a row for every codec; rates go into the costs."""
    made = clips.make(CLIPS, box.roots)
    folder = Path(box.folder, "resynthesis")
    folder.mkdir()
    files = clips.files(folder / "wav", made[:PLAIN_CLIPS])
    rows = clips.rows(made)
    weights = dict(weights_of(box, list(plain.CASES.values())))
    weights = {name: weights[case] for name, case in plain.CASES.items() if case in weights}
    scale = min(1.0, box.left() / 170)
    box.say(f"{CLIPS} clips of {sum(row['duration'] for row in rows):,.0f} s; plain loop, audio s per s:")
    loops = {}
    for name, rate in _collect(box, plain_worker, box.device, weights, files, scale * PLAIN_SECONDS):
        loops[name] = rate
        box.say(f"  {name} {rate:.1f}")
    box.say("\n| codec | plain loop | ncst | ratio | device busy | clips | start, s |\n|---|---|---|---|---|---|---|")
    busy, reached = Busy(box.device), {}
    for name, *found in _collect(box, our_worker, box.device, weights, rows, folder, scale * LARGE_SECONDS):
        if len(found) == 1:
            box.say(f"| {name} | failed: {found[0]} | | | | | |")
            continue
        start, rate, count, begin, end = found
        reached[name] = rate
        loop, ratio = (f"{loops[name]:.1f}", f"{rate / loops[name]:.2f}") if name in loops else ("-", "-")
        share = percent(busy.share(begin + start, end))
        box.say(f"| {name} | {loop} | {rate:.1f} | {ratio} | {share} | {count} | {start:.1f} |")
    busy.close()
    ratios = [reached[name] / loops[name] for name in reached if name in loops]
    missed = [name for name in plain.CASES if name not in reached]
    ten, twenty = (sum(ratio >= goal for ratio in ratios) for goal in (10, 20))
    box.say(f"\n{ten} of {len(ratios)} at 10 times or more, {twenty} at 20")
    if missed:
        box.say(f"not reached: {', '.join(missed)}")
    box.costs["resynthesize"] = reached
    return not missed
