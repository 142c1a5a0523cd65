"""The tables of ``<results>/tables`` in the published layout: models or detectors down, classes or conditions across.

A measurement is a column ``x`` with ``x_low``, ``x_high``, ``x_sd``, ``x_paper`` or ``x_corrected`` beside it: together
they become one cell. A table without a ``class`` or ``condition`` column, or with more than `WIDEST` columns of
measurements, is shown row by row.
"""

import pandas as pd

from ncst.errors import NcstError
from ncst.report.page.html_table import Cell, Table, cell
from ncst.report.tables.paper import errata
from ncst.report.tables.write_tables import CAPTIONS, METRICS, PLAIN, in_order

WIDEST = 24
PARTS = ("low", "high", "sd", "paper", "corrected")
KINDS = {".csv": ("CSV", "text/csv"), ".md": ("Markdown", "text/markdown"), ".tex": ("LaTeX", "application/x-tex")}


def results_tables(results):
    """Return a `Table` for every CSV file of the tables folder, the paper's first; none where the folder is missing.

    Raises
    ------
    NcstError
        If a file is not CSV.
    """
    return [_read(results, path) for path in in_order((results.folder / "tables").glob("*.csv"))]


def _read(results, path):
    try:
        frame = pd.read_csv(path, encoding="utf-8")
    except ValueError as error:
        raise NcstError(f"{path} is not a CSV table: delete it and run again ({error}).") from error
    title, _, text = CAPTIONS.get(path.stem, path.stem.replace("_", " ")).partition(". ")
    if "detector" in frame:
        frame["detector"] = [results.detector(name) for name in frame["detector"].fillna("none")]
    measures = [c for c in frame if any(f"{c}_{part}" in frame for part in PARTS)]
    across = next((c for c in ("class", "condition") if c in frame and measures), None)
    if across and len(measures) * frame[across].nunique() > WIDEST:
        frame, across = frame.drop(columns=["split", "seeds"], errors="ignore"), None
    columns, groups, rows = _pivot(frame, measures, across) if across else _flat(frame, measures)
    files = {kind: (mime, path.with_suffix(suffix)) for suffix, (kind, mime) in KINDS.items()}
    files = {kind: (mime, file.read_bytes()) for kind, (mime, file) in files.items() if file.exists()}
    notes = errata(path.stem) if path.stem in CAPTIONS else []
    return Table(path.stem, title, text, columns, rows, files, notes, groups)


def _pivot(frame, measures, across):
    keys = [c for c in ("model", "detector", "perturbation") if c in frame]
    heads = list(dict.fromkeys(frame[across]))
    grouped = len(measures) > 1
    columns = [(key.title(), False) for key in keys]
    columns += [(METRICS.get(measure, measure) if grouped else head, True) for head in heads for measure in measures]
    groups = [("", len(keys)), *((head, len(measures)) for head in heads)] if grouped else []
    rows = []
    for names, group in frame.groupby(keys, sort=False, dropna=False):
        found = {row[across]: row for row in group.to_dict("records")}
        cells = [_measurement(found.get(head, {}), measure) for head in heads for measure in measures]
        rows.append([cell(name) for name in names] + cells)
    return columns, groups, rows


def _flat(frame, measures):
    parts = {f"{measure}_{part}" for measure in measures for part in PARTS}
    shown = [c for c in frame if c not in parts]
    columns = [
        (METRICS.get(c, c[:1].upper() + c[1:].replace("_", " ")), c in measures or frame[c].dtype.kind in "if")
        for c in shown
    ]
    records = frame.to_dict("records")
    return columns, [], [[_measurement(row, c) if c in measures else cell(row[c]) for c in shown] for row in records]


def _measurement(row, name):
    numbers = {part: row.get(f"{name}_{part}") for part in ("value", *PARTS)} | {"value": row.get(name)}
    numbers = {part: None if pd.isna(number) else float(number) for part, number in numbers.items()}
    if name in PLAIN and numbers["value"] is not None:
        span = "" if numbers["low"] is None else " [{low:,.2f}, {high:,.2f}]".format(**numbers)
        return Cell(f"{numbers['value']:,.2f}{span}", numbers["value"])
    return (
        cell(None)
        if numbers["value"] is None
        else Cell(f"{numbers['value']:.2f}", **numbers | {"sort": numbers["value"]})
    )
