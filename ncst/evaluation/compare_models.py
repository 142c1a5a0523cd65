"""Runs side by side: differences of their metrics on the same clips, from the same resamples of utterances."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from ncst.core.files import PathLike
from ncst.errors import NcstError
from ncst.evaluation.bootstrap import RESAMPLES, clusters_of, confusions, count, draws, interval
from ncst.evaluation.evaluate import refusal
from ncst.evaluation.metrics import accuracy, auroc, balanced_accuracy, eer, f1_scores, fpr_at, sweep
from ncst.evaluation.run_folders import Run, common_splits, find_runs, read_parts, short_names
from ncst.formats.findings import COMPARISONS
from ncst.formats.ood import read_ood
from ncst.formats.scores import UNLABELLED

RATES = ("auroc", "fpr95", "eer")
COLUMNS = [
    *(
        "first",
        "second",
        "split",
        "detector",
        "metric",
        "clips",
        "seeds",
        "first_value",
        "first_value_sd",
        "second_value",
        "second_value_sd",
    ),
    *("difference", "low", "high", "p", "p_holm"),
]


def compare_folders(
    folders: Sequence[PathLike], draw: int = 688, resamples: int = RESAMPLES
) -> tuple[pd.DataFrame, list[str]]:
    """Compare the models of the first of several folders with those of the others; see `compare`.

    Models are compared with their namesakes; where every folder holds one model, these are compared, whatever they are
    called.
    """
    found = [find_runs(folder) for folder in folders]
    if len(found) < 2:
        raise NcstError("A comparison needs two folders with scores: `ncst compare results/A results/B`.")
    if all(len(models) == 1 for models in found):
        groups = [[next(iter(models.values())) for models in found]]
    else:
        common = [model for model in found[0] if all(model in models for models in found)]
        groups = [[models[model] for models in found] for model in common]
    if not groups:
        raise NcstError(f"The folders share no model: they hold {[sorted(models) for models in found]}; name one each.")
    names = short_names(folders)
    tables: list[pd.DataFrame] = []
    notes: list[str] = []
    for group in groups:
        titles = [name if run.title in name.split("/") else f"{name}, {run.title}" for name, run in zip(names, group)]
        runs = [Run(title, run.seeds) for title, run in zip(titles, group)]
        table, said = compare(runs, [(0, i) for i in range(1, len(runs))], draw=draw, resamples=resamples)
        tables, notes = [*tables, table], [*notes, *said]
    return pd.concat(tables, ignore_index=True), list(dict.fromkeys(notes))


def compare_models(
    results: PathLike,
    titles: Mapping[str, str],
    out: PathLike,
    seeds: Collection[int] | None = None,
    splits: Iterable[str] | None = None,
    draw: int = 688,
    resamples: int = RESAMPLES,
    speakers: Mapping[str, str] | None = None,
) -> None:
    """Write the differences between every two models of a results folder as JSON: ``rows`` and ``notes`` of `compare`.

    Parameters
    ----------
    results : path
    titles : dict
        Model to its title; other models of the folder are left out.
    out : path
    seeds : list of int, optional
        Default: all that have scores.
    splits, draw, resamples, speakers
        As for `compare`.
    """
    found = find_runs(results)
    runs = [
        Run(title, {seed: place for seed, place in found[model].seeds.items() if seeds is None or seed in seeds})
        for model, title in titles.items()
    ]
    table, notes = compare(runs, list(combinations(range(len(runs)), 2)), splits, draw, resamples, speakers)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    COMPARISONS.write(out, {"rows": rows, "notes": notes}, end="")


def compare(
    runs: Sequence[Run],
    pairs: Iterable[tuple[int, int]],
    splits: Iterable[str] | None = None,
    draw: int = 688,
    resamples: int = RESAMPLES,
    speakers: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Return the differences between runs on the clips that all of them scored.

    Every run is resampled by the same draws of utterances. A run of several seeds counts with the mean over its seeds;
    its spread stands beside it. McNemar's exact test is of clips rightly classified by one run alone, one seed each; it
    takes clips for independent, which the intervals do not.

    Parameters
    ----------
    runs : list of Run
    pairs : list of (int, int)
        Positions in *runs*; differences are second minus first.
    splits : list of str, optional
        Default: every split but ``train`` and ``dev`` that all runs have scores of.
    draw, resamples : int
        As for `ncst.evaluation.evaluate.evaluate`.

    Returns
    -------
    (DataFrame, list of str)
        One row per pair, split, detector and metric (`COLUMNS`; rates 0 to 1), and what a reader must know.

    Raises
    ------
    NcstError
        If the runs share no split or clip, or their classes or the labels of a clip differ.
    """
    notes: list[str] = []
    rows: list[dict[str, Any]] = []
    parts = {split: read_parts(runs, split, notes, speakers) for split in splits or common_splits(runs, notes)}
    labels = {split: set(found[0][0].label.tolist()) for split, found in parts.items()}
    parts = {split: found for split, found in parts.items() if labels[split] != {UNLABELLED}}
    classes = {split: set(found[0][0].scores.classes) for split, found in parts.items()}
    known, refused = "", [None] * len(runs)
    for split in (split for split in parts if labels[split] <= classes[split]):
        counts = [[_confusions(part, draw, split, resamples) for part in found] for found in parts[split]]
        for metric, of in {"accuracy": accuracy, "macro_f1": _macro_f1}.items():
            if metric == "accuracy" or len(labels[split]) > 1:
                values = [[(of(whole), of(drawn)) for whole, drawn in found] for found in counts]
                rows += _rows(runs, pairs, parts[split], split, "", metric, values)
        if not known and len(labels[split]) > 1:
            known = split
            refused = [_refused(found, _clusters(part[0])) for found, part in zip(counts, parts[split])]
    for split in (split for split in parts if known and not labels[split] & classes[split]):
        for detector in _detectors(parts[split], notes):
            values = [_rates(*pair, detector, draw, resamples) for pair in zip(parts[known], parts[split])]
            for column, metric in enumerate(RATES):
                one = [[(value[column], drawn[:, column]) for value, drawn in found] for found in values]
                told = [(i, j) for i, j in pairs if not (refused[i] or refused[j])]
                rows += _rows(runs, told, parts[split], split, detector, metric, one, inside=parts[known][0][:1])
    notes += [f"{run.title}: {reason}" for run, reason in zip(runs, refused) if reason]
    for row, corrected in zip(rows, holm([row["p"] for row in rows])):
        row["p_holm"] = corrected
    return pd.DataFrame(rows, columns=COLUMNS), notes


