"""From source sets to shards of clips: real speech at 16 kHz first, then every codec on top of it."""

import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ncst import registry
from ncst.audio.delay import estimate_delay_ms
from ncst.audio.workers import Workers, default_count
from ncst.core.memory import keep_freed_memory
from ncst.core.seeds import seed_of
from ncst.core.threads import ahead
from ncst.core.waveforms import LONGEST, SILENCE_DB, UnusableAudio, read_audio, resample, rms_db
from ncst.errors import NcstError
from ncst.formats.shards import (
    COLUMNS,
    clip_id,
    clipped_note,
    codec_columns,
    failed_columns,
    ok_columns,
    read_rows,
    samples_of,
    write_shard,
)
from ncst.formats.sources import read_shard

log = logging.getLogger(__name__)

AHEAD = 2  # batches for each worker that it has or will have, and as many that are being written
CLIPS_AHEAD = 64  # that are read before their batch is due, where several threads read
FIRST = 8  # clips on which a precision below fp32 is measured


def write_real(sources_path, shard, entry, out, roots, min_duration=0.5, max_duration=LONGEST, threads=1):
    """Write one shard of real speech: every utterance decoded, mixed to mono and resampled to 16 kHz, level untouched.

    A recording beyond full scale, which 16-bit files cannot hold, is scaled to it, and its reason says so.
    An utterance that cannot be used becomes a row with status ``failed`` and a reason, without audio. A spoof
    whose codec the corpus names keeps that codec, its taxonomy labels and the id of the utterance behind it.

    Parameters
    ----------
    sources_path : path
        The source set's table.
    shard : str
        Shard id, e.g. ``00000-of-00002``.
    entry : dict
        The ``real`` entry of ``config/codecs.yaml``.
    out : path
        The shard to write.
    roots : dict of str to path
        Corpora and the folders that the paths of the table start from.
    min_duration, max_duration : float
        Shorter and longer clips, in seconds, are failures; no more than that of a file is read.
    threads : int
        Files read at a time.
    """
    rows = read_shard(sources_path, shard)

    def clip(row):
        spoof = row["kind"] == "spoof"
        result = {k: row[k] for k in ("utt_id", "source_set", "corpus", "speaker", "language", "gender")}
        result |= codec_columns("real", entry, label=None if spoof else entry["class_id"], traced=not spoof)
        result["clip_id"] = clip_id("real", row["utt_id"])
        if row.get("codec"):
            result |= {key: row[key] for key in ("codec", "vq", "aux", "dec")}
            result["utt_id"] = row["parent"] or row["utt_id"]
        try:
            samples, rate = read_audio(Path(roots[row["corpus"]], row["path"]), max_duration)
            notes = [row["reason"]] if row["reason"] else []
            peak = float(np.abs(samples).max())
            if peak > 1:
                samples = samples / np.float32(peak)
                notes.append(f"peak of {peak:.4g}, scaled to full scale")
            samples = resample(samples, rate)
            if len(samples) < min_duration * 16_000:
                raise UnusableAudio(f"shorter than {min_duration:g} s")
            if rms_db(samples) < SILENCE_DB:
                raise UnusableAudio(f"silent (below {SILENCE_DB:g} dB)")
        except UnusableAudio as error:
            return result | failed_columns(str(error), row["sample_rate"])
        return result | ok_columns(samples, rate, delay_ms=0.0) | {"reason": "; ".join(notes) or None}

    with ThreadPoolExecutor(threads) as pool:
        clips = list(pool.map(clip, rows))
    _report(out, clips)
    write_shard(out, clips)


