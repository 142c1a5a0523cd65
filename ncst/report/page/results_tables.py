"""The tables of ``<results>/tables`` in the published layout: models or detectors down, classes or conditions across.

A table with more than `WIDEST` columns of measurements, or with nothing that stands across, is shown row by row.
"""

from dataclasses import replace

import pandas as pd

from ncst.errors import NcstError
from ncst.formats import tables
from ncst.plan import paths
from ncst.report.page.html_table import Cell, Table, cell
from ncst.report.tables.write_tables import in_order

WIDEST = 24
DOWN = ("model", "detector", "perturbation")
KINDS = {".csv": ("CSV", "text/csv"), ".md": ("Markdown", "text/markdown"), ".tex": ("LaTeX", "application/x-tex")}


def results_tables(results):
    """Return a `Table` for every table of the tables folder, the paper's first; none where the folder is missing.

    A CSV file of the user's own is shown as it is.

    Raises
    ------
    NcstError
        If a file is damaged.
    """
    return [_shown(results, path) for path in in_order((results.folder / paths.TABLES).glob("*.csv"))]


def _shown(results, path):
    typed = path.with_suffix(".json")
    table = tables.read_table(typed) if typed.exists() else _own(path)
    title, _, text = table.caption.partition(". ")
    columns = {column.name: column for column in table.columns}
    if "detector" in columns:
        titles = [results.detector(name or "none") for name in columns["detector"].values]
        columns["detector"] = replace(columns["detector"], values=titles)
    measures = [column for column in columns.values() if column.beside]
    across = columns.get(table.across)
    if across and len(measures) * len(set(across.values)) > WIDEST:
        across = None
        columns = {name: column for name, column in columns.items() if name not in ("split", "seeds")}
    heads, groups, rows = _pivot(columns, measures, across) if across else _flat(columns)
    files = {kind: (mime, path.with_suffix(suffix)) for suffix, (kind, mime) in KINDS.items()}
    files = {kind: (mime, file.read_bytes()) for kind, (mime, file) in files.items() if file.exists()}
    return Table(path.stem, title, text, heads, rows, files, table.notes, groups)


def _own(path):
    try:
        frame = pd.read_csv(path, encoding="utf-8")
    except ValueError as error:
        raise NcstError(f"{path} is not a CSV table: delete it and run again ({error}).") from error
    return tables.Table.of(frame, path.stem.replace("_", " "))


def _pivot(columns, measures, across):
    down = [columns[name] for name in DOWN if name in columns]
    heads, grouped = list(dict.fromkeys(across.values)), len(measures) > 1
    titles = [(column.name.title(), False) for column in down]
    titles += [(measure.title if grouped else head, True) for head in heads for measure in measures]
    groups = [("", len(down)), *((head, len(measures)) for head in heads)] if grouped else []
    rows = {}
    for row, names in enumerate(zip(*(column.values for column in down))):
        rows.setdefault(names, {})[across.values[row]] = row
    empty, cells = cell(None), {measure.name: _cells(measure) for measure in measures}
    return (
        titles,
        groups,
        [
            [cell(name) for name in names]
            + [cells[m.name][found[head]] if head in found else empty for head in heads for m in measures]
            for names, found in rows.items()
        ],
    )


def _flat(columns):
    titles = [(column.title, column.numeric) for column in columns.values()]
    return titles, [], [list(row) for row in zip(*map(_cells, columns.values()))]


def _cells(column):
    if not column.beside:
        return [cell(value) for value in column.values]
    beside = [dict(zip(column.beside, parts)) for parts in zip(*column.beside.values())]
    return [_measurement(value, parts, column.percent) for value, parts in zip(column.values, beside)]


def _measurement(value, parts, percent):
    if value is None:
        return cell(None)
    if percent:
        return Cell(f"{value:.2f}", sort=value, value=value, **parts)
    span = "" if parts["low"] is None else " [{low:,.2f}, {high:,.2f}]".format(**parts)
    return Cell(f"{value:,.2f}{span}", value)