def _confusions(part, draw, split, resamples):
    truth = part.scores.positions()[part.rows]
    classes = len(part.scores.classes)
    return confusions(truth, part.predicted, classes, part.clusters, draw, split, resamples=resamples)


def _macro_f1(counts):
    return f1_scores(counts).mean(axis=-1)


def _clusters(*parts):
    """Return how many clusters are resampled: of a known and an unknown part, those of the smaller."""
    return min(count(part.clusters) for part in parts)


def _refused(counts, clusters):
    """Return why a run's numbers on unknown clips mean nothing, or None."""
    reasons = (
        refusal(interval(balanced_accuracy(whole), balanced_accuracy(drawn), clusters), len(whole))
        for whole, drawn in counts
    )
    return next(filter(None, reasons), None)


def _detectors(parts, notes):
    found = [
        {path.stem for path in part.ood.glob("*.parquet") if "unfit" not in read_ood(path).about}
        for group in parts
        for part in group
    ]
    common, every = set.intersection(*found), set.union(*found)
    if every - common:
        notes.append(f"Not compared, since not every run has them: the detectors {', '.join(sorted(every - common))}.")
    return sorted(common)


def _rates(known, unknown, detector, draw, resamples):
    """Return (values (3,), resampled (R, 3)) of AUROC, FPR95 and EER of each seed."""
    found = []
    for inside, outside in zip(known, unknown):
        swept = sweep(inside.rated(detector), outside.rated(detector))
        cluster, owners = clusters_of(np.concatenate([inside.clusters, outside.clusters]))
        inner, outer = cluster[: len(inside.rows)], cluster[len(inside.rows) :]
        drawn = (counts for counts in draws(owners, resamples, draw, outside.scores.split))
        both = [counts[cluster] for counts in drawn if counts[inner].any() and counts[outer].any()]
        values = _three(swept)
        found.append((values, np.reshape([_three(swept, weights) for weights in both] or [values], (-1, 3))))
    return found


def _three(swept, weights=None):
    fpr, tpr = swept.rates(weights)
    return auroc(fpr, tpr), fpr_at(fpr, tpr), eer(fpr, tpr)


def _rows(runs, pairs, parts, split, detector, metric, values, inside=()):
    """Return the rows of one metric; *values* hold (value, resampled values) of each run and seed."""
    means = [(np.mean([value for value, _ in v]), np.mean([drawn for _, drawn in v], axis=0)) for v in values]
    spread = [np.std([value for value, _ in v], ddof=1) if len(v) > 1 else np.nan for v in values]
    rows = []
    for i, j in pairs:
        clusters = _clusters(parts[i][0], *inside)
        ci = interval(means[j][0] - means[i][0], means[j][1] - means[i][1], clusters, share=False)
        single = metric == "accuracy" and len(values[i]) == len(values[j]) == 1
        rows.append(
            {
                **{
                    "first": runs[i].title,
                    "second": runs[j].title,
                    "split": split,
                    "detector": detector,
                    "metric": metric,
                },
                **{"clips": len(parts[i][0].rows), "seeds": f"{len(values[i])}, {len(values[j])}"},
                **{
                    "first_value": means[i][0],
                    "first_value_sd": spread[i],
                    "second_value": means[j][0],
                    "second_value_sd": spread[j],
                },
                **{"difference": ci["value"], "low": ci["low"], "high": ci["high"]},
                "p": mcnemar(parts[i][0].right(), parts[j][0].right()) if single else np.nan,
            }
        )
    return rows


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Return the p-value of McNemar's exact test of two (N,) bool arrays: which clips each model gets right."""
    only = np.sum(first & ~second), np.sum(second & ~first)
    return float(binomtest(int(only[0]), int(sum(only))).pvalue) if sum(only) else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Return *p_values* corrected for their number; NaN is no test and stays.

    References
    ----------
    S. Holm: A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6, 1979.

    Examples
    --------
    >>> holm([0.01, float("nan"), 0.04, 0.03])
    [0.03, nan, 0.06, 0.06]
    """
    order = sorted((p, place) for place, p in enumerate(p_values) if not np.isnan(p))
    corrected, largest = [float("nan")] * len(p_values), 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, p * (len(order) - rank)))
        corrected[place] = largest
    return corrected
