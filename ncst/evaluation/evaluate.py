"""Evaluation: the metrics file of one model and seed, from its score and detector files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ncst.core.files import PathLike
from ncst.errors import NcstError
from ncst.evaluation.bootstrap import RESAMPLES, Interval, closed_set
from ncst.evaluation.calibration import at_bound, log_loss, published_ties, reliability, temperature
from ncst.evaluation.detector_metrics import detector_metrics
from ncst.evaluation.metrics import confusion, sweep, threshold_at
from ncst.evaluation.run_folders import ScoredRun
from ncst.formats.metrics import METRICS
from ncst.formats.ood import read_ood

CHANCE_MARGIN = 0.05


def evaluate(
    run: ScoredRun,
    splits: Mapping[str, Mapping[str, Any]],
    detectors: Sequence[str],
    out: PathLike,
    titles: Mapping[str, str] | None = None,
    draw: int = 688,
    resamples: int = RESAMPLES,
) -> None:
    """Write the metrics of one model and seed as JSON.

    Parameters
    ----------
    run : ncst.evaluation.run_folders.ScoredRun
    splits : dict
        Split name to its config entry (``title``, ``role``); the roles ``id``, ``single`` and ``ood`` are evaluated,
        clips of the role ``unlabelled`` are listed.
        With a split of the role ``dev`` the temperature and the thresholds of open-set decisions are chosen on it.
    detectors : list of str
        Keys of the detectors.
    out : path
        The file to write, see `ncst.formats.metrics`.
    titles : dict, optional
        Titles of the classes and codecs by the names in the score files.
    draw : int
        Seed of the bootstrap. Together with the split's name it fixes the resamples, so models, seeds and detectors
        are compared on the same ones.
    resamples : int
        Bootstrap resamples behind each interval.

    Raises
    ------
    NcstError
        If a file is missing or damaged, clips are missing or repeated, a split is empty or labels do not fit, or a
        detector gives every clip the same score.
    """
    titles = titles or {}
    names = {
        role: [name for name, entry in splits.items() if entry["role"] == role]
        for role in ("dev", "id", "single", "ood", "unlabelled")
    }
    if len(names["id"]) != 1:
        raise NcstError(
            f"Evaluation needs one split with the role id, not {names['id'] or 'none'}: see config/splits.yaml."
        )
    known = _read(run, names["id"][0], titles)
    dev = _read(run, names["dev"][0], titles, known) if names["dev"] else None
    within, closed = _within(known, draw, resamples)
    result: dict[str, Any] = {
        **run.names,
        "classes": known.classes,
        "class_names": known.class_names,
        "id": within,
        "calibration": _calibration(known, dev, draw, resamples) if run.posterior else {},
        "single": {},
        "detectors": {},
        "ood": {},
        "curves": {},
    }
    for name in names["single"]:
        tested = _read(run, name, titles, known)
        result["single"][name] = _single(splits[name]["title"], tested, draw, resamples)
    reason = refusal(closed["balanced_accuracy"], len(known.classes))
    assert run.ood is not None
    found = {name: read_ood(run.ood / f"{name}.parquet") for name in detectors}
    unfit = {name for name, ratings in found.items() if "unfit" in ratings.about}
    rated = {name: ratings for name, ratings in found.items() if not reason and name not in unfit}
    result["detectors"] = {name: ratings.about for name, ratings in found.items() if name in unfit or not reason}
    if reason:
        result["ood"] = {"refused": reason}
    else:
        for name in names["ood"]:
            tested = _read(run, name, titles, known)
            result["curves"][name], detected = _detected(known, tested, dev, rated, draw, resamples)
            result["ood"][name] = _outside(splits[name]["title"], titles, known, tested, detected)
    if names["unlabelled"]:
        result["unlabelled"] = {
            name: _listed(splits[name]["title"], _read(run, name, titles, known), known if dev is None else dev, rated)
            for name in names["unlabelled"]
        }
    METRICS.write(out, result)


def _read(run, split, titles, known=None):
    """Return the scores of *split* with titled classes, which are those of *known* if given."""
    found = run.read(split)
    if known and found.classes != known.classes:
        raise NcstError(
            f"{found.path} has the classes {found.classes} and {known.path} has {known.classes}: score both again."
        )
    return replace(found, class_names=[titles.get(name, name) for name in found.class_names])


def _within(known, draw, resamples):
    classes, truth, predicted = len(known.classes), known.positions(), known.predicted()
    closed = closed_set(truth, predicted, classes, known.clusters, draw, known.split, resamples=resamples)
    return {
        "split": known.split,
        "n": len(known),
        "macro_f1": closed["macro_f1"],
        "accuracy": closed["accuracy"],
        "per_class_f1": {str(c): value for c, value in zip(known.classes, closed["f1"])},
        "confusion": confusion(truth, predicted, classes).tolist(),
    }, closed


def _single(title, scores, draw, resamples):
    truth, predicted = scores.positions(), scores.predicted()
    if len(set(truth.tolist())) != 1:
        raise NcstError(
            f"{scores.path} holds several true classes, but its split has the role single: give it one label."
        )
    closed = closed_set(truth, predicted, len(scores.classes), scores.clusters, draw, scores.split, resamples=resamples)
    return {
        "title": title,
        "n": len(scores),
        "label": scores.classes[truth[0]],
        "label_name": scores.class_names[truth[0]],
        "accuracy": closed["accuracy"],
        "predicted": _counts(scores, predicted),
    }


def _listed(title, scores, judged, rated):
    """Return what model and detectors say of each clip; *unknown* is above what 95 % of the clips *judged* have."""
    limits = {name: threshold_at(sweep(ratings.of(judged), ratings.of(judged))) for name, ratings in rated.items()}
    return {
        "title": title,
        "n": len(scores),
        "predicted": _counts(scores, scores.predicted()),
        "clips": scores.clip_id.tolist(),
        "classes": np.asarray(scores.classes)[scores.predicted()].tolist(),
        "unknown": {name: (ratings.of(scores) > limits[name]).tolist() for name, ratings in rated.items()},
    }


def _calibration(known, dev, draw, resamples):
    """Return how far the known clips' probabilities are from frequencies, before and after a temperature from *dev*."""
    truth = known.positions()
    scales = {"": 1.0} | ({} if dev is None else {"_scaled": temperature(dev.logits, dev.positions())})
    result: dict[str, Any] = {"temperature": scales.get("_scaled"), "reliability": {}}
    result["published_ties"] = published_ties(known.logits)
    if dev is not None:
        result["at_bound"] = at_bound(scales["_scaled"])
    for suffix, scale in scales.items():
        logits = known.logits.astype(np.float64) / scale
        result[f"ece{suffix}"], result["reliability"][f"bins{suffix}"] = reliability(
            logits, truth, known.clusters, draw, known.split, resamples=resamples
        )
        result[f"nll{suffix}"] = log_loss(logits, truth)
    return result


