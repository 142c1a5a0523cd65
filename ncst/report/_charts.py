"""The charts of the report: what each one says, what a reader chooses by, and its records.

A record is a plain dict: the chart's keys, and values or arrays that the specification's own transforms unfold. The
page embeds every record once and hands the chosen ones to the chart; `ncst.report.figures` does the same for files.
"""

from dataclasses import dataclass

from ncst.report import _robustness_charts, _specs


@dataclass(frozen=True)
class Chart:
    """One chart of the page.

    Attributes
    ----------
    name, title, text : str
        Identifier, heading and one-paragraph explanation.
    spec : dict
        Vega-Lite specification without data.
    keys : dict of str to str
        What a reader chooses by: key of the records to its label.
    records : list of dict
    """

    name: str
    title: str
    text: str
    spec: dict
    keys: dict
    records: list


def charts(results):
    """Return the charts that *results* have data for, by name, in the page's order."""
    makers = (
        _single,
        _confusion,
        _taken,
        _detectors,
        _histograms,
        _roc,
        _robustness,
        _real,
        _taxonomy,
        _learning,
        _levels,
    )
    return {chart.name: chart for chart in (make(results) for make in makers) if chart.records}


def _rounded(values, digits=4):
    return [round(float(value), digits) for value in values]


def _keys(run):
    return {"run": run["run"], "model": run["title"]}


def _names(records):
    return [list(dict.fromkeys(record[key] for record in records)) for key in ("model", "run")]


def _interval(ci):
    return {key: round(100 * ci[key], 3) for key in ("value", "low", "high")}


def _single(results):
    records = [
        _keys(run) | {"row": row} | _interval(ci)
        for run in results.runs
        for row, ci in [
            ("Known classes, macro F1", run["id"]["macro_f1"]),
            *((split["title"], split["accuracy"]) for split in run["single"].values()),
        ]
    ]
    text = (
        "Macro F1 on the in-distribution test, and accuracy on the sets with a single true class. Bars are 95 % "
        "bootstrap intervals over utterances."
    )
    spec = _specs.intervals("row", *_names(records), domain=(0, 100))
    return Chart("single", "Known classes under known and unseen conditions", text, spec, {}, records)


def _confusion(results):
    records = [
        {"run": run["run"], "truth": name, "prediction": run["class_names"], "count": row, "n": sum(row)}
        for run in results.runs
        for name, row in zip(run["class_names"], run["id"]["confusion"], strict=True)
    ]
    text = "In-distribution test. Each cell is the percentage of its row, the true class."
    spec = _specs.heatmap("truth", "true class")
    return Chart("confusion", "Confusion of the known classes", text, spec, {"run": "Model"}, records)


def _taken(results):
    records = []
    for run in results.runs:
        rows = [(split["title"], split["predicted"]) for split in run["single"].values()]
        rows += [
            (f"{results.title(codec)} · {split['title']}", counts)
            for split in run["ood"].values()
            for codec, counts in split["predicted"].items()
        ]
        for title, counts in rows:
            row = [counts.get(str(c), 0) for c in run["classes"]]
            records.append(
                {"run": run["run"], "clips": title, "prediction": run["class_names"], "count": row, "n": sum(row)}
            )
    text = (
        "Where the closed-set classifier puts clips it was not trained on: unseen real speech, other settings of known "
        "codecs, audio language models, and unseen codecs, for which every assignment is an error."
    )
    return Chart(
        "taken", "What the unseen is taken for", text, _specs.heatmap("clips", None), {"run": "Model"}, records
    )


def _detectors(results):
    records = [
        _keys(run)
        | {"measure": title, "split": split["title"], "detector": results.detector(name)}
        | _interval(numbers[measure])
        for measure, title in (("auroc", "AUROC"), ("fpr95", "FPR95"), ("eer", "EER"))
        for run in results.runs
        for split in run["ood"].values()
        for name, numbers in split["detectors"].items()
        if measure in numbers
    ]
    text = (
        "Each detector on one out-of-distribution set against the in-distribution test. AUROC: higher is better; FPR95 "
        "and EER: lower."
    )
    spec = _specs.intervals("detector", *_names(records)) if records else {}
    return Chart("detectors", "Detectors side by side", text, spec, {"measure": "Measure", "split": "Set"}, records)


def _curves(results):
    for run in results.runs:
        for split, detectors in run["curves"].items():
            for name, curves in detectors.items():
                keys = {"run": run["run"], "split": run["ood"][split]["title"], "detector": results.detector(name)}
                yield keys, curves, run["ood"][split]["detectors"].get(name, {})


