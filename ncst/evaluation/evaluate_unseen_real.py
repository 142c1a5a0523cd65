"""Unseen real speech: how often a model takes it for real, what else it takes it for, and on which speech."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ncst.core.files import PathLike
from ncst.errors import NcstError
from ncst.evaluation import bootstrap
from ncst.formats.findings import UNSEEN_REAL
from ncst.formats.measures import read_measures
from ncst.formats.scores import read_scores

NAMED = {"corpus": "Corpus", "language": "Language", "gender": "Gender", "speaker": "Speaker"}
BINNED = {
    "seconds": ("Duration", "s", (2, 4, 8), 1),
    "snr_db": ("Speech over noise floor", "dB", (20, 30, 40, 50), 1),
    "bandwidth_hz": ("Bandwidth", "kHz", (2, 3, 4, 6), 1000),
}


def evaluate_unseen_real(
    scores: Mapping[str, PathLike],
    measures: Mapping[str, PathLike],
    out: PathLike,
    draw: int = 688,
    resamples: int = bootstrap.RESAMPLES,
    speakers: Mapping[str, str] | None = None,
) -> None:
    """Write what one model makes of real speech that it has not seen, by what is known of the speech.

    Parameters
    ----------
    scores : dict of str to path
        Score file of each split of real speech.
    measures : dict of str to path
        Measures of the same clips, as `ncst.evaluation.measure_clips.measure_clips` writes.
    out : path
        JSON: ``by``, a mapping of factor (corpus, language, gender, speaker, duration, speech over noise floor,
        bandwidth) to its groups, each with ``n``, ``accuracy`` (an interval) and ``predicted``, clips per class.
    draw : int
        Seed of the bootstrap.
    resamples : int
    speakers : dict of str to str, optional
        Utterance to its speaker, where the bootstrap resamples speakers first; those of one speaker are utterances.

    Raises
    ------
    NcstError
        If a file is damaged or the files do not hold the same clips.
    """
    read = [read_scores(path) for path in scores.values()]
    parts = [_factors(found, measures[split]) for split, found in zip(scores, read)]
    right = np.concatenate([found.predicted() == found.positions() for found in read]).astype(float)
    utterances, predicted = (np.concatenate(each) for each in zip(*((f.utt_id, f.predicted()) for f in read)))
    by: dict[str, dict[str, Any]] = {name: {} for name in parts[0]}
    clusters = bootstrap.clustered(utterances, speakers)
    for name, groups in by.items():
        named = utterances if name == NAMED["speaker"] else clusters
        values = np.concatenate([part[name] for part in parts])
        for group in _in_order(name, values):
            members = values == group
            groups[group] = {
                "n": int(members.sum()),
                "accuracy": bootstrap.mean(right[members], named[members], draw, name, group, resamples=resamples),
                "predicted": np.bincount(predicted[members], minlength=len(read[0].classes)).tolist(),
            }
    run = read[0]
    about = {"model": run.model, "title": run.model, "seed": run.seed, "class_names": run.class_names}
    UNSEEN_REAL.write(out, about | {"by": by})


def _factors(scores, path):
    """Return ``{factor: (N,) group of each clip}`` of the clips of *scores*, from their measures in *path*."""
    facts = read_measures(path, ("clip_id", *NAMED, *BINNED))
    order = {clip: row for row, clip in enumerate(facts["clip_id"])}
    if order.keys() != {*scores.clip_id}:
        raise NcstError(f"{path} and {scores.path} do not hold the same clips: delete both and run again.")
    rows = [order[clip] for clip in scores.clip_id]
    named = {name: np.array([value or "unknown" for value in facts[key][rows]]) for key, name in NAMED.items()}
    return named | {
        name: _bins(facts[key][rows] / scale, limits, unit) for key, (name, unit, limits, scale) in BINNED.items()
    }


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
