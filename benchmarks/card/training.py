"""Training of the three published models by the stage itself, on features that are made up, and a plain loop beside it.

Epochs are long enough to hide their ends; the first is not counted. The plain loop is Lightning with raw AASIST as
published (`benchmarks/official.py`), its clips on the card already.
"""

import csv
import json
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from official import OfficialAasist

from card.box import Busy, percent
from ncst.formats.features import feature_path
from ncst.formats.manifests import SCHEMA, write_manifest
from ncst.tracing import train as training

CLASSES, EPOCHS, HELD = 7, 3, 512
SHAPES = {"mel_lcnn": None, "aasist": None, "w2v2_aasist": ((201, 1024), np.float16)}
MODELS = yaml.safe_load((Path(__file__).parents[2] / "config/models.yaml").read_text(encoding="utf-8"))


def features(folder, model):
    """Write `HELD` clips' features of the front-end of *model*, random ones, and return its name."""
    from ncst import registry

    name = MODELS["models"][model]["frontend"]
    draw = np.random.default_rng(0)
    if name == "xlsr_layer5":
        values = draw.standard_normal((HELD, 201, 1024), np.float32).astype(np.float16)
        about = {"shape": [201, 1024], "time_axis": 0}
    else:
        frontend = registry.load("frontends", name)({})
        waves = 0.1 * draw.standard_normal((HELD, frontend.samples), np.float32)
        values = np.concatenate([frontend.compute(waves[i : i + 8]) for i in range(0, HELD, 8)])
        about = {"shape": list(frontend.shape), "time_axis": frontend.time_axis}
    path = feature_path(folder, name, "made/real/0.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)
    path.with_suffix(".json").write_text(json.dumps(about))
    return name


def manifest(path, count):
    """Write a manifest of *count* clips that point at the made features in turn."""
    import pyarrow as pa

    rows = [
        dict.fromkeys(SCHEMA.names)
        | {"clip_id": str(i), "utt_id": str(i), "label": i % CLASSES, "codec": f"c{i % CLASSES}", "corpus": "made"}
        | {"shard_file": "made/real/0.parquet", "row": i % HELD}
        for i in range(count)
    ]
    write_manifest(path, pa.Table.from_pylist(rows, SCHEMA), {"clips": count, "failed": {}, "audio_sha256": {}})
    return path


def ours(box, model, batches, folder):
    """Return clips per second of the last epochs of a training of *batches* batches each, and when it ran."""
    entry = MODELS["models"][model]
    recipe = entry["published"]["training"] | {"epochs": EPOCHS}
    entry = entry | {"options": entry["published"]["options"], "training": recipe}
    clips = batches * recipe["batch"]
    out = folder / f"{model}-{batches}"
    manifests = [manifest(folder / f"{count}.parquet", count) for count in (clips, recipe["batch"])]
    start = time.monotonic()
    training.train(entry, model, 688, manifests, folder, out, machine=training.Machine(box.device, 0, 1))
    with (out / "curves.csv").open() as stream:
        seconds = [float(row["seconds"]) for row in csv.DictReader(stream)]
    return clips / min(seconds[1:]), start, time.monotonic()


def plain(device, seconds):
    """Return clips per second of a plain Lightning loop of raw AASIST as published."""
    import lightning.pytorch as pl

    class Loop(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.network, self.times = OfficialAasist(CLASSES), []

        def training_step(self, batch, _):
            loss = torch.nn.functional.cross_entropy(self.network(batch[0])[1], batch[1])
            self.times.append((time.monotonic(), loss.item())[0])
            if self.times[-1] - self.times[0] > seconds:
                self.trainer.should_stop = True
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=5e-4, weight_decay=5e-4)

    waves = 0.1 * torch.randn(24 * 8, 64_600, device=device)
    data = torch.utils.data.TensorDataset(waves, torch.arange(len(waves), device=device) % CLASSES)
    loop, quiet = Loop(), dict.fromkeys(("enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False)
    accelerator = "cpu" if device == "cpu" else "gpu"
    trainer = pl.Trainer(accelerator=accelerator, devices=1, max_epochs=-1, min_epochs=0, logger=False, **quiet)
    trainer.fit(loop, torch.utils.data.DataLoader(data, 24))
    times = loop.times[min(8, len(loop.times) - 2) :]
    return 24 * (len(times) - 1) / (times[-1] - times[0])


def run(box):
    """Print a row for every model; rates go into the costs."""
    folder, share = Path(box.folder, "training"), box.left() / 4
    folder.mkdir()
    box.say("| model | clips/s | device busy | batches |\n|---|---|---|---|")
    busy, reached = Busy(box.device), {}
    for model in ("w2v2_aasist", "aasist", "mel_lcnn"):
        if box.left() < 0:
            break
        features(folder, model)
        short = 12 if box.device != "cpu" else 1
        rate, _, _ = ours(box, model, short, folder)
        batches = int(min(max(0.6 * share / EPOCHS * rate / 24, short), 400))
        rate, start, end = ours(box, model, batches, folder)
        reached[model] = rate
        box.say(f"| {model} | {rate:,.0f} | {percent(busy.share((start + end) / 2, end))} | {batches} |")
    busy.close()
    if "aasist" in reached and box.left() > 0:
        loop = plain(box.device, 0.5 * share)
        ratio = reached["aasist"] / loop
        box.say(f"\nraw AASIST in a plain Lightning loop: {loop:,.1f} clips/s; here {ratio:.2f} times as many")
    box.costs["train"] = reached
    return len(reached) == 3
