"""The charts of the report: what each one says, what a reader chooses by, and its records."""

from ncst.report.charts import open_set, specs
from ncst.report.charts.chart import Chart, interval, keys, matrix, names, percent, rounded
from ncst.report.charts.maps import maps
from ncst.report.charts.robustness import robustness, unseen_real


def charts(results):
    """Return the charts that *results* have data for, by name, in the page's order."""
    inside, outside = (_single, _confusion, _reliability), (*open_set.makers(), unseen_real, robustness, maps)
    makers = (*inside, *outside, _taxonomy, _learning, _levels)
    return {chart.name: chart for chart in (make(results) for make in makers) if chart.records}


def _single(results):
    records = [
        keys(run) | {"row": row} | interval(ci)
        for run in results.runs
        for row, ci in [
            ("Known classes, macro F1", run["id"]["macro_f1"]),
            *((split["title"], split["accuracy"]) for split in run["single"].values()),
        ]
    ]
    text = (
        "Macro F1 on the in-distribution test, and accuracy on the sets with a single true class. Bars are 95 % "
        f"bootstrap intervals over {results.resampled}."
    )
    spec = specs.intervals("row", *names(records, "model", "run"), domain=(0, 100))
    return Chart("single", "Known classes under known and unseen conditions", text, spec, {}, records)


def _confusion(results):
    records = [
        {"run": run["run"]}
        | matrix(list(zip(run["class_names"], run["id"]["confusion"], strict=True)), run["class_names"])
        for run in results.runs
    ]
    text = "In-distribution test. Each cell is the percentage of its row, the true class."
    spec = specs.heatmap("true class", "true class")
    return Chart("confusion", "Confusion of the known classes", text, spec, {"run": "Model"}, records)


def _unchosen(results):
    return any(run["calibration"].get("at_bound") for run in results.runs)


def _reliability(results):
    records = [
        keys(run)
        | {"scaling": title, "count": bins["count"]}
        | {axis: percent(bins[axis]) for axis in ("confidence", "accuracy")}
        for run in results.runs
        for key, title in (("bins", "as trained"), ("bins_scaled", "temperature from development"))
        if (bins := run["calibration"].get("reliability", {}).get(key))
    ]
    text = (
        "In-distribution test, by the largest class probability: how often it is right. Well calibrated "
        "probabilities lie on the diagonal; a larger mark stands for more clips."
        + (" A temperature at the bound of its search tells nothing, see the table." if _unchosen(results) else "")
    )
    spec = specs.reliability(*names(records, "model"))
    return Chart("reliability", "Reliability of the probabilities", text, spec, {"scaling": "Probabilities"}, records)


def _taxonomy(results):
    records = []
    for run in results.tracers:
        for split in run["taxonomy"].values():
            for head in ("vq", "aux", "dec"):
                found = split.get(head, {}).get("by_codec", {})
                truth = {c: results.config["codecs"].get(c, {}).get("taxonomy", {}).get(head, "–") for c in found}
                rows = [(f"{results.title(c)} · {truth[c]}", found[c]) for c in results.codecs() if c in found]
                record = {"run": run["run"], "task": head.upper(), "test": split["title"]}
                records += [record | matrix(rows, run["heads"][head]["outputs"])] if rows else []
    text = (
        "What the tracer makes of each codec's clips; behind its name the true class. Each cell is the percentage of "
        "its row."
    )
    spec = specs.heatmap("clips of", "clips of")
    choices = {"run": "Tracer", "task": "Task", "test": "Test set"}
    return Chart("taxonomy", "Taxonomy by codec", text, spec, choices, records)


def _learning(results):
    records = [
        {
            "curve": curve.replace("_", " "),
            "run": run["run"],
            "model": run["title"],
            "epoch": rows["epoch"].tolist(),
            "value": rounded(rows["value"], 6),
        }
        for run in results.runs + results.tracers
        for curve, rows in results.curves[results.curves["run"] == run["run"]].groupby("curve", sort=False)
    ]
    text = "Per epoch. The checkpoint with the best development result is the one that is evaluated."
    spec = specs.lines("epoch", "value", "model", *names(records, "model"), ("epoch", None), line="run", height=260)
    return Chart("learning", "Learning curves", text, spec, {"curve": "Curve"}, records)


def _levels(results):
    usable = results.clips[results.clips["status"] == "ok"]
    records = []
    for column, quantity in (("rms_db", "Level, dB full scale"), ("delay_ms", "Delay, ms")):
        table = usable.groupby("codec")[column].quantile([0.05, 0.5, 0.95]).unstack().dropna()
        for codec in (c for c in results.codecs() if c in table.index):
            low, middle, high = rounded(table.loc[codec], 2)
            records.append(
                {"quantity": quantity, "codec": results.title(codec), "low": low, "middle": middle, "high": high}
            )
    text = (
        "Median and middle 90 % of all clips, per codec. Delays are estimated against the source and left as they are."
    )
    return Chart("levels", "Levels and delays", text, specs.spans("codec"), {"quantity": "Quantity"}, records)
