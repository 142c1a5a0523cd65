"""Charts of robustness and of unseen real speech."""

import textwrap

from ncst.report.charts import specs
from ncst.report.charts.chart import Chart, matrix


def robustness(results):
    """F1 and AUROC of every out-of-distribution split for every perturbation."""
    records = []
    for run in results.robustness:
        found = [name for cell in run["cells"].values() for part in cell["ood"].values() for name in part["auroc"]]
        for detector in dict.fromkeys(found) or [None]:
            keys = {"run": run["run"], "detector": results.detector(detector) if detector else "none"}
            for cell in run["cells"].values():
                columns = {"Macro F1, known classes": cell["macro_f1"]}
                columns |= {f"AUROC, {part['title']}": part["auroc"][detector] for part in cell["ood"].values()}
                record = keys | {"perturbation": cell["title"]}
                record |= {"measure": [textwrap.fill(name, 20) for name in columns]}
                record |= {
                    key: [round(100 * ci[key], 2) for ci in columns.values()] for key in ("value", "low", "high")
                }
                records.append(record)
    text = (
        "A few clips of each test split, perturbed on their way to the model: macro F1 of the known classes, and AUROC "
        "of known against unknown clips, both perturbed. Detectors are fitted on the training clips as they are."
    )
    spec, choices = specs.grid("perturbation", "measure"), {"run": "Model", "detector": "Detector"}
    return Chart("robustness", "F1 and AUROC of perturbed clips", text, spec, choices, records)


def unseen_real(results):
    """What real speech of other corpora is taken for, by one factor at a time."""
    records = [
        {"run": run["run"], "by": factor}
        | matrix(
            [(f"{name} ({part['n']})", part["predicted"]) for name, part in groups.items()],
            [results.title(name) for name in run["class_names"]],
        )
        for run in results.unseen_real
        for factor, groups in run["by"].items()
    ]
    text = (
        "Real speech of corpora that no model was trained on, by what is known of it; the number of clips in brackets. "
        "Everything that is not taken for real speech is a false alarm. Each cell is the percentage of its row."
    )
    spec, choices = specs.heatmap("clips of", None), {"run": "Model", "by": "By"}
    return Chart("unseen_real", "What unseen real speech is taken for", text, spec, choices, records)
