"""A small run of config/st_codecfake.yaml on the device, and its audio, features and logits on the CPU too.

Golden weights, real speech through eleven codecs, three models for one epoch. The CPU makes the same shards in
processes of one thread; what it makes is compared row by row. Codes may flip where two entries of a codebook are as
near as rounding, so a few rows may differ by more.
"""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import torch
import yaml
from resynthesis import CASES
from signals import speech_like

from card.features import xlsr
from card.parity import weights_of
from ncst import registry
from ncst.audio.resynthesize import resynthesize, write_real
from ncst.audio.write_manifest import write_manifest
from ncst.core.waveforms import SAMPLE_RATE
from ncst.evaluation.detect import detect
from ncst.formats.features import feature_path
from ncst.formats.scores import read_scores
from ncst.formats.shards import iter_clips
from ncst.plan import inputs, selection, sharding
from ncst.plan.config import load_config
from ncst.speech.index_corpus import index_corpus
from ncst.speech.sample_sources import sample_sources
from ncst.tracing.compute_features import compute_features
from ncst.tracing.score import score
from ncst.tracing.train import Machine, train

CONFIG = Path(__file__).parents[2] / "config"
SPLITS = ("train", "dev", "eval_id", "ood_single", "ood_multi")
MODELS = ("mel_lcnn", "aasist", "w2v2_aasist")
DETECTORS = ("msp", "energy", "knn")
CLOSE = 1e-3


def corpora(folder):
    """Write a VCTK and an AISHELL-3 of made sounds, four speakers each, and return their roots."""
    vctk, aishell3 = folder / "VCTK-Corpus-0.92", folder / "data_aishell3"
    for speaker in ("p225", "p226", "p227", "p228"):
        for part in ("wav48_silence_trimmed", "txt"):
            (vctk / part / speaker).mkdir(parents=True)
        for number in range(1, 7):
            name = f"{speaker}_{number:03d}"
            _sound(vctk / "wav48_silence_trimmed" / speaker / f"{name}_mic1.flac", name)
            (vctk / "txt" / speaker / f"{name}.txt").write_text("Please call Stella.\n")
    (vctk / "speaker-info.txt").write_text("ID  AGE  GENDER  ACCENTS  REGION\n225  23  F  English\n")
    lines = []
    for speaker in ("SSB0005", "SSB0009", "SSB0011", "SSB0012"):
        (aishell3 / "train/wav" / speaker).mkdir(parents=True)
        for number in range(1, 7):
            lines.append(f"{speaker}{number:04d}.wav\t武 wu3 术 shu4\n")
            _sound(aishell3 / "train/wav" / speaker / f"{speaker}{number:04d}.wav", lines[-1])
    (aishell3 / "train/content.txt").write_text("".join(lines))
    (aishell3 / "spk-info.txt").write_text("SSB0005\tB\tfemale\tnorth\n")
    return {"vctk": vctk, "aishell3": aishell3}


def _sound(path, name):
    seed = sum(map(ord, name))
    soundfile.write(path, speech_like(2 + seed % 5 / 2, seed), SAMPLE_RATE)


def configure(folder, roots):
    """Return the full benchmark's config for a few clips of both corpora."""
    overlay = {
        "name": "gpu",
        "seeds": [688],
        "results": str(folder),
        "roots": {name: str(root) for name, root in roots.items()},
        "sources": {"st_train": {"size": 8}, "st_dev": {"size": 4}, "st_eval": {"size": 8, "ids": None}},
        "models": {name: {"published": {"training": {"epochs": 1}}} for name in MODELS},
        "robustness": {"perturbations": []},
        "select": {"splits": list(SPLITS), "models": list(MODELS), "detectors": list(DETECTORS)},
    }
    path = folder / "overlay.yaml"
    path.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return load_config(CONFIG / "st_codecfake.yaml", path, folder=CONFIG)


def draw(config, results):
    """Index the corpora, draw the source sets and write their real speech."""
    folders = inputs.folders(config)
    indexes = {name: results / "corpora" / f"{name}.parquet" for name in selection.corpora(config)}
    for name, path in indexes.items():
        index_corpus(name, config["corpora"][name], folders[name], path)
    for source_set in selection.source_sets(config):
        pool = inputs.pool(config, source_set)
        names = dict.fromkeys(corpus for options in pool.values() for corpus in options["corpora"])
        table = results / "sources" / f"{source_set}.parquet"
        sample_sources(source_set, [indexes[name] for name in names], pool, config["seed"], table)
        for shard in sharding.shards(config, source_set):
            write_real(table, shard, inputs.codec(config, "real"), _audio(results, source_set, "real", shard), folders)


def _audio(results, source_set, codec, shard):
    return results / "audio" / source_set / codec / f"{shard}.parquet"


def codec_job(config, results, pair, weights, device):
    """Make a codec's shards of a source set and return how many."""
    torch.set_num_threads(1) if device == "cpu" else None
    source_set, codec = pair
    found = sharding.shards(config, source_set)
    for shard in found:
        real = _audio(results, source_set, "real", shard)
        out = _audio(results / device, source_set, codec, shard)
        resynthesize(real, codec, inputs.codec(config, codec), weights, out, config["seed"], device)
    return len(found)


def feature_job(config, results, name, pair, weights, device, audio):
    """Compute the features *name* of *audio*'s shards of a pair on *device*."""
    torch.set_num_threads(1) if device == "cpu" else None
    source_set, codec = pair
    entry = inputs.facts(config["frontends"][name])
    frontend = registry.load("frontends", entry.get("module", name))(entry, weights, device)
    for shard in sharding.shards(config, source_set):
        path = _audio(audio, source_set, codec, shard)
        compute_features(path, frontend, feature_path(results, name, f"{source_set}/{codec}/{shard}.parquet"))