def _histograms(results):
    records = []
    for keys, curves, numbers in _curves(results):
        hist = curves["hist"]
        known, unseen = ([count / max(1, sum(hist[key])) for count in hist[key]] for key in ("id", "ood"))
        bins = {"low": _rounded(hist["edges"][:-1]), "high": _rounded(hist["edges"][1:])}
        shares = {"known": _rounded(known, 5), "unseen": _rounded(unseen, 5), "threshold": numbers.get("threshold95")}
        records.append(keys | bins | shares)
    text = (
        "Scores of clips of the known classes and of the unseen set. The dashed line accepts 95 % of the known clips."
    )
    keys = {"run": "Model", "split": "Set", "detector": "Detector"}
    return Chart("histograms", "Score distributions", text, _specs.histogram(), keys, records)


def _roc(results):
    records = [
        keys | {axis: _rounded((100 * v for v in curves["roc"][axis]), 3) for axis in ("fpr", "tpr")}
        for keys, curves, _ in _curves(results)
    ]
    names = list(dict.fromkeys(record["detector"] for record in records))
    text = "The trade-off between accepting known and unseen clips, one curve per detector."
    titles = ("unseen clips accepted, percent", "known clips accepted, percent")
    spec = _specs.lines("fpr", "tpr", "detector", names, titles, height=240, percent=True)
    return Chart("roc", "ROC curves", text, spec, {"run": "Model", "split": "Set"}, records)


def _robustness(results):
    text = (
        "A few clips of each test split, perturbed on their way to the model: macro F1 of the known classes, and AUROC "
        "of known against unknown clips, both perturbed. Detectors are fitted on the training clips as they are."
    )
    spec, keys = _specs.grid("perturbation", "measure"), {"run": "Model", "detector": "Detector"}
    return Chart(
        "robustness", "F1 and AUROC of perturbed clips", text, spec, keys, _robustness_charts.robustness(results)
    )


def _real(results):
    text = (
        "Real speech of corpora that no model was trained on, by what is known of it; the number of clips in brackets. "
        "Everything that is not taken for real speech is a false alarm. Each cell is the percentage of its row."
    )
    spec, keys = _specs.heatmap("clips", None), {"run": "Model", "by": "By"}
    records = _robustness_charts.unseen_real(results)
    return Chart("unseen_real", "What unseen real speech is taken for", text, spec, keys, records)


def _taxonomy(results):
    records = []
    for run in results.tracers:
        for split in run["taxonomy"].values():
            for head in ("vq", "aux", "dec"):
                found = split.get(head, {}).get("by_codec", {})
                for codec, counts in ((c, found[c]) for c in results.codecs() if c in found):
                    truth = results.config["codecs"].get(codec, {}).get("taxonomy", {}).get(head, "–")
                    record = {"run": run["run"], "task": head.upper(), "test": split["title"]}
                    record |= {"clips": f"{results.title(codec)} · {truth}", "n": sum(counts)}
                    records.append(record | {"prediction": run["heads"][head]["outputs"], "count": counts})
    text = (
        "What the tracer makes of each codec's clips; behind its name the true class. Each cell is the percentage of "
        "its row."
    )
    spec = _specs.heatmap("clips", "clips of")
    keys = {"run": "Tracer", "task": "Task", "test": "Test set"}
    return Chart("taxonomy", "Taxonomy by codec", text, spec, keys, records)


def _learning(results):
    records = [
        {
            "curve": curve.replace("_", " "),
            "run": run["run"],
            "model": run["title"],
            "epoch": rows["epoch"].tolist(),
            "value": _rounded(rows["value"], 6),
        }
        for run in results.runs + results.tracers
        for curve, rows in results.curves[results.curves["run"] == run["run"]].groupby("curve", sort=False)
    ]
    text = "Per epoch. The checkpoint with the best development result is the one that is evaluated."
    models, _ = _names(records)
    spec = _specs.lines("epoch", "value", "model", models, ("epoch", None), line="run", height=260)
    return Chart("learning", "Learning curves", text, spec, {"curve": "Curve"}, records)


def _levels(results):
    usable = results.clips[results.clips["status"] == "ok"]
    records = []
    for column, quantity in (("rms_db", "Level, dB full scale"), ("delay_ms", "Delay, ms")):
        table = usable.groupby("codec")[column].quantile([0.05, 0.5, 0.95]).unstack().dropna()
        for codec in (c for c in results.codecs() if c in table.index):
            low, middle, high = _rounded(table.loc[codec], 2)
            records.append(
                {"quantity": quantity, "codec": results.title(codec), "low": low, "middle": middle, "high": high}
            )
    text = (
        "Median and middle 90 % of all clips, per codec. Delays are estimated against the source and left as they are."
    )
    return Chart("levels", "Levels and delays", text, _specs.spans("codec"), {"quantity": "Quantity"}, records)
