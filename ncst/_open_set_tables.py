"""The cells of the open-set tables: decisions with an "unknown" class, calibration, every unseen codec alone."""

METRICS = {
    "aupr_in": "AUPR in",
    "aupr_out": "AUPR out",
    "oscr": "OSCR",
    "aurc": "AURC",
    "open_macro_f1": "Macro F1 with unknown",
    "min_cllr": "min Cllr, bits",
    "ece": "ECE",
    "ece_scaled": "ECE with temperature",
    "temperature": "Temperature",
    "nll": "Log loss, nats",
    "nll_scaled": "Log loss with temperature, nats",
}
PLAIN = ("min_cllr", "temperature", "nll", "nll_scaled")
CAPTIONS = {
    "open_set": "Open-set metrics. Rightly classified known clips against accepted unknown ones (OSCR, AUPR in and "
    "out: higher is better), the mean share of errors among accepted clips over all coverages (AURC: lower), macro F1 "
    "with unknown as a class of its own, above the score that accepts 95 % of the clips of dev, and the cost in bits "
    "of the best monotone calibration (min Cllr, 1 tells nothing: lower). Trained on train, tested on eval_id and the "
    "set of the column.",
    "ood_by_codec": "Unseen codecs alone and mixed. AUROC and FPR95 of the known clips against those of one unseen "
    "codec, and against all of its split together. Trained on train, tested on eval_id and the codecs of the column.",
    "calibration": "Calibration of the class probabilities. Expected calibration error over 15 bins and log loss, as "
    "they are and with one temperature chosen on dev. Trained on train, tested on eval_id.",
}


def cells(runs):
    """Return ``{table: [(run, split, column, metric, interval, place, scale, detector)]}`` of the metrics *runs*."""
    found = {table: [] for table in CAPTIONS}
    for run in runs:
        calibration, tested = run.get("calibration", {}), run["id"]["split"]
        for metric in (metric for metric in METRICS if calibration.get(metric) is not None):
            found["calibration"].append(_cell(run, "", tested, tested, metric, calibration, (run["model"], metric)))
        for split, part in run["ood"].items() if "refused" not in run["ood"] else ():
            for detector, numbers in part["detectors"].items():
                names = (run["model"], detector, split)
                for metric in (metric for metric in METRICS if metric in numbers):
                    found["open_set"].append(
                        _cell(run, detector, split, part["title"], metric, numbers, (*names, metric))
                    )
                alone = numbers.get("by_group") or dict.fromkeys(part["predicted"], numbers)
                mixture = {"mixture": numbers} if "by_group" in numbers else {}
                for codec, rates in (alone | mixture).items():
                    for metric in ("auroc", "fpr95"):
                        column, place = f"{codec} ({split})", (*names, codec, metric)
                        found["ood_by_codec"].append(_cell(run, detector, split, column, metric, rates, place))
    return found


def _cell(run, detector, split, column, metric, numbers, place):
    value = numbers[metric]
    ci = value if isinstance(value, dict) else {"value": value, "low": None, "high": None}
    return run, split, column, metric, ci, place, 1.0 if metric in PLAIN else 100.0, detector
