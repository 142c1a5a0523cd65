"""Charts of what lies outside the training set: detectors, their scores and curves, and where unseen clips end up."""

from ncst.report.charts import specs
from ncst.report.charts.chart import Chart, interval, keys, matrix, names, percent, rounded
from ncst.report.tables.open_set import titles_of


def makers():
    """Return the functions that make one chart each of a `ncst.report.read_results.Results`, in the page's order."""
    return taken, decisions, detectors, histograms, roc, oscr, risk_coverage


def taken(results):
    """Where the closed-set classifier puts clips that it was not trained on."""
    records = []
    for run in results.runs:
        rows = [(split["title"], split["predicted"]) for split in run["single"].values()]
        titles = titles_of(run["ood"])
        rows += [
            (titles[split, codec], counts)
            for split, part in run["ood"].items()
            for codec, counts in part["predicted"].items()
        ]
        rows = [(title, [counts[str(c)] for c in run["classes"]]) for title, counts in rows]
        records += [{"run": run["run"]} | matrix(rows, run["class_names"])] if rows else []
    text = (
        "Where the closed-set classifier puts clips it was not trained on: unseen real speech, other settings of known "
        "codecs, audio language models, and unseen codecs, for which every assignment is an error."
    )
    spec = specs.heatmap("clips of", None)
    return Chart("taken", "What the unseen is taken for", text, spec, {"run": "Model"}, records)


def decisions(results):
    """Confusion with a column for the unknown: the classifier behind a detector."""
    records = []
    for run in results.runs:
        titles = dict(zip(map(str, run["classes"]), run["class_names"], strict=True))
        for split in run["ood"].values():
            for name, numbers in split["detectors"].items():
                found = numbers.get("open_confusion", {})
                titles["real"] = split["title"]
                rows = [(titles.get(row) or results.title(row), counts) for row, counts in found.items()]
                record = {"run": run["run"], "split": split["title"], "detector": results.detector(name)}
                records += [record | matrix(rows, [*run["class_names"], "unknown"])] if rows else []
    text = (
        "Known classes, then unseen clips, which belong in the last column: a clip that the detector rates above the "
        "threshold that keeps 95 % of the development clips is called unknown, any other gets its closed-set class. "
        "Each cell is the percentage of its row."
    )
    spec = specs.heatmap("clips of", None)
    choices = {"run": "Model", "split": "Set", "detector": "Detector"}
    return Chart("decisions", "Confusion with the unknown", text, spec, choices, records)


def detectors(results):
    """AUROC, FPR95 and EER of every detector."""
    records = [
        keys(run)
        | {"measure": title, "split": split["title"], "detector": results.detector(name)}
        | interval(numbers[measure])
        for measure, title in (
            ("auroc", "AUROC"),
            ("fpr95", "FPR95"),
            ("eer", "EER"),
            ("aupr_in", "AUPR, known"),
            ("aupr_out", "AUPR, unseen"),
            ("oscr", "OSCR"),
            ("aurc", "AURC"),
        )
        for run in results.runs
        for split in run["ood"].values()
        for name, numbers in split["detectors"].items()
    ]
    text = (
        "Each detector on one out-of-distribution set against the in-distribution test. AUROC, AUPR and OSCR: higher "
        "is better; FPR95, EER and AURC: lower."
    )
    spec = specs.intervals("detector", *names(records, "model", "run"))
    choices = {"measure": "Measure", "split": "Set"}
    return Chart("detectors", "Detectors side by side", text, spec, choices, records)


def _curves(results, curve):
    for run in results.runs:
        for split, found in run["curves"].items():
            for name, curves in found.items():
                record = {"run": run["run"], "split": run["ood"][split]["title"], "detector": results.detector(name)}
                yield record, curves[curve], run["ood"][split]["detectors"][name]


def histograms(results):
    """Scores of known and unseen clips, with thresholds."""
    records = []
    for record, hist, numbers in _curves(results, "hist"):
        known, unseen = ([count / max(1, sum(hist[key])) for count in hist[key]] for key in ("id", "ood"))
        bins = {"low": rounded(hist["edges"][:-1]), "high": rounded(hist["edges"][1:])}
        lines = {"test": numbers["threshold95"], "development": numbers.get("threshold_dev")}
        records.append(record | bins | {"known": rounded(known, 5), "unseen": rounded(unseen, 5)} | lines)
    text = (
        "Scores of clips of the known classes and of the unseen set. The dashed line accepts 95 % of the known test "
        "clips, the dotted one 95 % of the development clips."
    )
    choices = {"run": "Model", "split": "Set", "detector": "Detector"}
    return Chart("histograms", "Score distributions", text, specs.histogram(), choices, records)


def roc(results):
    """Known against unseen clips accepted."""
    text = "The trade-off between accepting known and unseen clips, one curve per detector."
    titles = ("unseen clips accepted, percent", "known clips accepted, percent")
    return _lines(results, "roc", "ROC curves", text, ("fpr", "tpr"), titles)


def oscr(results):
    """Rightly classified known clips against unseen clips accepted."""
    text = "As the ROC, but a known clip counts only if its class is right too (OSCR)."
    titles = ("unseen clips accepted, percent", "known clips accepted and right, percent")
    return _lines(results, "oscr", "Open-set classification", text, ("fpr", "ccr"), titles)


def risk_coverage(results):
    """Errors among the accepted clips against how many are accepted."""
    text = "Errors among the accepted clips of both sets; accepting an unseen clip is always an error."
    titles = ("clips accepted, percent", "accepted clips that are wrong, percent")
    return _lines(results, "risk_coverage", "Risk and coverage", text, ("coverage", "risk"), titles)


def _lines(results, name, title, text, axes, titles):
    records = [record | {axis: percent(curve[axis]) for axis in axes} for record, curve, _ in _curves(results, name)]
    spec = specs.lines(*axes, "detector", *names(records, "detector"), titles, height=240, percent=True)
    return Chart(name, title, text, spec, {"run": "Model", "split": "Set"}, records)