def make_audio(box, config, results, pairs, pool):
    """Send the shards of *pairs* through their codecs on the device; return the CPU's jobs, which *pool* works on."""
    files = {name: box.folder / "weights" / case / "codec.safetensors" for name, case in CASES.items()}
    made = [pair for pair in pairs if pair[1] != "real"]
    jobs = [pool.submit(codec_job, config, results, pair, files[pair[1]], "cpu") for pair in made]
    for pair in made if box.device != "cpu" else ():
        codec_job(config, results, pair, files[pair[1]], box.device)
    for source_set in (source_set for source_set, codec in pairs if codec == "real"):
        place = results / box.device / "audio" / source_set
        place.mkdir(parents=True, exist_ok=True)
        (place / "real").symlink_to(results / "audio" / source_set / "real")
    for job in jobs if box.device == "cpu" else ():
        job.result()
    return jobs


def make_models(box, config, own, clock):
    """Train, score and rate on the device; return {model: largest difference of its logits on the CPU}."""
    apart, manifests = {}, {split: own / f"manifests/{split}.parquet" for split in SPLITS}
    for model in MODELS:
        entry, out = inputs.model(config, model), own / "models" / model
        scores = {split: own / f"scores/{model}/seed-688/{split}.parquet" for split in SPLITS}
        train(entry, model, 688, (manifests["train"], manifests["dev"]), own, out, machine=Machine(box.device))
        for split in SPLITS:
            score(out, manifests[split], own, scores[split], device=box.device)
        for name in DETECTORS:
            rated, rating = [scores[split] for split in SPLITS[2:]], own / f"ood/{model}/{name}.parquet"
            detect(name, config["detectors"][name], scores["train"], rated, rating, scores["dev"])
        clock(f"{model}: train, score, rate")
        again = own / f"again-{model}.parquet"
        score(out, manifests["eval_id"], own, again, device="cpu")
        apart[model] = np.abs(read_scores(again).logits - read_scores(scores["eval_id"]).logits).max()
        clock(f"{model}: score eval_id on the CPU")
    return apart


def compare_audio(box, config, results, pairs):
    """Print a row for every codec: clips, those that agree, the largest difference of these and of all."""
    box.say("\n| codec | clips | within 0.001 | largest difference of these | of all |\n|---|---|---|---|---|")
    for codec in dict.fromkeys(codec for _, codec in pairs if codec != "real"):
        apart = []
        for source_set in (one for one, other in pairs if other == codec):
            for shard in sharding.shards(config, source_set):
                files = [_audio(results / device, source_set, codec, shard) for device in ("cpu", box.device)]
                both = zip(*map(iter_clips, files), strict=True)
                apart += [np.abs(one - other).max() for (_, one), (_, other) in both if one is not None]
        close = [value for value in apart if value <= CLOSE]
        shown = f"{max(close):.1e}" if close else "-"
        box.say(f"| {codec} | {len(apart)} | {len(close)} | {shown} | {max(apart):.1e} |")


def run(box):
    """Print what differs between the device and the CPU, and the device's times by stage."""
    folder = Path(box.folder, "run")
    results, own = folder / "gpu", folder / "gpu" / box.device
    own.mkdir(parents=True)
    config = configure(folder, box.roots or corpora(folder))
    dict(weights_of(box, list(CASES.values())))
    clock = _Clock(box)
    draw(config, results)
    clock("index, draw, real speech")
    pairs = list(dict.fromkeys(pair for split in SPLITS for pair in selection.pairs(config, split)))
    frontends = dict.fromkeys(config["models"][name]["frontend"] for name in MODELS)
    frontends["xlsr_layer5"] = xlsr(box.folder / "xlsr.safetensors")
    with ProcessPoolExecutor(max(box.cores - 2, 1), multiprocessing.get_context("spawn")) as pool:
        jobs = make_audio(box, config, results, pairs, pool)
        clock("resynthesis")
        for name, weights in frontends.items():
            for pair in pairs:
                feature_job(config, own, name, pair, weights, box.device, own)
        clock("features")
        few = pairs[:2], results / "again", frontends["xlsr_layer5"]
        jobs += [pool.submit(feature_job, config, few[1], "xlsr_layer5", pair, few[2], "cpu", own) for pair in few[0]]
        for split in SPLITS:
            pattern = str(own / "audio/{source_set}/{codec}/{shard}.parquet")
            shards = sharding.pair_files(config, pattern, selection.pairs(config, split))
            write_manifest(split, config["splits"][split], shards, own / "audio", own / f"manifests/{split}.parquet")
        apart = make_models(box, config, own, clock)
        for job in jobs:
            job.result()
    clock("the CPU's shards, waited for")
    compare_audio(box, config, results, pairs)
    box.say(f"\nXLS-R features, relative difference: {_apart(results / 'again', own, config, few[0]):.1e}")
    for model, difference in apart.items():
        box.say(f"{model}, logits of eval_id, largest difference: {difference:.1e}")
    return True


def _apart(one, other, config, pairs):
    """Return the relative difference of the XLS-R features of two results."""
    paths = [f"{s}/{c}/{shard}.parquet" for s, c in pairs for shard in sharding.shards(config, s)]
    both = [
        np.concatenate([np.load(feature_path(root, "xlsr_layer5", path)).astype(np.float32) for path in paths])
        for root in (one, other)
    ]
    return float(np.linalg.norm(both[0] - both[1]) / np.linalg.norm(both[1]))


class _Clock:
    """Says how long each stage took."""

    def __init__(self, box):
        self.box, self.last = box, time.monotonic()

    def __call__(self, stage):
        now = time.monotonic()
        self.box.say(f"{stage}: {now - self.last:.1f} s")
        self.last = now
