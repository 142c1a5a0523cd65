"""The benchmark's tables, regenerated: our values with intervals, the published value of the same cell beside them."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ncst.errors import NcstError
from ncst.formats.findings import COMPARISONS, ROBUSTNESS, SHORTCUTS, UNSEEN_REAL
from ncst.formats.metrics import METRICS as METRICS_FILE
from ncst.formats.tables import PARTS, Table, write_table
from ncst.report.tables import comparison, open_set, taxonomy
from ncst.report.tables import robustness as robustness_tables
from ncst.report.tables.paper import errata, published
from ncst.report.tables.text import measured, texts, write_texts
from ncst.report.titles import titled, titled_pairs

RATES = {"auroc": "AUROC", "fpr95": "FPR95", "eer": "EER"}
METRICS = RATES | open_set.METRICS | taxonomy.METRICS
RATED = ("table5", "open_set", "ood_by_codec")
PLAIN = ("mae", *open_set.PLAIN)
KEYS = {
    "table3": ("class",),
    "table4": ("split",),
    "table5": ("detector", "split", "metric"),
    "table6": ("split",),
    "taxonomy": ("split", "metric"),
}
NOTE = (
    "Percent. Square brackets: 95 % interval, bootstrap over utterances; with several seeds the mean ± the "
    "standard deviation over seeds instead. Round brackets: the published value, from the benchmark's own data."
)
HEADINGS = {"f1": "class", "mae": "parameter"}
CAPTIONS = {
    "table3": "Table 3. F1 per class. Trained on train, tested on eval_id.",
    "table4": "Table 4. Accuracy on sets with one true class. Trained on train, tested on the set of the column.",
    "table5": "Table 5. Known against unknown clips. Trained on train, tested on eval_id and the set of the column.",
    "table6": "Table 6. Accuracy on audio language models. Trained on train, tested on the set of the column.",
    **open_set.CAPTIONS,
    "tuning": open_set.TUNING,
    **taxonomy.CAPTIONS,
    **robustness_tables.CAPTIONS,
    "paired": comparison.CAPTION,
}


def write_tables(metrics_paths, out_dir, comparisons=None, robustness=(), shortcuts=None, unseen_real=(), titles=None):
    """Write tables 3 to 6, those of the open set, of the taxonomy and of robustness as CSV, Markdown, LaTeX and JSON.

    Parameters
    ----------
    metrics_paths : list of paths
        Metrics files, one per model and seed. Several seeds of a model become their mean and standard deviation; the
        interval is then the mean of the seeds' intervals.
    out_dir : path
        Folder that receives ``table3.csv``, ``table3.md``, ``table3.tex``, ``table3.json`` (see `ncst.formats.tables`)
        and so on; tables without a cell are left out.
    comparisons : path, optional
        What `ncst.evaluation.compare_models.compare_models` wrote: it becomes the table ``paired``.
    robustness, unseen_real : lists of paths
        Files of `ncst.formats.findings`, one per model and seed.
    shortcuts : path, optional
        The audit, see there.
    titles : dict, optional
        What `ncst.plan.inputs.titles` says; by default the files' own titles are shown.

    Raises
    ------
    NcstError
        If there is no metrics file, one is damaged, or two are of the same model and seed.
    """
    runs = [_titled(METRICS_FILE, path, titles) for path in metrics_paths]
    names = [(run["model"], run["seed"]) for run in runs]
    if not runs or len(set(names)) < len(names):
        raise NcstError(
            f"Tables need one metrics file per model and seed, not {names or 'none'}: check the given paths."
        )
    layered = any("clusters" in run for run in runs)
    about = NOTE.replace("utterances", "speakers and their utterances") if layered else NOTE
    for table, frame in collect(runs).items():
        note = (
            about.replace("Percent.", "Errors in the parameter's unit, shares in percent.")
            if table == "taxonomy_parameters"
            else about
        )
        notes = [*errata(table), *_notes(table, runs)]
        if len(frame):
            _write(out_dir, table, _wide(table, frame), _blocks(table, frame), notes, note)
    tried = open_set.tuning([run for run in runs if "taxonomy" not in run])
    if len(tried):
        blocks = [
            (f"{model}, seed {seed}", part.drop(columns=["model", "seed"]).set_index("detector").fillna("").astype(str))
            for (model, seed), part in tried.groupby(["model", "seed"], sort=False)
        ]
        _write(out_dir, "tuning", Table.of(tried, CAPTIONS["tuning"], titles=METRICS), blocks, errata("tuning"))
    grids = [_titled(ROBUSTNESS, path, titles) for path in robustness]
    real = [_titled(UNSEEN_REAL, path, titles) for path in unseen_real]
    audit = SHORTCUTS.read(shortcuts) if shortcuts else None
    for name, (table, blocks) in robustness_tables.collect(grids, audit, real).items():
        _write(out_dir, name, table, blocks, _notes(name, runs), about.rpartition(" Round brackets")[0])
    if comparisons:
        found = COMPARISONS.read(comparisons)
        found = titled_pairs(found, titles) if titles else found
        _write(out_dir, "paired", *comparison.comparison_table(pd.DataFrame(found["rows"]), found["notes"]))


def _titled(form, path, titles):
    found = form.read(path)
    return titled(found, titles) if titles else found


def _write(out_dir, name, table, blocks, notes, about=None):
    """Write a table with *notes*; texts have one more, *about*: how to read a cell, which the page says itself."""
    write_texts(texts(table, blocks, [*([about] if about else []), *notes]), out_dir, name)
    write_table(Path(out_dir) / f"{name}.json", replace(table, notes=notes))


def in_order(paths):
    """Return the *paths* of table files in the order of `CAPTIONS`; tables of other names come last."""
    places = {table: place for place, table in enumerate(CAPTIONS)}
    return sorted(map(Path, paths), key=lambda path: (places.get(path.stem, len(places)), path.stem))


def collect(runs):
    """Return ``{"table3" ... "taxonomy_parameters": DataFrame}`` of the metrics objects *runs*, one row per cell.

    Columns: ``model`` (title), ``detector``, ``split``, ``column`` (heading), ``metric``, ``value``, ``low``, ``high``
    (null where there is no interval), ``sd`` (over seeds), ``seeds``, ``paper`` and ``corrected``; in percent, but for
    the metrics `PLAIN`.
    """
    rows = {table: [] for table in CAPTIONS}
    tracers, tracing = ([run for run in runs if ("taxonomy" in run) == kind] for kind in (True, False))
    for table, found in (taxonomy.cells(tracers) | open_set.cells(tracing)).items():
        rows[table] = [_row(*cell) for cell in found]
    for run in tracing:
        rows["table3"] += _known(run)
        for split, part in run["single"].items():
            table = "table6" if split.startswith("alm/") else "table4"
            rows[table].append(_row(run, split, part["title"], "accuracy", part["accuracy"], (run["model"], split)))
        for split, part in run["ood"].items() if "refused" not in run["ood"] else ():
            for detector, numbers in part["detectors"].items():
                for metric in RATES:
                    place = (run["model"], detector, split, metric)
                    rows["table5"].append(
                        _row(run, split, part["title"], metric, numbers[metric], place, 100, detector)
                    )
    return {
        table: _aggregate(part, published(table, *KEYS[table]) if table in KEYS else {}) for table, part in rows.items()
    }


def _known(run):
    part = run["id"]
    cells = [
        (name, str(label), part["per_class_f1"][str(label)]) for label, name in zip(run["classes"], run["class_names"])
    ]
    cells.append(("macro", "avg", part["macro_f1"]))
    return [_row(run, part["split"], name, "f1", ci, (run["model"], label)) for name, label, ci in cells]


def _row(run, split, column, metric, ci, place, scale=100.0, detector=""):
    scaled = {name: None if ci[name] is None else scale * ci[name] for name in ("value", "low", "high")}
    return {
        "model": run["title"],
        "detector": detector,
        "split": split,
        "column": column,
        "metric": metric,
        "place": place,
        **scaled,
    }


def _aggregate(rows, paper):
    columns = ["model", "detector", "split", "column", "metric"]
    frame = pd.DataFrame(rows, columns=[*columns, "place", "value", "low", "high"]).astype(
        {"low": float, "high": float}
    )
    groups = frame.groupby("place", sort=False)
    result = groups[columns].first()
    result[["value", "low", "high"]] = groups[["value", "low", "high"]].mean()
    result["sd"], result["seeds"] = groups["value"].std(), groups.size()
    result["paper"] = [paper.get(place, (None, None))[0] for place in result.index]
    result["corrected"] = [paper.get(place, (None, None))[1] for place in result.index]
    return result.astype({"paper": float, "corrected": float}).reset_index(drop=True)


def _wide(name, frame):
    """Return the `Table` *name* with the metrics of one model, detector and column side by side."""
    keys = ["model", "detector", "split", "column", "seeds"]
    pieces = {
        metric: part.set_index(keys)[["value", *PARTS]].round(4) for metric, part in frame.groupby("metric", sort=False)
    }
    joined = pd.concat(pieces, axis=1)
    beside = {
        metric: joined[metric][list(PARTS)].drop(
            columns=[part for part in ("sd", "corrected") if joined[metric, part].isna().all()]
        )
        for metric in pieces
    }
    heading = HEADINGS.get(frame["metric"].iloc[0], "condition")
    shown = joined.xs("value", axis=1, level=1).reset_index().rename(columns={"column": heading})
    if not shown["detector"].any():
        shown = shown.drop(columns="detector")
    across = heading if heading in ("class", "condition") else None
    return Table.of(shown.replace({"detector": {"": None}}), CAPTIONS[name], beside, METRICS, PLAIN, across)


def _blocks(table, frame):
    """Return [(heading, DataFrame of cells)]: rows and columns as published; means have no interval."""
    if table in taxonomy.CAPTIONS or table == "calibration":
        return [
            (column, _grid(part.assign(column=part["metric"].map(METRICS)), "model", with_mean=False))
            for column, part in frame.groupby("column", sort=False)
        ]
    if table in RATED:
        return [
            (f"{model}, {METRICS[metric]}", _by_detector(table, part))
            for model, rows in frame.groupby("model", sort=False)
            for metric, part in rows.groupby("metric", sort=False)
        ]
    return [("", _grid(frame, "model", with_mean=table != "table3"))]


def _by_detector(table, part):
    grid = _grid(part, "detector", with_mean=table == "table5")
    return _with_mean_row(grid, part) if table == "table5" else grid


def _grid(frame, rows, with_mean):
    grid = {}
    for name, part in frame.groupby(rows, sort=False):
        grid[name] = {row["column"]: measured(row) for row in part.to_dict("records")}
        if with_mean:
            means = [part[column].mean() for column in ("value", "paper")]
            means.append(part["corrected"].fillna(part["paper"]).mean())
            value, paper, corrected = (f"{mean:.2f}" for mean in means)
            told = paper if corrected == paper else f"{paper}, corrected {corrected}"
            grid[name]["mean"] = value + (f" ({told})" if part["paper"].notna().all() else "")
    return pd.DataFrame.from_dict(grid, orient="index").rename_axis(rows).fillna("")


def _with_mean_row(grid, part):
    """Append the mean over the detectors of the published table, where all of them are there."""
    five = part[part["detector"].isin({place[1] for place in published("table5", *KEYS["table5"])})]
    if five["detector"].nunique() == 5:
        means = five.groupby("column", sort=False)["value"].mean()
        grid.loc["mean of the published five"] = [f"{value:.2f}" for value in [*means, means.mean()]]
    return grid


def _notes(table, runs):
    """Return what this table's readers must know of these runs."""
    tracers, tracing = ([run for run in runs if ("taxonomy" in run) == kind] for kind in (True, False))
    if table in RATED:
        refused = [run for run in tracing if "refused" in run["ood"]]
        told = [f"{run['title']}, seed {run['seed']}: {run['ood']['refused']}" for run in refused]
        return told + _unfit(tracing)
    if table == "robustness":
        return _unfit(tracing)
    if table == "taxonomy":
        return taxonomy.untrained(tracers)
    return open_set.bounds(tracing) if table == "calibration" else []


def _unfit(runs):
    return [note for run in runs for note in open_set.left_out(run)]
