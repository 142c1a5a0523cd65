"""Metrics: what the test splits say of one model and seed, and the same of a taxonomy tracer."""

from ncst.core.json_format import NUMBER, TEXT, WHOLE, YES_NO, Format, by_name, listing, or_null, record

INTERVAL = record({"value": NUMBER, "low": NUMBER, "high": NUMBER})
COUNTS = by_name(WHOLE)
TABLE = listing(listing(WHOLE))
NUMBERS = {"type": "array"}  # items unchecked: curves are most of a file, and checking each number takes a second
RUN = {"model": TEXT, "title": TEXT, "seed": WHOLE}
_CLUSTERS = {"clusters": listing(TEXT)}  # of the bootstrap, where they are others than utterances

_KNOWN = record(
    {
        "split": TEXT,
        "n": WHOLE,
        "macro_f1": INTERVAL,
        "accuracy": INTERVAL,
        "per_class_f1": by_name(INTERVAL),
        "confusion": TABLE,
    }
)
_BINS = record({"confidence": listing(or_null(NUMBER)), "accuracy": listing(or_null(NUMBER)), "count": listing(WHOLE)})
_CALIBRATION = record(
    {
        "temperature": or_null(NUMBER),
        "reliability": record({"bins": _BINS}, {"bins_scaled": _BINS}),
        "ece": INTERVAL,
        "nll": NUMBER,
        "published_ties": NUMBER,
    },
    {"ece_scaled": INTERVAL, "nll_scaled": NUMBER, "at_bound": YES_NO},
)
_SINGLE = record(
    {"title": TEXT, "n": WHOLE, "label": WHOLE, "label_name": TEXT, "accuracy": INTERVAL, "predicted": COUNTS}
)
_TRIAL = record({"options": by_name({}), "auroc": or_null(NUMBER), "by_class": by_name(NUMBER)}, {"reason": TEXT})
_DETECTOR = record(
    {"options": by_name({})},
    {"unfit": TEXT, "tried": listing(_TRIAL), "calibration": record({"slope": NUMBER, "intercept": NUMBER})},
)
_RATES = {"auroc": INTERVAL, "fpr95": INTERVAL}
_DETECTED = record(
    _RATES
    | dict.fromkeys(("eer", "min_dcf", "aupr_in", "aupr_out", "oscr", "aurc"), INTERVAL)
    | {"threshold95": NUMBER, "min_cllr": NUMBER},
    {
        "by_group": by_name(record(_RATES)),
        "cllr": INTERVAL,
        "act_dcf": INTERVAL,
        "threshold_dev": NUMBER,
        "open_macro_f1": INTERVAL,
        "open_confusion": by_name(listing(WHOLE)),
    },
)
_UNKNOWN = record(
    {
        "title": TEXT,
        "n_id": WHOLE,
        "n_ood": WHOLE,
        "codecs": by_name(TEXT),
        "detectors": by_name(_DETECTED),
        "predicted": by_name(COUNTS),
    }
)
_LISTED = record(
    {
        "title": TEXT,
        "n": WHOLE,
        "predicted": COUNTS,
        "clips": listing(TEXT),
        "classes": NUMBERS,
        "unknown": by_name(NUMBERS),
    }
)
_CURVES = record(
    {
        "roc": record({"fpr": NUMBERS, "tpr": NUMBERS}),
        "oscr": record({"fpr": NUMBERS, "ccr": NUMBERS}),
        "risk_coverage": record({"coverage": NUMBERS, "risk": NUMBERS}),
        "hist": record({"edges": NUMBERS, "id": NUMBERS, "ood": NUMBERS}),
    }
)
_TRACER = record(
    RUN
    | {
        "classes": listing(WHOLE),
        "class_names": listing(TEXT),
        "id": _KNOWN,
        "calibration": {"anyOf": [record({}), _CALIBRATION]},
        "single": by_name(_SINGLE),
        "detectors": by_name(_DETECTOR),
        "ood": {"if": {"required": ["refused"]}, "then": record({"refused": TEXT}), "else": by_name(_UNKNOWN)},
        "curves": by_name(by_name(_CURVES)),
    },
    {"unlabelled": by_name(_LISTED), **_CLUSTERS},
)

_HEAD = record(
    {
        "weighted_f1": INTERVAL,
        "accuracy": INTERVAL,
        "per_class_f1": by_name(INTERVAL),
        "confusion": TABLE,
        "untrained": listing(TEXT),
        "by_codec": by_name(listing(WHOLE)),
    }
)
_PARAMETER = record({"mae": INTERVAL, "nearest": INTERVAL, "within_one": INTERVAL, "values": NUMBERS})
_TESTED = record(
    {"title": TEXT, "n": WHOLE},
    {
        "bin": record({"eer": INTERVAL, "auroc": INTERVAL}),
        **dict.fromkeys(("vq", "aux", "dec"), _HEAD),
        "parameters": by_name(_PARAMETER),
    },
)
_TAXONOMY_TRACER = record(
    RUN
    | {
        "heads": by_name(
            record(
                {"share": NUMBER, "outputs": listing(TEXT)},
                {"clips": listing(WHOLE), "mean": NUMBERS, "scale": NUMBERS},
            )
        ),
        "taxonomy": by_name(_TESTED),
    },
    _CLUSTERS,
)

METRICS = Format("metrics file", {"if": {"required": ["taxonomy"]}, "then": _TAXONOMY_TRACER, "else": _TRACER})
