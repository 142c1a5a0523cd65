"""Training here against the published recipe: `python benchmarks/training.py [w2v2] [aasist] [loader]`.

Random weights of full size, clips and batch are the same on both sides; every figure but the loader's is CPU seconds of
one thread, the least of a few repetitions, in a process of its own. The published side allocates memory as PyTorch does
by default. `--batch n` changes the batch of 24; raw AASIST needs about 0.5 GB per clip.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

TRAIN, DEV, EPOCHS, SAMPLES, CLASSES = 70_000, 7_000, 50, 64_600, 7


def processor(function, repeats):
    """Return the least CPU seconds of *repeats* calls and the last result."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return min(seconds), result


def training(network, batches, repeats):
    """Return CPU seconds of a step, of a forward pass, and the logits of the first step and in eval mode."""
    import torch

    optimizer = torch.optim.Adam(network.parameters(), lr=5e-4, weight_decay=5e-4)
    seen = []

    def step():
        features = batches()
        torch.manual_seed(1)
        logits = network(features)[1]
        seen.append(logits.detach())
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.arange(len(logits)) % CLASSES).backward()
        optimizer.step()

    with torch.inference_mode():
        at_rest = network.eval()(batches())[1]
    network.train()
    seconds, _ = processor(step, repeats)
    network.eval()
    with torch.inference_mode():
        forward, _ = processor(lambda: network(batches()), max(repeats // 2, 1))
    return {"step": seconds, "forward": forward, "train": seen[0].numpy(), "eval": at_rest.numpy()}


def waves(batch):
    import torch

    return 0.1 * torch.randn(batch, SAMPLES, generator=torch.Generator().manual_seed(0))


def seeded(network):
    import torch

    torch.manual_seed(0)
    return network(CLASSES)


def aasist_official(batch, _):
    from official import OfficialAasist

    return training(seeded(OfficialAasist), lambda: waves(batch), 2)


def aasist_ours(batch, _):
    from ncst.tracing.models.aasist import Aasist

    return training(seeded(Aasist), lambda: waves(batch), 3)


def aasist_exact(batch, rows):
    """Return by how much the eval logits of clips *rows* differ in double precision."""
    import torch
    from official import OfficialAasist

    from ncst.tracing.models.aasist import Aasist

    clips = waves(batch)[rows].double()
    with torch.inference_mode():
        one, other = (seeded(network).eval().double()(clips)[1] for network in (Aasist, OfficialAasist))
    return (one - other).abs().max().item()


def w2v2_official(batch, folder):
    import torch
    from official import LAYER, XLSR, OfficialFrontEnd, OfficialW2v2Aasist
    from safetensors.torch import save_file

    torch.manual_seed(0)
    front_end = OfficialFrontEnd()
    state = front_end.network.state_dict()
    upper = tuple(f"encoder.layers.{n}." for n in range(LAYER, XLSR["num_hidden_layers"]))
    kept = {key: value.contiguous() for key, value in state.items() if not key.startswith(upper)}
    save_file(kept, folder / "xlsr.safetensors", {"config": json.dumps(XLSR)})

    @torch.no_grad()
    def features():
        return front_end(waves(batch))

    full, hidden = processor(features, 2)
    result = training(seeded(OfficialW2v2Aasist), lambda: hidden, 3)
    return result | {"features": full, "hidden": hidden[:2].numpy()}


def w2v2_ours(batch, folder):
    import numpy as np
    import torch

    from ncst.tracing.frontends.ssl import Ssl
    from ncst.tracing.models.w2v2_aasist import W2v2Aasist

    front_end = Ssl({"layer": 5, "normalise": False}, folder / "xlsr.safetensors")
    clips = waves(batch)
    normal = ((clips - clips.mean()) / torch.sqrt(clips.var(unbiased=False) + 1e-7)).numpy()
    parts = [normal[i : i + 8] for i in range(0, batch, 8)]
    cut, stored = processor(lambda: np.concatenate([front_end.compute(part) for part in parts]), 2)
    with torch.inference_mode():
        hidden = front_end.hidden(normal).clone()
    clips = feature_files(folder, "xlsr_layer5", stored)
    key = (np.arange(batch), None, None)
    cached = training(seeded(W2v2Aasist), lambda: clips[key][0], 5)
    exact = training(seeded(W2v2Aasist), lambda: hidden.clone(), 1)
    shown = {"train": exact["train"], "eval": exact["eval"], "hidden": hidden[:2].numpy()}
    return cached | shown | {"features": cut, "half": np.abs(cached["eval"] - exact["eval"]).max()}


def feature_files(folder, frontend, features, copies=1):
    """Store *features* as those of *frontend* in *copies* shards and return their clips."""
    import numpy as np

    from ncst.formats.features import FeatureStore, feature_path
    from ncst.tracing.batches import Clips

    about = {"shape": list(features.shape[1:]), "time_axis": 0}
    shards = [f"train/real/{i}.parquet" for i in range(copies)]
    for shard in shards:
        path = feature_path(folder, frontend, shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, features)
        path.with_suffix(".json").write_text(json.dumps(about))
    manifest = {"shard_file": np.repeat(shards, len(features)).tolist(), "row": [*range(len(features))] * copies}
    return Clips(manifest, FeatureStore(folder, frontend), targets=[i % CLASSES for i in range(len(manifest["row"]))])


def loader_rates(batch, folder):
    """Return clips per second of the loader alone by front-end and number of workers, page cache warm."""
    import numpy as np

    from ncst.tracing.batches import loader

    rng = np.random.default_rng(0)
    kinds = {
        "waveform, int16": rng.integers(-3000, 3000, (1000, SAMPLES), np.int16),
        "xlsr_layer5, float16": rng.standard_normal((500, 201, 1024), np.float32).astype(np.float16),
    }
    rates = {}
    for number, (name, features) in enumerate(kinds.items()):
        clips = feature_files(folder, f"f{number}", features, 4)
        for workers in (0, 2):
            best = 0.0
            for epoch in range(4):
                batches = iter(loader(clips, clips.shuffled(batch, "speed", epoch) * 3, workers))
                next(batches)  # the workers have started
                start, count = time.perf_counter(), sum(len(targets) for _, targets in batches)
                best = max(best, count / (time.perf_counter() - start))
            rates[name, workers] = best
    return rates


def alone(job, batch, given, huge_pages=True):
    """Run *job* with *batch* and what else it is *given* in a process of its own, on one thread."""
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "THP_MEM_ALLOC_ENABLE": str(int(huge_pages))}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(job, batch, given).result()


def difference(one, other, key):
    import numpy as np

    return np.abs(one[key] - other[key]).max()


def report_aasist(batch, folder):
    import numpy as np

    ours = alone(aasist_ours, batch, folder)
    official = alone(aasist_official, batch, folder, huge_pages=False)
    paged = alone(aasist_official, batch, folder)
    print(f"\nraw AASIST, batch {batch}\n\n| step | CPU s per batch | times |\n|---|---|---|")
    for name, result in (("as published", official), ("as published, huge pages", paged), ("here", ours)):
        print(f"| {name} | {result['step']:.1f} | {official['step'] / result['step']:.2f} |")
    apart = np.abs(ours["eval"] - official["eval"]).max(1)
    close = apart < 1e-5
    print(f"\nlogits differ by {difference(ours, official, 'train'):.1e} (training), ", end="")
    print(f"{apart[close].max():.1e} (eval, {close.sum()} of {batch} clips)")
    if not close.all():
        exact = alone(aasist_exact, batch, np.flatnonzero(~close))
        print(f"the others: {apart.max():.1e}, in double precision {exact:.1e}")


def report_w2v2(batch, folder):
    official = alone(w2v2_official, batch, folder, huge_pages=False)
    ours = alone(w2v2_ours, batch, folder)
    print(f"\nW2V2-AASIST, batch {batch}\n\n| CPU s per batch | as published | here | times |\n|---|---|---|---|")
    for name, key in (("features", "features"), ("back-end step", "step"), ("back-end forward", "forward")):
        print(f"| {name} | {official[key]:.2f} | {ours[key]:.2f} | {official[key] / ours[key]:.2f} |")
    print(f"\nhidden states differ by {difference(ours, official, 'hidden'):.1e}")
    print(f"logits differ by {difference(ours, official, 'train'):.1e} (training), ", end="")
    print(f"{difference(ours, official, 'eval'):.1e} (eval); float16 features change them by {ours['half']:.1e}\n")
    per = {who: {k: r[k] / batch for k in ("features", "step", "forward")} for who, r in zip("po", (official, ours))}
    p, o = per["p"], per["o"]
    before = EPOCHS * (TRAIN * (p["features"] + p["step"]) + DEV * (p["features"] + p["forward"])) / 3600
    once = (TRAIN + DEV) * o["features"] / 3600
    after = EPOCHS * (TRAIN * o["step"] + DEV * o["forward"]) / 3600
    print(f"as published: {EPOCHS} x ({TRAIN:,} x ({p['features']:.3f} + {p['step']:.4f}) + ", end="")
    print(f"{DEV:,} x ({p['features']:.3f} + {p['forward']:.4f})) s / 3600 = {before:,.0f} core hours")
    print(f"here: {TRAIN + DEV:,} x {o['features']:.3f} s / 3600 = {once:.1f}, once for all epochs and seeds; ", end="")
    print(f"{EPOCHS} x ({TRAIN:,} x {o['step']:.4f} + {DEV:,} x {o['forward']:.4f}) s / 3600 = {after:.1f}; ", end="")
    print(f"together {once + after:.1f} core hours, {before / (once + after):.1f} times fewer")


def report_loader(batch, folder):
    print("\n| loader alone | workers | clips/s |\n|---|---|---|")
    for (name, workers), rate in alone(loader_rates, batch, folder).items():
        print(f"| {name} | {workers} | {rate:,.0f} |")


if __name__ == "__main__":
    reports = {"w2v2": report_w2v2, "aasist": report_aasist, "loader": report_loader}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=list(reports))
    parser.add_argument("--batch", type=int, default=24)
    options = parser.parse_args()
    for part in options.parts:
        with tempfile.TemporaryDirectory() as scratch:
            reports[part](options.batch, Path(scratch))
