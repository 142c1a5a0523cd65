"""What else is found out about models: robustness, unseen real speech, shortcuts, comparisons."""

from ncst.core.json_format import NUMBER, TEXT, WHOLE, YES_NO, Format, by_name, listing, or_null, record
from ncst.formats.metrics import INTERVAL, RUN

_CELL = record(
    {
        "title": TEXT,
        "n": WHOLE,
        "macro_f1": INTERVAL,
        "ood": by_name(record({"title": TEXT, "n": WHOLE, "auroc": by_name(INTERVAL)})),
    }
)
ROBUSTNESS = Format("robustness file", record(RUN | {"refused": or_null(TEXT), "cells": by_name(_CELL)}))

_GROUP = record({"n": WHOLE, "accuracy": INTERVAL, "predicted": listing(WHOLE)})
UNSEEN_REAL = Format(
    "file on unseen real speech", record(RUN | {"class_names": listing(TEXT), "by": by_name(by_name(_GROUP))})
)

_GIVEN = record({"measures": listing(TEXT), "macro_f1": INTERVAL, "traces": YES_NO})
SHORTCUTS = Format(
    "shortcut audit",
    record({"train": WHOLE, "test": WHOLE, "chance": NUMBER, "margin": NUMBER, "given": by_name(_GIVEN)}),
)

_DIFFERENCE = record(
    {
        **dict.fromkeys(("first", "second", "split", "detector", "metric"), TEXT),
        "clips": WHOLE,
        "seeds": TEXT,
        "first_value": NUMBER,
        "first_value_sd": or_null(NUMBER),
        "second_value": NUMBER,
        "second_value_sd": or_null(NUMBER),
        **dict.fromkeys(("difference", "low", "high"), NUMBER),
        "p": or_null(NUMBER),
        "p_holm": or_null(NUMBER),
    }
)
COMPARISONS = Format("comparison of models", record({"rows": listing(_DIFFERENCE), "notes": listing(TEXT)}))
