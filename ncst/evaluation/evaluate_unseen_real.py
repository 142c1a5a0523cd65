"""Unseen real speech: how often a model takes it for real, what else it takes it for, and on which speech."""

import itertools
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ncst.core.files import atomic
from ncst.errors import NcstError
from ncst.evaluation import bootstrap
from ncst.formats.scores import read_scores, refuse_repeats

NAMED = {"corpus": "Corpus", "language": "Language", "gender": "Gender", "speaker": "Speaker"}
BINNED = {
    "seconds": ("Duration", "s", (2, 4, 8), 1),
    "snr_db": ("Speech over noise floor", "dB", (20, 30, 40, 50), 1),
    "bandwidth_hz": ("Bandwidth", "kHz", (2, 3, 4, 6), 1000),
}


def evaluate(scores, measures, corpora, title, out, draw=688, resamples=bootstrap.RESAMPLES):
    """Write what one model makes of real speech that it has not seen, by what is known of the speech.

    Parameters
    ----------
    scores : dict of str to path
        Score file of each split of real speech.
    measures : dict of str to path
        Measures of the same clips, as `ncst.evaluation.measure_clips.measure_clips` writes.
    corpora : dict of str to str
        Titles of the corpora.
    title : str
        The model's.
    out : path
        JSON: ``by``, a mapping of factor (corpus, language, gender, speaker, duration, speech over noise floor,
        bandwidth) to its groups, each with ``n``, ``accuracy`` (an interval) and ``predicted``, clips per class.
    draw : int
        Seed of the bootstrap.
    resamples : int

    Raises
    ------
    NcstError
        If a file is damaged or the files do not hold the same clips.
    """
    right, utterances, predicted, factors = [], [], [], {}
    for split, path in scores.items():
        found = read_scores(path)
        order, facts = _facts(found, measures[split])
        right.append(found.predicted() == found.positions())
        utterances.append(found.utt_id)
        predicted.append(found.predicted())
        groups = {
            name: np.array([corpora.get(value, value) or "unknown" for value in facts[key]])
            for key, name in NAMED.items()
        }
        groups |= {name: _bins(facts[key] / scale, limits, unit) for key, (name, unit, limits, scale) in BINNED.items()}
        for name, values in groups.items():
            factors.setdefault(name, []).append(values[order])
    right, utterances, predicted = (np.concatenate(parts) for parts in (right, utterances, predicted))
    by = {name: {} for name in factors}
    for name, parts in factors.items():
        values = np.concatenate(parts)
        for group in _in_order(name, values):
            members = values == group
            counts = np.bincount(predicted[members], minlength=len(found.classes))
            accuracy = bootstrap.mean(
                right[members].astype(float), utterances[members], draw, name, group, resamples=resamples
            )
            by[name][group] = {"n": int(members.sum()), "accuracy": accuracy, "predicted": counts.tolist()}
    about = json.loads(pq.read_schema(path).metadata[b"ncst"])
    result = {
        "model": about["model"],
        "title": title,
        "seed": about["seed"],
        "class_names": found.class_names,
        "by": by,
    }
    with atomic(out) as temporary:
        temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")


def _facts(scores, path):
    """Return the rows of the clips of *scores* in the measures *path*, and its columns."""
    try:
        table = pq.read_table(path, columns=["clip_id", *NAMED, *BINNED])
    except (OSError, pa.ArrowException) as error:
        raise NcstError(f"{path} holds no measures of clips: delete it and run again ({error}).") from error
    clips = table["clip_id"].to_numpy()
    refuse_repeats(path, clips)
    order = {clip: row for row, clip in enumerate(clips)}
    if order.keys() != {*scores.clip_id}:
        raise NcstError(f"{path} and {scores.path} do not hold the same clips: delete both and run again.")
    return [order[clip] for clip in scores.clip_id], {name: table[name].to_numpy() for name in (*NAMED, *BINNED)}


def _labels(limits, unit):
    inner = [f"{low}–{high} {unit}" for low, high in itertools.pairwise(limits)]
    return [f"< {limits[0]} {unit}", *inner, f"≥ {limits[-1]} {unit}"]


def _bins(values, limits, unit):
    return np.array(_labels(limits, unit))[np.digitize(values, limits)]


def _in_order(name, values):
    """Return the distinct *values* of a factor: bins ascending, names by alphabet."""
    for title, unit, limits, _ in BINNED.values():
        if title == name:
            return [label for label in _labels(limits, unit) if label in values]
    return sorted(set(values))
