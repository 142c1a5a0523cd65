"""Clips whose lengths follow VCTK and AISHELL-3, as shards and as files."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soundfile
from signals import speech_like

from ncst.core.waveforms import SAMPLE_RATE, encode_flac, read_audio, resample
from ncst.formats.shards import COLUMNS, write_shard

# Deciles of the durations in s of 320 recordings of each corpus.
DECILES = {
    "vctk": [2.17, 2.89, 3.15, 3.36, 3.52, 3.83, 4.17, 4.66, 5.40, 8.55, 15.34],
    "aishell3": [2.52, 2.93, 3.09, 3.31, 3.55, 3.71, 4.07, 4.49, 4.93, 6.35, 10.30],
}
SUFFIXES = {"vctk": "*_mic1.flac", "aishell3": "*.wav"}
SOUNDS, LONGEST = 64, 16.0


def durations(count):
    """Return *count* durations in s, half of each corpus; the first of them are drawn like all of them."""
    places = 10 * (np.arange(count) * 0.6180339887 % 1)
    of_corpora = np.stack([np.interp(places, range(11), deciles) for deciles in DECILES.values()])
    return of_corpora[np.arange(count) % 2, range(count)]


def sounds(roots):
    """Return `SOUNDS` sounds of `LONGEST` s at 16 kHz: recordings under *roots* in a row, or made ones."""
    found = [itertools.islice(sorted(root.rglob(SUFFIXES[name])), 4 * SOUNDS) for name, root in roots.items()]
    files = [file for pair in itertools.zip_longest(*found) for file in pair if file]
    if not files:
        return [speech_like(LONGEST, seed) for seed in range(SOUNDS)]
    with ThreadPoolExecutor() as pool:
        clips = list(pool.map(lambda file: resample(*read_audio(file)), files))
    whole = np.concatenate(clips)
    samples = round(LONGEST * SAMPLE_RATE)
    starts = np.arange(SOUNDS) * (len(whole) // SOUNDS)
    return [np.take(whole, range(start, start + samples), mode="wrap") for start in starts]


def make(count, roots):
    """Return *count* (T,) float32 clips at 16 kHz."""
    source = sounds(roots)
    shifts = np.random.default_rng(0).integers(0, len(source[0]), count)
    return [
        np.roll(source[i % SOUNDS], shift)[: round(seconds * SAMPLE_RATE)]
        for i, (seconds, shift) in enumerate(zip(durations(count), shifts))
    ]


def rows(clips):
    """Return *clips* as rows of a shard of real speech."""
    with ThreadPoolExecutor() as pool:
        encoded = list(pool.map(encode_flac, clips))
    facts = {"codec": "real", "label": 0, "native_rate": SAMPLE_RATE, "status": "ok", "corpus": "made", "speaker": "s"}
    return [
        dict.fromkeys(COLUMNS)
        | facts
        | {"utt_id": f"{i:05d}", "clip_id": f"{i:05d}", "duration": len(clip) / SAMPLE_RATE, "audio": audio}
        for i, (clip, audio) in enumerate(zip(clips, encoded))
    ]


def shard(path, all_rows, count):
    """Write the first *count* of *all_rows* as the shard *path* and return it and its seconds of audio."""
    if not path.is_file():
        write_shard(path, all_rows[:count])
    return path, sum(row["duration"] for row in all_rows[:count])


def files(folder, clips):
    """Write *clips* as WAV files and return their paths."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{i:05d}.wav" for i in range(len(clips))]
    for path, clip in zip(paths, clips):
        soundfile.write(path, clip, SAMPLE_RATE)
    return paths
