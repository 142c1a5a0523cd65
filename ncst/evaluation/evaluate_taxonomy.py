"""Evaluation of a taxonomy tracer: EER for bona fide, weighted F1 per class head, errors of the codec parameters."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ncst.core.files import PathLike
from ncst.errors import NcstError
from ncst.evaluation import bootstrap
from ncst.evaluation.metrics import confusion
from ncst.evaluation.run_folders import ScoredRun
from ncst.formats.metrics import METRICS
from ncst.formats.scores import read_tracer_scores
from ncst.tracing.taxonomy import CLASSES, COLUMNS, PARAMETERS, bonafide_scores, labels, parameter_values


def evaluate_taxonomy(
    run: ScoredRun,
    splits: Mapping[str, str],
    parameters: Mapping[str, Mapping[str, float]],
    out: PathLike,
    draw: int = 688,
    resamples: int = bootstrap.RESAMPLES,
) -> None:
    """Write the metrics of one taxonomy tracer and seed as JSON.

    Parameters
    ----------
    run : ncst.evaluation.run_folders.ScoredRun
    splits : dict of str to str
        Test split to its title.
    parameters : dict of str to dict
        Codec to its parameters (`ncst.plan.selection.codec_parameters`).
    out : path
        The file to write, see `ncst.formats.metrics`.
    draw : int
        Seed of the bootstrap over utterances.
    resamples : int
        Bootstrap resamples behind each interval.

    Raises
    ------
    NcstError
        If a score file is damaged, a label is missing, or a split has no bona fide speech or no spoof.
    """
    tested: dict[str, dict[str, Any]] = {}
    heads: dict[str, Any] = {}
    for split, title in splits.items():
        path = run.scores / f"{split}.parquet"
        columns, logits, heads = read_tracer_scores(path)
        named = columns | {"clusters": bootstrap.clustered(np.array(columns["utt_id"]), run.speakers)}
        part = {"title": title, "n": len(columns["clip_id"])}
        tested[split] = part | _tested(path, named, logits, heads, parameters, ((draw, split), resamples))
    METRICS.write(out, {**run.names, "heads": heads, "taxonomy": tested})


def _tested(path, columns, logits, heads, parameters, drawn):
    part, bonafide = {}, bonafide_scores(logits)
    if bonafide is not None:
        part["bin"] = _bonafide(path, columns, bonafide, *drawn)
    for head in (head for head in COLUMNS if head in logits):
        part[head] = _classes(path, columns, head, logits[head], heads[head], *drawn)
    if "parameters" in logits:
        values = logits["parameters"] * heads["parameters"]["scale"] + heads["parameters"]["mean"]
        part["parameters"] = _parameters(path, columns, values, parameters, *drawn)
    return part


def _bonafide(path, columns, scores, names, resamples):
    real = labels(columns, "bin", path) == CLASSES["bin"].names.index("real")
    if real.all() or not real.any():
        raise NcstError(
            f"{path} has no clip of {'a codec' if real.all() else 'bona fide speech'}, so it has no equal error rate: "
            "give the split both in config/splits.yaml."
        )
    utterances = columns["clusters"]
    rates = bootstrap.open_set(
        -scores[real], -scores[~real], utterances[real], utterances[~real], *names, resamples=resamples
    )
    return {"eer": rates["eer"], "auroc": rates["auroc"]}


def _classes(path, columns, head, logits, facts, names, resamples):
    outputs, truth, predicted = facts["outputs"], labels(columns, head, path), logits.argmax(1)
    metrics = bootstrap.closed_set(truth, predicted, len(outputs), columns["clusters"], *names, resamples=resamples)
    counts = confusion(truth, predicted, len(outputs))
    present = counts.sum(1) > 0
    codecs = np.array(columns["codec"])
    return {
        "weighted_f1": metrics["weighted_f1"],
        "accuracy": metrics["accuracy"],
        "per_class_f1": {name: ci for name, ci, there in zip(outputs, metrics["f1"], present) if there},
        "confusion": counts.tolist(),
        "untrained": [name for name, clips, there in zip(outputs, facts["clips"], present) if there and not clips],
        "by_codec": {
            str(codec): np.bincount(predicted[codecs == codec], minlength=len(outputs)).tolist()
            for codec in np.unique(codecs)
        },
    }


def _parameters(path, columns, predicted, parameters, names, resamples):
    """Compare (N, 4) log2 predictions with the codecs' parameters; one with a single value everywhere is left out."""
    truth = parameter_values(columns, parameters, path)
    spoken = ~np.isnan(truth[:, 0])
    utterances = columns["clusters"][spoken]
    found = {}
    for place, name in enumerate(PARAMETERS):
        grid = np.log2(sorted({float(facts[name]) for facts in parameters.values()}))
        if len(grid) < 2 or not spoken.any():
            continue
        real, said = truth[spoken, place], predicted[spoken, place]
        steps = np.abs(_nearest(grid, said) - _nearest(grid, real))
        errors = {"mae": np.abs(2.0**said - 2.0**real), "nearest": steps == 0, "within_one": steps <= 1}
        found[name] = {
            key: bootstrap.mean(values.astype(float), utterances, *names, share=key != "mae", resamples=resamples)
            for key, values in errors.items()
        }
        found[name]["values"] = (2.0**grid).round(4).tolist()
    return found


def _nearest(grid, values):
    return np.abs(values[:, None] - grid).argmin(1)
