"""Differences between runs as CSV, Markdown and LaTeX."""

import pandas as pd

from ncst.report.tables.paper import errata
from ncst.report.tables.text import markdown, tex

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


def comparison_texts(frame, notes):
    """Return ``{"csv", "md", "tex"}`` of the rows of `ncst.evaluation.compare_models.compare`, in percent."""
    frame = frame.assign(**{column: 100 * frame[column].astype(float) for column in RATES})
    notes, blocks = [*errata("paired"), *notes], _blocks(frame)
    told = frame.replace({"detector": {"": None}})
    blank = [c for c in ("detector", "first_value_sd", "second_value_sd", "p") if told[c].isna().all()]
    blank += ["seeds"] if (told["seeds"] == "1, 1").all() else []
    return {
        "csv": told.drop(columns=blank).round(dict.fromkeys(RATES, 4)).to_csv(index=False),
        "md": markdown(CAPTION, blocks, notes),
        "tex": tex(CAPTION, blocks, notes),
    }


def _blocks(frame):
    """Return one block per pair of runs: splits and metrics down."""
    return [
        (f"{b} minus {a}", pd.DataFrame([_line(row) for row in part.to_dict("records")]).set_index("split"))
        for (a, b), part in frame.groupby(["first", "second"], sort=False)
    ]


def _line(row):
    p = row["p"]
    return {
        "split": row["split"],
        "metric": " ".join(filter(None, (row["detector"], row["metric"]))),
        "clips": f"{row['clips']}",
        "first": _value(row["first_value"], row["first_value_sd"]),
        "second": _value(row["second_value"], row["second_value_sd"]),
        "difference": f"{row['difference']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]",
        "p": "" if pd.isna(p) else f"{p:.2g}",
    }


def _value(value, sd):
    return f"{value:.2f}" if pd.isna(sd) else f"{value:.2f} ± {sd:.2f}"
