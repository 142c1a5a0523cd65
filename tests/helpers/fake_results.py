"""A small, valid results folder, made in a second: three models, ten codecs, speech-like audio."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
from helpers import fake_run as fake
from helpers import manifests
from helpers.fake_run import LABELS, MODELS, NASTY, SEED, SHARDS, TAXONOMY
from scipy.signal import butter, lfilter, sosfilt

from ncst.core.waveforms import SAMPLE_RATE, encode_flac, fit_length, rms_db
from ncst.formats.findings import ROBUSTNESS, SHORTCUTS, UNSEEN_REAL
from ncst.formats.index import write_index
from ncst.formats.maps import write_map
from ncst.formats.metrics import METRICS
from ncst.formats.shards import clip_id, write_shard
from ncst.formats.sources import write_sources
from ncst.plan import paths
from ncst.plan.paths import place
from ncst.report.tables.write_tables import write_tables


def speech(generator, seconds):
    """Return (T,) float32 audio with a moving pitch, formants and pauses: speech-like enough to look at."""
    n = int(seconds * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    pitch = generator.uniform(95, 210) * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * t) + 0.05 * np.sin(2 * np.pi * 5 * t))
    phase = np.cumsum(pitch) / SAMPLE_RATE
    excitation = np.diff(np.floor(phase), prepend=0) + 0.02 * generator.standard_normal(n)
    out = np.zeros(n)
    for start in range(0, n, SAMPLE_RATE // 6):
        stop = min(n, start + SAMPLE_RATE // 6)
        piece = excitation[start:stop]
        for centre, width in zip(
            generator.uniform((250, 800, 2000, 3200), (800, 2200, 3000, 4500)), (80, 120, 180, 250)
        ):
            r = np.exp(-np.pi * width / SAMPLE_RATE)
            piece = lfilter([1 - r], [1, -2 * r * np.cos(2 * np.pi * centre / SAMPLE_RATE), r * r], piece)
        out[start:stop] = piece * (generator.random() > 0.15) * np.hanning(stop - start) ** 0.3
    return (0.4 * out / np.abs(out).max()).astype(np.float32)


def through(codec, samples, generator):
    """Return *samples* with a codec-like trace: band limit, quantisation and noise that depend on the codec."""
    if codec == "real":
        return samples
    index = list(TAXONOMY).index(codec)
    cut = butter(6, min(7600, 2800 + 480 * index), fs=SAMPLE_RATE, output="sos")
    steps = 2 ** (4 + index % 5)
    coarse = np.round(np.sign(samples) * np.sqrt(np.abs(samples)) * steps) / steps
    noisy = np.sign(coarse) * coarse**2 + 10 ** (-3.2 + 0.06 * index) * generator.standard_normal(len(samples))
    return fit_length(sosfilt(cut, np.roll(noisy, 8 * index)) * (0.8 + 0.03 * index), len(samples)).astype(np.float32)


def _sources(per_shard):
    rows, generator = [], np.random.default_rng(SEED)
    for shard in SHARDS:
        for row in range(per_shard):
            i = len(rows)
            corpus, language = (("vctk", "en"), ("aishell3", "zh"))[i % 2]
            speaker = NASTY if i == 0 else f"{'p2' if corpus == 'vctk' else 'SSB00'}{i % 5:02d}"
            utt = f"{speaker}_{i:03d}"
            samples = speech(generator, 1.2 + 0.3 * (i % 4))
            rows.append(
                {
                    "utt_id": utt,
                    "corpus": corpus,
                    "speaker": speaker,
                    "language": language,
                    "gender": ("female", "male")[i % 3 == 0],
                    "text": None,
                    "path": f"/data/{utt}.wav",
                    "kind": "bonafide",
                    "subset": None,
                    "duration": len(samples) / SAMPLE_RATE,
                    "sample_rate": 48000,
                    "channels": 1,
                    "status": "ok",
                    "reason": None,
                    "source_set": "st_eval",
                    "shard": shard,
                    "row": row,
                    "samples": samples,
                }
            )
    return rows


def _write_audio(results, sources):
    clips = []
    for codec, taxonomy in TAXONOMY.items():
        for shard in SHARDS:
            members = [s for s in sources if s["shard"] == shard]
            rows = []
            for s in members:
                generator = np.random.default_rng(s["row"])
                failed = codec == "facodec" and s["row"] == 1
                samples = None if failed else through(codec, s["samples"], generator)
                rows.append(
                    {k: s[k] for k in ("utt_id", "source_set", "corpus", "speaker", "language", "gender", "duration")}
                    | dict(zip(("vq", "aux", "dec"), taxonomy, strict=True))
                    | {
                        "clip_id": clip_id(codec, s["utt_id"]),
                        "codec": codec,
                        "label": LABELS[codec],
                        "bitrate_kbps": 256.0 if codec == "real" else 3.2,
                        "native_rate": 16000,
                        "rms_db": None if failed else rms_db(samples),
                        "delay_ms": None if failed else LABELS[codec] / 2,
                        "status": "failed" if failed else "ok",
                        "reason": "output <silent>" if failed else None,
                        "audio": None if failed else encode_flac(samples),
                    }
                )
            write_shard(place(results, paths.SHARD, source_set="st_eval", codec=codec, shard=shard), rows)
            file = f"st_eval/{codec}/{shard}.parquet"
            clips += [r | {"shard_file": file, "row": i} for i, r in enumerate(rows) if r["status"] == "ok"]
    return clips


def _write_manifests(results, clips, splits):
    for split, codecs in splits.items():
        rows = [clip | {"split": split} for clip in clips if clip["codec"] in codecs]
        manifests.write(place(results, paths.MANIFEST, split=split), rows)


def _write_run(results, model, seed, numbers):
    METRICS.write(place(results, paths.METRICS, model=model, seed=seed), numbers)
    folder = place(results, paths.MODEL, model=model, seed=seed)
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps({"name": model, "fingerprint": "c0ffee" * 8}), encoding="utf-8")
    with (folder / "curves.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["epoch", "train_loss", "dev_loss", "dev_macro_f1"])
        rate = 0.9 - 0.04 * list(MODELS).index(model) - 0.01 * (seed % 4)
        writer.writerows((e, 1.8 * rate**e, 1.7 * (rate + 0.02) ** e + 0.05, 1 - 0.7 * rate**e) for e in range(12))


def _write_map(results, model, seed, clips):
    generator = np.random.default_rng(seed)
    split = {"wavtokenizer": "ood_single", "dac": "ood_multi", "soundstream": "ood_multi"}
    rows = [
        {key: clip[key] for key in ("clip_id", "codec", "label", "corpus", "speaker")}
        | {"split": split.get(clip["codec"], "eval_id"), "x": float(x), "y": float(y)}
        for clip, (x, y) in zip(clips, generator.random((len(clips), 2), np.float32), strict=True)
    ]
    write_map(place(results, paths.MAP, model=model, seed=seed), pd.DataFrame(rows).astype({"x": "f4", "y": "f4"}))


def _write_benchmarks(results):
    for i, name in enumerate(
        ("resynthesize/st_eval/encodec/00000", "resynthesize/st_eval/snac/00000", "train/aasist/seed-688")
    ):
        path = results / "benchmarks" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"s": 61.5 + i, "h:m:s": "0:01:01", "max_rss": 812.0 + i, "cpu_time": 55.0}) + "\n")


def write(folder, *, alm=True, ood=True, refused=False, per_shard=6):
    """Write a results folder under *folder* and return its path.

    `alm` and `ood` leave these parts out when false; `refused` makes the first model too weak for detectors.
    """
    results = Path(folder) / "results" / "demo"
    sources = _sources(per_shard)
    clips = _write_audio(results, sources)
    index = [{k: v for k, v in s.items() if k not in ("samples", "source_set", "shard", "row")} for s in sources]
    rejected = index[0] | {
        "utt_id": "p999_001",
        "status": "rejected",
        "reason": "not decodable: <bad> header",
        "duration": None,
    }
    for corpus in ("vctk", "aishell3"):
        rows = [r for r in [*index, rejected] if r["corpus"] == corpus]
        write_index(place(results, paths.INDEX, corpus=corpus), rows)
    drawn = [{k: v for k, v in s.items() if k != "samples"} for s in sources]
    out = place(results, paths.SOURCES, source_set="st_eval")
    write_sources(out, "st_eval", drawn, missing=["p362_001", "p362_002"])
    id_codecs = list(TAXONOMY)[:7]
    splits = {
        "train": id_codecs,
        "eval_id": id_codecs,
        "id_config/encodec_3kbps": ["encodec_3kbps"],
        "unseen_real/vctk": ["real"],
    }
    splits |= {"alm/moshi": ["mimi"]} if alm else {}
    splits |= (
        {"ood_single": ["wavtokenizer"], "ood_multi": ["dac", "soundstream"], "ood_config/encodec": ["encodec_3kbps"]}
        if ood
        else {}
    )
    _write_manifests(results, clips, splits)
    for model in MODELS:
        for seed in (SEED, 689) if model == "aasist" else (SEED,):
            numbers = fake.metrics(model, seed, alm)
            if not ood:
                numbers |= {"ood": {}, "curves": {}}
            elif refused and model == "mel_lcnn":
                numbers |= {"ood": {"refused": "Its recall is <close> to guessing."}, "curves": {}}
            _write_run(results, model, seed, numbers)
            _write_map(results, model, seed, clips)
            if ood:
                ROBUSTNESS.write(place(results, paths.ROBUSTNESS, model=model, seed=seed), fake.robustness(model, seed))
            UNSEEN_REAL.write(place(results, paths.UNSEEN_REAL, model=model, seed=seed), fake.unseen_real(model, seed))
    METRICS.write(place(results, paths.METRICS, model="m1", seed=SEED), fake.tracer_metrics())
    audit = place(results, paths.SHORTCUTS)
    SHORTCUTS.write(audit, fake.shortcuts())
    found = [list(paths.find(results, part)) for part in (paths.METRICS, paths.ROBUSTNESS, paths.UNSEEN_REAL)]
    write_tables(found[0], results / paths.TABLES, None, found[1], audit, found[2])
    _write_benchmarks(results)
    return results
