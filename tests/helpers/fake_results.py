"""A small, valid results folder, made in a second: three models, ten codecs, speech-like audio."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from helpers.fake_run import (
    LABELS,
    MODELS,
    NASTY,
    SEED,
    SHARDS,
    TAXONOMY,
    metrics,
    robustness,
    shortcuts,
    tracer_metrics,
)
from helpers.fake_run import unseen_real as fake_unseen_real
from scipy.signal import butter, lfilter, sosfilt

from ncst.core.waveforms import SAMPLE_RATE, encode_flac, fit_length, rms_db
from ncst.formats.shards import clip_id, write_shard
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
            write_shard(results / "audio" / "st_eval" / codec / f"{shard}.parquet", rows)
            file = f"st_eval/{codec}/{shard}.parquet"
            clips += [r | {"shard_file": file, "row": i} for i, r in enumerate(rows) if r["status"] == "ok"]
    return clips


def _write_parquet(path, rows, **metadata):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows).replace_schema_metadata(metadata), path)


def _write_manifests(results, clips, splits):
    columns = [
        "clip_id",
        "utt_id",
        "label",
        "codec",
        "source_set",
        "corpus",
        "speaker",
        "language",
        "gender",
        "vq",
        "aux",
        "dec",
        "bitrate_kbps",
        "duration",
        "shard_file",
        "row",
    ]
    for split, codecs in splits.items():
        rows = [{c: clip[c] for c in columns} | {"split": split} for clip in clips if clip["codec"] in codecs]
        _write_parquet(results / "manifests" / f"{split}.parquet", rows)


def _write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _write_run(results, model, seed, numbers):
    _write_json(results / "metrics" / model / f"seed-{seed}.json", numbers)
    folder = results / "models" / model / f"seed-{seed}"
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
    _write_parquet(results / "maps" / model / f"seed-{seed}.parquet", rows)


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
        _write_parquet(results / "corpora" / f"{corpus}.parquet", rows)
    drawn = [{k: v for k, v in s.items() if k != "samples"} for s in sources]
    facts = {"source_set": "st_eval", "drawn": len(drawn), "missing": ["p362_001", "p362_002"], "replaced": []}
    _write_parquet(results / "sources" / "st_eval.parquet", drawn, ncst=json.dumps(facts))
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
            numbers = metrics(model, seed, alm)
            if not ood:
                numbers |= {"ood": {}, "curves": {}}
            elif refused and model == "mel_lcnn":
                numbers |= {"ood": {"refused": "Its recall is <close> to guessing."}, "curves": {}}
            _write_run(results, model, seed, numbers)
            _write_map(results, model, seed, clips)
            if ood:
                _write_json(results / "robustness" / model / f"seed-{seed}.json", robustness(model, seed))
            _write_json(results / "unseen_real" / model / f"seed-{seed}.json", fake_unseen_real(model, seed))
    _write_json(results / "metrics" / "m1" / f"seed-{SEED}.json", tracer_metrics())
    _write_json(results / "robustness/shortcuts.json", shortcuts())
    found = [sorted((results / part).glob("*/*.json")) for part in ("metrics", "robustness", "unseen_real")]
    write_tables(found[0], results / "tables", None, found[1], results / "robustness/shortcuts.json", found[2])
    _write_benchmarks(results)
    return results
