"""Differences between runs as CSV, Markdown and LaTeX."""

import pandas as pd

from ncst.formats.tables import Table
from ncst.report.tables.paper import errata

LEAST = 1e-300  # smaller ones are no longer told apart
CAPTION = "Differences between models. Second run minus first run, on the same clips."
RATES = (
    "first_value",
    "first_value_sd",
    "second_value",
    "second_value_sd",
    "difference",
    "low",
    "high",
)


def comparison_table(frame, notes):
    """Return ``(table, blocks, notes)`` of the rows of `ncst.evaluation.compare_models.compare`, in percent."""
    frame = frame.assign(**{column: 100 * frame[column].astype(float) for column in RATES})
    notes, blocks = [*errata("paired"), *notes], _blocks(frame)
    told = frame.replace({"detector": {"": None}})
    told = told.round(dict.fromkeys(RATES, 4))
    spreads = {name: told[[f"{name}_sd"]].set_axis(["sd"], axis=1) for name in ("first_value", "second_value")}
    told = told.drop(columns=[f"{name}_sd" for name in spreads])
    blank = [c for c in ("detector", "p", "p_holm") if told[c].isna().all()]
    blank += ["seeds"] if (told["seeds"] == "1, 1").all() else []
    spreads = {name: parts for name, parts in spreads.items() if parts["sd"].notna().any()}
    return Table.of(told.drop(columns=blank), CAPTION, spreads), blocks, notes


def _blocks(frame):
    """Return one block per pair of runs: splits and metrics down."""
    return [
        (f"{b} minus {a}", pd.DataFrame([_line(row) for row in part.to_dict("records")]).set_index("split"))
        for (a, b), part in frame.groupby(["first", "second"], sort=False)
    ]


def _line(row):
    return {
        "split": row["split"],
        "metric": " ".join(filter(None, (row["detector"], row["metric"]))),
        "clips": f"{row['clips']}",
        "first": _value(row["first_value"], row["first_value_sd"]),
        "second": _value(row["second_value"], row["second_value_sd"]),
        "difference": f"{row['difference']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]",
        "p": _p(row["p"]),
        "p (Holm)": _p(row["p_holm"]),
    }


def _p(p):
    if pd.isna(p):
        return ""
    return f"{p:.2g}" if p >= LEAST else f"< {LEAST:g}"


def _value(value, sd):
    return f"{value:.2f}" if pd.isna(sd) else f"{value:.2f} ± {sd:.2f}"
