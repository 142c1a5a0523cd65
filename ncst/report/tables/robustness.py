"""The tables of the robustness grid, the shortcut audit and unseen real speech."""

import pandas as pd

from ncst.formats.tables import Table
from ncst.report.tables.text import measured

CAPTIONS = {
    "robustness": "Robustness. Macro F1 of the known classes, and AUROC of known against unknown clips, each drawn "
    "from its split and perturbed on the way. Detectors are fitted on the training clips as they are.",
    "shortcuts": "Shortcuts. Macro F1 of a logistic regression that is given only these measures of a clip. Trained on "
    "train, tested on eval_id.",
    "unseen_real": "Unseen real speech. Accuracy on real speech of other corpora than the training's, by what is known "
    "of it. Trained on train.",
}
PARTS = ("value", "low", "high")


def collect(robustness, shortcuts, unseen_real):
    """Return ``{name: (table, blocks)}`` of the given objects of `ncst.formats.findings`; none of absent ones."""
    found = {}
    if robustness:
        found["robustness"] = _robustness(robustness)
    if shortcuts:
        found["shortcuts"] = _shortcuts(shortcuts)
    if unseen_real:
        found["unseen_real"] = _unseen_real(unseen_real)
    return found


def _robustness(runs):
    rows = []
    for run in runs:
        detectors = list(dict.fromkeys(d for cell in run["cells"].values() for d in _detectors(cell))) or [None]
        for detector in detectors:
            for cell in run["cells"].values():
                place = {"model": run["title"], "detector": detector, "perturbation": cell["title"]}
                rows.append(place | {"condition": "Macro F1, known classes"} | _percent(cell["macro_f1"]))
                for part in cell["ood"].values() if detector else ():
                    rows.append(place | {"condition": f"AUROC, {part['title']}"} | _percent(part["auroc"][detector]))
    frame = _over_seeds(rows, ["model", "detector", "perturbation", "condition"])
    blocks = [
        (model if pd.isna(detector) else f"{model}, {detector}", _grid(part, "perturbation", "condition"))
        for (model, detector), part in frame.groupby(["model", "detector"], sort=False, dropna=False)
    ]
    return _table("robustness", frame, "percent", across="condition"), blocks


def _detectors(cell):
    return [name for part in cell["ood"].values() for name in part["auroc"]]


def _shortcuts(audit):
    rows = [
        {"given": name, "measures": ", ".join(part["measures"])}
        | _percent(part["macro_f1"])
        | {"guessing": 100 * audit["chance"], "traces codecs": "yes" if part["traces"] else "no"}
        for name, part in audit["given"].items()
    ]
    frame = pd.DataFrame(rows).assign(seeds=1)
    grid = frame.assign(cell=[measured(row) for row in frame.to_dict("records")]).set_index("given")
    grid = grid[["cell", "guessing", "traces codecs"]].rename(columns={"cell": "macro F1"})
    return _table("shortcuts", frame.drop(columns="seeds"), "macro F1"), [("", grid.map(_short))]


def _short(value):
    return f"{value:.2f}" if isinstance(value, float) else value


def _unseen_real(runs):
    rows = []
    for run in runs:
        for factor, groups in run["by"].items():
            for group, part in groups.items():
                place = {"by": factor, "group": group, "model": run["title"], "clips": part["n"]}
                rows.append(place | _percent(part["accuracy"]) | {"counts": part["predicted"]})
    keys = ["by", "group", "model", "clips"]
    frame = _over_seeds(rows, keys)
    wrong = pd.DataFrame(rows).groupby(keys, sort=False)["counts"].agg(lambda parts: [sum(c) for c in zip(*parts)])
    frame["taken for"] = [_taken(runs[0]["class_names"], counts) for counts in wrong]
    order = {factor: list(groups) for run in runs for factor, groups in run["by"].items()}
    place = [(list(order).index(by), order[by].index(group)) for by, group in zip(frame["by"], frame["group"])]
    frame = frame.iloc[sorted(range(len(frame)), key=place.__getitem__)]
    blocks = [
        (factor, _grid(part, "model", "group"))
        for factor, part in frame.groupby("by", sort=False)
        if factor != "Speaker"
    ]
    return _table("unseen_real", frame, "accuracy"), blocks


def _taken(names, counts, most=3):
    """Name the classes that clips were taken for, the most frequent first."""
    ranked = sorted((-count, place) for place, count in enumerate(counts) if count)[:most]
    return ", ".join(f"{names[place]} {-count / sum(counts):.0%}" for count, place in ranked)


def _percent(ci):
    return {name: 100 * ci[name] for name in PARTS}


def _over_seeds(rows, keys):
    """Return one row per distinct *keys*: means of value, low and high, and the spread and number of seeds."""
    groups = pd.DataFrame(rows, columns=[*keys, *PARTS]).groupby(keys, sort=False, dropna=False)
    frame = groups[list(PARTS)].mean()
    frame["sd"], frame["seeds"] = groups["value"].std(), groups.size()
    return frame.reset_index()


def _grid(frame, rows, columns):
    cells = frame.assign(cell=[measured(row) for row in frame.to_dict("records")])
    wide = cells.pivot(index=rows, columns=columns, values="cell")
    return wide.loc[cells[rows].unique(), cells[columns].unique()].rename_axis(rows).fillna("")


def _table(name, frame, measurement, across=None):
    """Return the `Table` *name* of a frame whose ``value`` is the *measurement*, beside it low, high and spread."""
    frame = frame.dropna(axis=1, how="all").round(4)
    beside = frame[[part for part in ("low", "high", "sd") if part in frame]]
    shown = frame.drop(columns=beside.columns).rename(columns={"value": measurement})
    return Table.of(shown, CAPTIONS[name], {measurement: beside}, across=across)