def _detected(known, unknown, dev, rated, draw, resamples):
    """Return what `detector_metrics` says of each of the detectors *rated*: ``({name: curves}, {name: numbers})``."""
    taught = sorted(set(unknown.label.tolist()) & set(known.classes))
    if taught:
        raise NcstError(
            f"{unknown.path} holds clips of the classes {taught}, which the model was trained on, but its split has "
            "the role ood: give them a label of their own, or the split another role."
        )
    curves, detected = {}, {}
    for name, ratings in rated.items():
        inside, outside = ratings.of(known), ratings.of(unknown)
        if np.ptp(np.concatenate([inside, outside])) == 0:
            raise NcstError(
                f"{ratings.path} gives every clip of {known.split} and {unknown.split} the same score: check the model."
            )
        tried = None if dev is None else ratings.of(dev)
        detected[name], curves[name] = detector_metrics(
            inside, outside, known, unknown, tried, ratings.about.get("calibration"), draw, resamples
        )
    return curves, detected


def _outside(title, titles, known, unknown, detected):
    predicted = unknown.predicted()
    taken = {str(codec): _counts(unknown, predicted[unknown.codec == codec]) for codec in np.unique(unknown.codec)}
    return {
        "title": title,
        "n_id": len(known),
        "n_ood": len(unknown),
        "codecs": {codec: titles.get(codec, codec) for codec in taken},
        "detectors": detected,
        "predicted": taken,
    }


def _counts(scores, predicted):
    counts = np.bincount(predicted, minlength=len(scores.classes))
    return {str(c): int(count) for c, count in zip(scores.classes, counts)}


def refusal(recall: Interval, classes: int) -> str | None:
    """Return why the out-of-distribution numbers of a model of *classes* classes mean nothing, or None.

    *recall* is the interval of its balanced accuracy on known classes.
    """
    if recall["low"] > 1.0 / classes + CHANCE_MARGIN:
        return None
    return (
        f"On known classes the model's mean recall is {recall['value']:.1%} (95 % interval from {recall['low']:.1%}), "
        f"close to the {1 / classes:.1%} of guessing, so detectors would tell nothing: train it longer or on more data."
    )
