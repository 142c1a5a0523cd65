"""Evaluation of robustness: F1 of the known classes and AUROC of each out-of-distribution split, cell by cell."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ncst.core.files import atomic
from ncst.errors import NcstError
from ncst.evaluation import bootstrap
from ncst.formats.scores import matrix


def evaluate(scores, metrics, cells, splits, out, draw=688, resamples=bootstrap.RESAMPLES):
    """Write the robustness of one model and seed as JSON.

    Parameters
    ----------
    scores : path
        What `ncst.evaluation.robustness.score_robustness` wrote.
    metrics : path
        The metrics file of the same model and seed: its title, and whether it is too weak for detectors.
    cells : dict of str to str
        Title of each cell, the unperturbed one first.
    splits : dict of str to dict
        Entries of the splits, one of the role ``id`` and those of the role ``ood``.
    out : path
    draw : int
        Seed of the bootstrap: the same resamples in every cell.
    resamples : int

    Raises
    ------
    NcstError
        If a file is damaged or they do not belong together.
    """
    try:
        table = pq.read_table(scores)
        about, run = json.loads(table.schema.metadata[b"ncst"]), json.loads(Path(metrics).read_text(encoding="utf-8"))
        cell, split, utterance, label = (table[name].to_numpy() for name in ("cell", "split", "utt_id", "label"))
        rated = {name: table[f"score_{name}"].to_numpy() for name in about["detectors"]}
        weak = run["ood"].get("refused")
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise NcstError(f"{scores} or {metrics} is damaged: delete it and run again ({error}).") from error
    classes, predicted = np.asarray(about["classes"]), matrix(scores, table["logits"]).argmax(axis=1)
    order = np.argsort(classes)
    (inside,) = (name for name, entry in splits.items() if entry["role"] == "id")
    result = {"model": about["name"], "title": run["title"], "seed": about["seed"], "refused": weak, "cells": {}}
    for name, title in cells.items():
        known = (cell == name) & (split == inside)
        truth = order[np.searchsorted(classes[order], label[known])]
        closed = bootstrap.closed_set(
            truth, predicted[known], len(classes), utterance[known], draw, inside, resamples=resamples
        )
        found = {"title": title, "n": int(known.sum()), "macro_f1": closed["macro_f1"], "ood": {}}
        for other in splits if not weak else ():
            unknown = (cell == name) & (split == other)
            if other != inside and unknown.any():
                auroc = {
                    detector: bootstrap.open_set(
                        *(values[known], values[unknown], utterance[known], utterance[unknown], draw, other),
                        resamples=resamples,
                    )["auroc"]
                    for detector, values in rated.items()
                }
                found["ood"][other] = {"title": splits[other]["title"], "n": int(unknown.sum()), "auroc": auroc}
        result["cells"][name] = found
    with atomic(out) as temporary:
        temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
