"""The cells of the open-set tables: decisions with an "unknown" class, calibration, every unseen codec alone."""

from collections import Counter

import pandas as pd

METRICS = {
    "aupr_in": "AUPR in",
    "aupr_out": "AUPR out",
    "oscr": "OSCR",
    "aurc": "AURC",
    "open_macro_f1": "Macro F1 with unknown",
    "cllr": "Cllr, bits",
    "min_cllr": "min Cllr, bits",
    "act_dcf": "act DCF",
    "min_dcf": "min DCF",
    "ece": "ECE",
    "ece_scaled": "ECE with temperature",
    "temperature": "Temperature",
    "nll": "Log loss, nats",
    "nll_scaled": "Log loss with temperature, nats",
    "published_ties": "Clips that tie in MSP as published",
    "hardest_auroc": "AUROC of it",
}
PLAIN = ("cllr", "min_cllr", "act_dcf", "min_dcf", "temperature", "nll", "nll_scaled")
CAPTIONS = {
    "open_set": "Open-set metrics. Rightly classified known clips against accepted unknown ones (OSCR, AUPR in and "
    "out: higher is better), the mean share of errors among accepted clips over all coverages (AURC: lower), macro F1 "
    "with unknown as a class of its own, above the score that accepts 95 % of the clips of dev, and the cost in bits "
    "of scores as log likelihood ratios, calibrated on held-out classes of dev (Cllr) and at best (min Cllr; 1 tells "
    "nothing: lower). Detection cost as in ASVspoof 5 (5 % unknown clips; a known clip rejected costs 1, an unknown "
    "one accepted 10; to accept all costs 1 in all: lower), at the threshold of these ratios (act DCF) and at the "
    "best one (min DCF). Trained on train, tested on eval_id and the named set.",
    "ood_by_codec": "Unseen codecs alone and mixed. AUROC and FPR95 of the known clips against those of one unseen "
    "codec, and against all of its split together. Trained on train, tested on eval_id and the codecs of the column.",
    "calibration": "Calibration of the class probabilities. Expected calibration error over 15 bins and log loss, as "
    "they are and with one temperature chosen on dev; and the share of clips whose largest probability in single "
    "precision, the published MSP, is that of another clip though their logits differ. Trained on train, tested on "
    "eval_id.",
}
TUNING = (
    "Options of the detectors. Mean AUROC on dev with each known class held out in turn as the unknown, and the class "
    "that is hardest to notice. The best options of each detector rate the clips of all other tables. Trained on "
    "train, tested on dev."
)


def tuning(runs):
    """Return the options tried for each detector as a DataFrame, one row per model, seed, detector and options."""
    rows = []
    for run in runs:
        names = dict(zip(map(str, run["classes"]), run["class_names"]))
        for detector, facts in run["detectors"].items():
            for trial in facts.get("tried", ()):
                areas = trial["by_class"]
                hardest = min(areas, key=areas.get) if areas else None
                row = {"model": run["title"], "seed": run["seed"], "detector": detector}
                row |= {"options": _text(trial["options"]) or "none", "auroc": _percent(trial["auroc"])}
                row |= {"hardest_class": names.get(hardest), "hardest_auroc": _percent(areas.get(hardest))}
                rows.append(row | {"chosen": "yes" if trial["options"] == facts["options"] else None})
    return pd.DataFrame(rows)


def left_out(run):
    """Return a note on each detector that cannot serve the model of *run*."""
    found = {name: facts["unfit"] for name, facts in run["detectors"].items() if "unfit" in facts}
    return [f"{run['title']}, seed {run['seed']}: without {name}. {reason}" for name, reason in found.items()]


def bounds(runs):
    """Return a note on each temperature that dev could not choose."""
    return [
        f"{run['title']}, seed {run['seed']}: the temperature {run['calibration']['temperature']:.2f} is the bound of "
        "the search, not a choice: dev clips that are all right (or no better than guesses) fit the better the nearer "
        "it is. What stands under it tells nothing about calibration."
        for run in runs
        if run["calibration"].get("at_bound")
    ]


def _text(options):
    """Return options as ``name=value, ...``; of a mapping of parts their names."""
    parts = {name: "+".join(value) if isinstance(value, dict) else value for name, value in options.items()}
    return ", ".join(f"{name}={value}" for name, value in parts.items())


def _percent(value):
    return None if value is None else round(100 * value, 2)


def cells(runs):
    """Return ``{table: [(run, split, column, metric, interval, place, scale, detector)]}`` of the metrics *runs*."""
    found = {table: [] for table in CAPTIONS}
    for run in runs:
        outside = {} if "refused" in run["ood"] else run["ood"]
        calibration, tested = run["calibration"], run["id"]["split"]
        for metric in (metric for metric in METRICS if calibration.get(metric) is not None):
            found["calibration"].append(_cell(run, "", tested, tested, metric, calibration, (run["model"], metric)))
        titles = titles_of(outside)
        for split, part in outside.items():
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
                        column = titles.get((split, codec), f"mixture · {part['title']}")
                        place = (*names, codec, metric)
                        found["ood_by_codec"].append(_cell(run, detector, split, column, metric, rates, place))
    return found


def titles_of(outside):
    """Return what to call the clips of each (split, codec) of the out-of-distribution part of a metrics file.

    That is the codec's title, with the split's where several splits have clips of it, or the split's alone for speech
    that passed no codec.
    """
    seen, titles = Counter(codec for part in outside.values() for codec in part["predicted"]), {}
    for split, part in outside.items():
        for codec in part["predicted"]:
            title = part["codecs"][codec]
            titles[split, codec] = f"{title} · {part['title']}" if seen[codec] > 1 else title
            if codec == "real":
                titles[split, codec] = part["title"]
    return titles


def _cell(run, detector, split, column, metric, numbers, place):
    value = numbers[metric]
    ci = value if isinstance(value, dict) else {"value": value, "low": None, "high": None}
    return run, split, column, metric, ci, place, 1.0 if metric in PLAIN else 100.0, detector
