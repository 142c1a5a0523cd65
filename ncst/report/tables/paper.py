"""The published tables that come with the project, as numbers to show beside our own."""

import pandas as pd
import yaml

from ncst.core.shipped import shipped

FOLDER = shipped("resources", "paper")


def published(table, *keys):
    """Return ``{(model, *keys): (printed, corrected)}`` of one table in percent; corrected is None where it is right.

    Parameters
    ----------
    table : str
        ``table3`` to ``table6``.
    *keys : str
        Columns that name a cell besides its model. Names are lower-case with underscores, as in the config.
    """
    frame = pd.read_csv(FOLDER / f"{table}.csv", dtype=dict.fromkeys(keys, str))
    value = next(name for name in ("f1", "accuracy", "value") if name in frame.columns)
    cells = {}
    for row in frame.dropna(subset=list(keys)).to_dict("records"):
        names = tuple(row[key] if key == "split" else _key(row[key]) for key in ("model", *keys))
        cells[names] = (row[value], None if pd.isna(row["corrected"]) else row["corrected"])
    return cells


def errata(table):
    """Return the footnotes (list of str) of one published table."""
    return yaml.safe_load((FOLDER / "errata.yaml").read_text(encoding="utf-8")).get(table, [])


def _key(name):
    return name.lower().replace("-", "_")