def resynthesize(real_path, name, entry, weights, out, seed, device="cpu", max_failed=0.01, workers=None, threads=1):
    """Pass one shard of real speech through a codec and write the codec's shard, row for row.

    Parameters
    ----------
    real_path : path
        The shard of real speech.
    name, entry : str, dict
        The codec's name and its entry as `ncst.plan.entries.codec_entry` returns it.
    weights : path or None
        Its weight file.
    out : path
        The shard to write; a precision below fp32 is measured on its first clips and noted in it.
    seed : int
        Seed of random decoders; each clip's own seed also depends on its name.
    device : str
        Where the network runs.
    max_failed : float
        Largest tolerated share of clips that the codec itself fails on.
    workers : int or None
        Networks at work at a time, which change no clip; by default as many as suit *device*.
    threads : int
        Clips that are read, resampled or written at a time.

    Raises
    ------
    NcstError
        If more clips than that fail; nothing is written then.
    """
    keep_freed_memory()
    made_of = entry.get("module", name), entry, weights, device
    codec = registry.load("codecs", made_of[0])(*made_of[1:])
    rows = read_rows(real_path, [*COLUMNS, "audio"])
    usable = sorted((i for i, row in enumerate(rows) if row["audio"]), key=lambda i: rows[i]["duration"])
    results = [failed_columns(row["reason"], row["native_rate"]) for row in rows]

    def prepare(i):
        clip = samples_of(rows[i]["audio"])
        return (i, clip), codec.prepare(clip)

    def finish(i, clip, decoded):
        results[i] = _checked(codec.finish(decoded, len(clip)), clip, rows[i])

    count = workers or default_count(codec, sum(rows[i]["duration"] for i in usable))
    with ThreadPoolExecutor(threads + 1) as pool, Workers(codec, made_of, count) as networks:
        running, written = deque(), deque()

        def collect():
            batch, started = running.popleft()
            decoded = networks.result(started)
            written.append([pool.submit(finish, *key, x) for (key, _), x in zip(batch, decoded, strict=True)])
            if len(written) > AHEAD * count:
                _wait(written.popleft())

        for batch in codec.batched(ahead(pool, prepare, usable, CLIPS_AHEAD if threads > 1 else AHEAD)):
            seeds = [seed_of(seed, name, rows[i]["utt_id"]) for (i, _), _ in batch]
            running.append((batch, networks.start([audio for _, audio in batch], seeds)))
            if len(running) >= AHEAD * count:
                collect()
        while running:
            collect()
        for jobs in written:
            _wait(jobs)
    failed = [i for i in usable if results[i]["status"] != "ok"]
    if len(failed) > max_failed * len(usable):
        first = rows[failed[0]]["utt_id"]
        raise NcstError(
            f"The codec {name!r} failed on {len(failed)} of {len(usable)} clips of {Path(real_path).name} "
            f"(first {first}: {results[failed[0]]['reason']}): check its weights, or raise `max_failed`."
        )
    columns = codec_columns(name, entry, entry["class_id"], traced=True)
    kept = ("utt_id", "source_set", "corpus", "speaker", "language", "gender")
    written = [{k: row[k] for k in kept} | columns | result for row, result in zip(rows, results, strict=True)]
    _report(out, written)
    notes = {}
    if networks.halved:
        notes["batch"] = {"size": max(networks.halved), "held": min(networks.halved) // 2, "halved": networks.halved}
    if codec.precision != "fp32" and usable:
        first = [samples_of(rows[i]["audio"]) for i in sorted(usable)[:FIRST]]
        notes["precision"] = codec.difference([codec.prepare(clip) for clip in first])
        log.info("%s: %s", out, notes)
    write_shard(out, [row | {"clip_id": clip_id(name, row["utt_id"])} for row in written], notes)


def _wait(jobs):
    for job in jobs:
        job.result()


def _checked(samples, real, row):
    if len(samples) != len(real):
        return failed_columns(f"codec returned {len(samples)} samples for {len(real)}", row["native_rate"])
    if not np.isfinite(samples).all():
        return failed_columns("codec returned NaN or infinity", row["native_rate"])
    if rms_db(samples) < SILENCE_DB:
        return failed_columns("codec returned silence", row["native_rate"])
    columns = ok_columns(samples, row["native_rate"], estimate_delay_ms(real, samples))
    return columns | {"reason": "; ".join(filter(None, (row["reason"], clipped_note(samples)))) or None}


def _report(out, rows):
    failed = [row for row in rows if row["status"] != "ok"]
    log.info("%s: %d clips, %d failed", out, len(rows), len(failed))
    for row in failed:
        log.warning("%s: %s", row["utt_id"], row["reason"])
