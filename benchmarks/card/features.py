"""Features of W2V2-AASIST: the fifth hidden state of XLS-R 300M (random weights, full width) in clips per second."""

import json
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from official import LAYER, XLSR
from safetensors.torch import save_file

from card import clips
from card.box import Busy, percent
from ncst import registry
from ncst.tracing.compute_features import compute_features

PRECISIONS = ("fp32", "tf32", "bf16", "fp16")
CLIPS, FIRST = 4096, 64
ENTRY = yaml.safe_load((Path(__file__).parents[2] / "config/models.yaml").read_text(encoding="utf-8"))["frontends"]


def xlsr(path):
    """Write XLS-R 300M up to hidden state `LAYER`, with random weights, to the weight file *path*."""
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    if not path.is_file():
        torch.manual_seed(0)
        state = Wav2Vec2Model(Wav2Vec2Config(**XLSR | {"num_hidden_layers": LAYER})).state_dict()
        save_file({key: value.contiguous() for key, value in state.items()}, path, {"config": json.dumps(XLSR)})
    return path


def run(box):
    """Print a row for every precision; rates go into the costs."""
    rows = clips.rows(clips.make(CLIPS, box.roots))
    weights, folder = xlsr(box.folder / "xlsr.safetensors"), Path(box.folder, "features")
    folder.mkdir()
    seconds = 0.8 * box.left() / len(PRECISIONS)
    box.say("| precision | clips/s | device busy | relative error | clips |\n|---|---|---|---|---|")
    busy, exact, reached = Busy(box.device), None, {}
    for precision in PRECISIONS:
        if box.left() < 0 or (box.device == "cpu" and precision in ("tf32", "fp16")):
            continue
        entry = {key: value for key, value in ENTRY["xlsr_layer5"].items() if key not in ("weights", "licence")}
        frontend = registry.load("frontends", "ssl")(entry | {"precision": precision}, weights, box.device)
        took = [_timed(frontend, rows, FIRST, folder, box.cores)[0] for _ in range(2)]
        count = int(min(max(seconds * FIRST / took[1] / 2, 2 * FIRST), CLIPS))
        large, start, end, out = _timed(frontend, rows, count, folder, box.cores)
        values = np.load(out, mmap_mode="r")[:FIRST].astype(np.float32)
        exact = values if exact is None else exact
        error = np.linalg.norm(values - exact) / np.linalg.norm(exact)
        reached[precision] = count / large
        shown = f"{error:.1e}" if precision != "fp32" else "-"
        box.say(f"| {precision} | {count / large:,.0f} | {percent(busy.share(start, end))} | {shown} | {count} |")
        out.unlink()
    busy.close()
    box.costs["compute_features"] = {"xlsr_layer5": reached}
    return len(reached) == len(PRECISIONS)


def _timed(frontend, rows, count, folder, readers):
    shard, _ = clips.shard(folder / f"{count}.parquet", rows, count)
    out, start = folder / f"{count}.npy", time.monotonic()
    compute_features(shard, frontend, out, readers=readers)
    end = time.monotonic()
    return end - start, start, end, out
