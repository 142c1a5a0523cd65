"""Differences between runs as CSV, Markdown and LaTeX."""

import pandas as pd

from ncst._paper import errata
from ncst._table_text import markdown, tex

CAPTION = "Differences between models. Second run minus first run, on the same clips."
RATES = ("value_a", "value_a_sd", "value_b", "value_b_sd", "difference", "difference_low", "difference_high")


def comparison_texts(frame, notes):
    """Return ``{"csv", "md", "tex"}`` of the rows of `ncst.comparison.compare`, in percent."""
    frame = frame.assign(**{column: 100 * frame[column].astype(float) for column in RATES})
    notes, blocks = [*errata("paired"), *notes], _blocks(frame)
    blank = [c for c in ("detector", "value_a_sd", "value_b_sd", "mcnemar_p") if not frame[c].notna().any()]
    return {
        "csv": frame.drop(columns=blank).round(dict.fromkeys(RATES, 4)).to_csv(index=False),
        "md": markdown(CAPTION, blocks, notes),
        "tex": tex(CAPTION, blocks, notes),
    }


def _blocks(frame):
    """Return one block per pair of runs: splits and metrics down."""
    return [
        (f"{b} minus {a}", pd.DataFrame([_line(row) for row in part.to_dict("records")]).set_index("split"))
        for (a, b), part in frame.groupby(["a", "b"], sort=False)
    ]


def _line(row):
    p = row["mcnemar_p"]
    return {
        "split": row["split"],
        "metric": " ".join(filter(None, (row["detector"], row["metric"]))),
        "clips": f"{row['clips']}",
        "first": _value(row["value_a"], row["value_a_sd"]),
        "second": _value(row["value_b"], row["value_b_sd"]),
        "difference": f"{row['difference']:+.2f} [{row['difference_low']:+.2f}, {row['difference_high']:+.2f}]",
        "p": "" if pd.isna(p) else f"{p:.2g}",
    }


def _value(value, sd):
    return f"{value:.2f}" if pd.isna(sd) else f"{value:.2f} ± {sd:.2f}"
