"""Evaluation of robustness: F1 of the known classes and AUROC of each out-of-distribution split, cell by cell."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ncst.core.files import PathLike
from ncst.evaluation import bootstrap
from ncst.formats.cells import read_cell_scores
from ncst.formats.findings import ROBUSTNESS
from ncst.formats.metrics import METRICS


def evaluate_robustness(
    scores: PathLike,
    metrics: PathLike,
    cells: Mapping[str, str],
    splits: Mapping[str, Mapping[str, Any]],
    out: PathLike,
    draw: int = 688,
    resamples: int = bootstrap.RESAMPLES,
    speakers: Mapping[str, str] | None = None,
) -> None:
    """Write the robustness of one model and seed as JSON.

    Parameters
    ----------
    scores : path
        What `ncst.evaluation.score_robustness` wrote.
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
    speakers : dict of str to str, optional
        Utterance to its speaker, where the bootstrap resamples speakers first.

    Raises
    ------
    NcstError
        If a file is damaged.
    """
    found, run = read_cell_scores(scores), METRICS.read(metrics)
    found = replace(found, utt_id=bootstrap.clustered(found.utt_id, speakers))
    weak = run["ood"].get("refused")
    (inside,) = (name for name, entry in splits.items() if entry["role"] == "id")
    outside = {} if weak else {name: entry["title"] for name, entry in splits.items() if name != inside}
    result = {"model": found.about["name"], "title": run["title"], "seed": found.about["seed"], "refused": weak}
    result["cells"] = {
        name: {"title": title} | _cell(found, name, inside, outside, draw, resamples) for name, title in cells.items()
    }
    ROBUSTNESS.write(out, result)


def _cell(found, cell, inside, outside, draw, resamples):
    """Return what one *cell* does to F1 on the split *inside* and to AUROC on the splits *outside* (name to title)."""
    classes, predicted = np.asarray(found.about["classes"]), found.logits.argmax(axis=1)
    order = np.argsort(classes)
    known = (found.cell == cell) & (found.split == inside)
    truth = order[np.searchsorted(classes[order], found.label[known])]
    closed = bootstrap.closed_set(
        truth, predicted[known], len(classes), found.utt_id[known], draw, inside, resamples=resamples
    )
    result: dict[str, Any] = {"n": int(known.sum()), "macro_f1": closed["macro_f1"], "ood": {}}
    for other, title in outside.items():
        unknown = (found.cell == cell) & (found.split == other)
        if not unknown.any():
            continue
        auroc = {
            detector: bootstrap.open_set(
                *(values[known], values[unknown], found.utt_id[known], found.utt_id[unknown], draw, other),
                resamples=resamples,
            )["auroc"]
            for detector, values in found.rated.items()
        }
        result["ood"][other] = {"title": title, "n": int(unknown.sum()), "auroc": auroc}
    return result
