"""Evaluation: the metrics file of one model and seed, from its score and detector files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from ncst.core.files import atomic
from ncst.errors import NcstError
from ncst.evaluation.bootstrap import RESAMPLES, closed_set
from ncst.evaluation.calibration import log_loss, reliability, temperature
from ncst.evaluation.detector_metrics import detector_metrics
from ncst.evaluation.metrics import confusion
from ncst.formats.scores import aligned, read_ood, read_scores

CHANCE_MARGIN = 0.05


def evaluate(
    model,
    title,
    seed,
    splits,
    detectors,
    scores,
    ood,
    out,
    draw=688,
    resamples=RESAMPLES,
    posterior=True,
    titles=None,
):
    """Write the metrics of one model and seed as JSON.

    Parameters
    ----------
    model, title : str
        The model's key and its title.
    seed : int
        The seed it was trained with.
    splits : dict
        Split name to its config entry (``title``, ``role``); the roles ``id``, ``single`` and ``ood`` are evaluated.
        With a split of the role ``dev`` the temperature and the thresholds of open-set decisions are chosen on it.
    detectors : list of str
        Keys of the detectors.
    scores : path
        Folder with ``<split>.parquet``.
    ood : path
        Folder with ``<detector>.parquet``.
    out : path
        The JSON file.
    draw : int
        Seed of the bootstrap. Together with the split's name it fixes the resamples, so models, seeds and detectors
        are compared on the same ones.
    resamples : int
        Bootstrap resamples behind each interval.
    posterior : bool
        Whether the logits give class probabilities; else there is no ``calibration``.
    titles : dict, optional
        Titles of the classes and codecs by the names in the score files.

    Raises
    ------
    NcstError
        If a file is missing or damaged, clips are missing or repeated, a split is empty or labels do not fit, or a
        detector gives every clip the same score.
    """
    scores, ood = Path(scores), Path(ood)
    titles = titles or {}
    names = {
        role: [name for name, entry in splits.items() if entry["role"] == role]
        for role in ("dev", "id", "single", "ood")
    }
    if len(names["id"]) != 1:
        raise NcstError(
            f"Evaluation needs one split with the role id, not {names['id'] or 'none'}: see config/splits.yaml."
        )

    def titled(name):
        found = read_scores(scores / f"{name}.parquet")
        return replace(found, class_names=[titles.get(c, c) for c in found.class_names])

    known = titled(names["id"][0])

    def read(name):
        found = titled(name)
        if found.classes != known.classes:
            raise NcstError(
                f"{found.path} has the classes {found.classes} and {known.path} has {known.classes}: score both again."
            )
        return found

    dev = read(names["dev"][0]) if names["dev"] else None
    within, closed = _within(known, draw, resamples)
    result = {
        "model": model,
        "title": title,
        "seed": seed,
        "classes": known.classes,
        "class_names": known.class_names,
        "id": within,
        "calibration": _calibration(known, dev, draw, resamples) if posterior else {},
        "single": {},
        "detectors": {},
        "ood": {},
        "curves": {},
    }
    for name in names["single"]:
        result["single"][name] = _single(splits[name]["title"], read(name), draw, resamples)
    reason = refusal(closed["balanced_accuracy"], len(known.classes))
    if reason:
        result["ood"] = {"refused": reason}
    else:
        rated = {name: (ood / f"{name}.parquet", *read_ood(ood / f"{name}.parquet")) for name in detectors}
        result["detectors"] = {name: facts for name, (_, _, facts) in rated.items()}
        for name in names["ood"]:
            result["ood"][name], result["curves"][name] = _outside(
                splits[name]["title"], titles, known, read(name), dev, rated, draw, resamples
            )
    with atomic(out) as temporary:
        temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")


def _within(known, draw, resamples):
    classes, truth, predicted = len(known.classes), known.positions(), known.predicted()
    closed = closed_set(truth, predicted, classes, known.utt_id, draw, known.split, resamples=resamples)
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
    closed = closed_set(truth, predicted, len(scores.classes), scores.utt_id, draw, scores.split, resamples=resamples)
    return {
        "title": title,
        "n": len(scores),
        "label": scores.classes[truth[0]],
        "label_name": scores.class_names[truth[0]],
        "accuracy": closed["accuracy"],
        "predicted": _counts(scores, predicted),
    }


def _calibration(known, dev, draw, resamples):
    """Return how far the known clips' probabilities are from frequencies, before and after a temperature from *dev*."""
    truth = known.positions()
    scales = {"": 1.0} | ({} if dev is None else {"_scaled": temperature(dev.logits, dev.positions())})
    result = {"temperature": scales.get("_scaled"), "reliability": {}}
    for suffix, scale in scales.items():
        logits = known.logits / scale
        result[f"ece{suffix}"], result["reliability"][f"bins{suffix}"] = reliability(
            logits, truth, known.utt_id, draw, known.split, resamples=resamples
        )
        result[f"nll{suffix}"] = log_loss(logits, truth)
    return result


def _outside(title, titles, known, unknown, dev, rated, draw, resamples):
    taught = sorted(set(unknown.label.tolist()) & set(known.classes))
    if taught:
        raise NcstError(
            f"{unknown.path} holds clips of the classes {taught}, which the model was trained on, but its split has "
            "the role ood: give them a label of their own, or the split another role."
        )
    detectors, curves = {}, {}
    for name, (path, parts, facts) in rated.items():
        inside, outside = (_part(path, parts, scores) for scores in (known, unknown))
        if np.ptp(np.concatenate([inside, outside])) == 0:
            raise NcstError(
                f"{path} gives every clip of {known.split} and {unknown.split} the same score: check the model."
            )
        tried = None if dev is None else _part(path, parts, dev)
        detectors[name], curves[name] = detector_metrics(
            inside, outside, known, unknown, tried, facts.get("calibration"), draw, resamples
        )
    predicted = unknown.predicted()
    taken = {str(codec): _counts(unknown, predicted[unknown.codec == codec]) for codec in np.unique(unknown.codec)}
    return {
        "title": title,
        "n_id": len(known),
        "n_ood": len(unknown),
        "codecs": {codec: titles.get(codec, codec) for codec in taken},
        "detectors": detectors,
        "predicted": taken,
    }, curves


def _part(path, parts, scores):
    if scores.split not in parts:
        raise NcstError(f"{path} holds no scores of the split {scores.split}: run detection again.")
    return aligned(scores, path, *parts[scores.split])


def _counts(scores, predicted):
    counts = np.bincount(predicted, minlength=len(scores.classes))
    return {str(c): int(count) for c, count in zip(scores.classes, counts)}


def refusal(recall, classes):
    """Return why the out-of-distribution numbers of a model of *classes* classes mean nothing, or None.

    *recall* is the interval of its balanced accuracy on known classes.
    """
    if recall["low"] > 1.0 / classes + CHANCE_MARGIN:
        return None
    return (
        f"On known classes the model's mean recall is {recall['value']:.1%} (95 % interval from {recall['low']:.1%}), "
        f"close to the {1 / classes:.1%} of guessing, so detectors would tell nothing: train it longer or on more data."
    )
