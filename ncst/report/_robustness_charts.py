"""The heat maps of robustness and of unseen real speech: their records; see `ncst.report._charts`."""

import textwrap


def robustness(results):
    """Return one record per model, detector and perturbation: F1 and AUROC of every out-of-distribution split."""
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
    return records


def unseen_real(results):
    """Return one record per model, factor and group of real speech: what it was taken for."""
    return [
        {
            "run": run["run"],
            "by": factor,
            "clips": f"{group} ({part['n']})",
            "prediction": run["class_names"],
            "count": part["predicted"],
            "n": part["n"],
        }
        for run in results.unseen_real
        for factor, groups in run["by"].items()
        for group, part in groups.items()
    ]
