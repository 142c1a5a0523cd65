"""Evaluation of a taxonomy tracer: EER for bona fide, weighted F1 per class head, errors of the codec parameters."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ncst.core.files import atomic
from ncst.errors import NcstError
from ncst.evaluation import bootstrap
from ncst.evaluation.metrics import confusion
from ncst.formats.scores import matrix, refuse_repeats
from ncst.tracing.taxonomy import CLASSES, COLUMNS, PARAMETERS, bonafide_scores, labels, parameter_values


def evaluate(model, title, seed, splits, parameters, scores, out, draw=688, resamples=bootstrap.RESAMPLES):
    """Write the metrics of one taxonomy tracer and seed as JSON.

    Parameters
    ----------
    model, title : str
        The model's key and its title.
    seed : int
        The seed it was trained with.
    splits : dict of str to str
        Test split to its title.
    parameters : dict of str to dict
        Codec to its parameters (`ncst.plan.selection.codec_parameters`).
    scores : path
        Folder with ``<split>.parquet``.
    out : path
        The JSON file.
    draw : int
        Seed of the bootstrap over utterances.
    resamples : int
        Bootstrap resamples behind each interval.

    Raises
    ------
    NcstError
        If a score file is damaged, a label is missing, or a split has no bona fide speech or no spoof.
    """
    tested, heads = {}, {}
    for split, split_title in splits.items():
        path = Path(scores) / f"{split}.parquet"
        columns, logits, heads = _read(path)
        names = draw, split
        part = {"title": split_title, "n": len(columns["clip_id"])}
        bonafide = bonafide_scores(logits)
        if bonafide is not None:
            part["bin"] = _bonafide(path, columns, bonafide, names, resamples)
        for head in logits.keys() & set(COLUMNS):
            part[head] = _classes(path, columns, head, logits[head], heads[head], names, resamples)
        if "parameters" in logits:
            values = logits["parameters"] * heads["parameters"]["scale"] + heads["parameters"]["mean"]
            part["parameters"] = _parameters(path, columns, values, parameters, names, resamples)
        tested[split] = part
    result = {"model": model, "title": title, "seed": seed, "heads": heads, "taxonomy": tested}
    with atomic(out) as temporary:
        temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")


def _read(path):
    try:
        table = pq.read_table(path)
        heads = json.loads(table.schema.metadata[b"ncst"])["heads"]
        columns = {name: table[name].to_pylist() for name in ("clip_id", "utt_id", "codec", *COLUMNS)}
        logits = {head: matrix(path, table[f"{head}_logits"]) for head in heads}
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise NcstError(
            f"{path} is not a readable score file of a taxonomy tracer: delete it and score the model again ({error})."
        ) from error
    refuse_repeats(path, np.array(columns["clip_id"]))
    return columns, logits, heads


def _bonafide(path, columns, scores, names, resamples):
    real = labels(columns, "bin", path) == CLASSES["bin"].names.index("real")
    if real.all() or not real.any():
        raise NcstError(
            f"{path} has no clip of {'a codec' if real.all() else 'bona fide speech'}, so it has no equal error rate: "
            "give the split both in config/splits.yaml."
        )
    utterances = np.array(columns["utt_id"])
    rates = bootstrap.open_set(
        -scores[real], -scores[~real], utterances[real], utterances[~real], *names, resamples=resamples
    )
    return {"eer": rates["eer"], "auroc": rates["auroc"]}


def _classes(path, columns, head, logits, facts, names, resamples):
    outputs, truth, predicted = facts["outputs"], labels(columns, head, path), logits.argmax(1)
    metrics = bootstrap.closed_set(
        truth, predicted, len(outputs), np.array(columns["utt_id"]), *names, resamples=resamples
    )
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
    utterances = np.array(columns["utt_id"])[spoken]
    found = {}
    for place, name in enumerate(PARAMETERS):
        grid = np.log2(sorted({float(facts[name]) for facts in parameters.values()}))
        if len(grid) < 2 or not spoken.any():
            continue
        real, said = truth[spoken, place], predicted[spoken, place]
        steps = np.abs(_nearest(grid, said) - _nearest(grid, real))
        errors = {"mae": np.abs(2.0**said - 2.0**real), "nearest": steps == 0, "within_one": steps <= 1}
        found[name] = {
            key: bootstrap.mean(values.astype(float), utterances, *names, resamples=resamples)
            for key, values in errors.items()
        }
        found[name]["values"] = (2.0**grid).round(4).tolist()
    return found


def _nearest(grid, values):
    return np.abs(values[:, None] - grid).argmin(1)
