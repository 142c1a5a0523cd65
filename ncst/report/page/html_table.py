"""Tables of the page: plain rows that sort by a key, with the same content as a CSV download."""

import base64
import itertools
import math
from dataclasses import dataclass, field

from ncst.core.csv_text import csv_text


@dataclass(frozen=True)
class Cell:
    """One table cell: what is shown, what it sorts by, and for a measurement (percent) what stands beside it."""

    text: str
    sort: str | float = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    sd: float | None = None
    paper: float | None = None
    corrected: float | None = None


@dataclass(frozen=True)
class Table:
    """A sortable table.

    Attributes
    ----------
    name, title, text : str
        Identifier (also the downloads' file name), heading, explanation.
    columns : list of (str, bool)
        Title, and whether the column holds numbers.
    rows : list of list of Cell
    files : dict of str to (str, bytes)
        Downloads: kind to media type and content; by default the shown texts as CSV.
    notes : list of str
        Footnotes.
    groups : list of (str, int)
        Headings over several columns, with how many each spans.
    """

    name: str
    title: str
    text: str
    columns: list
    rows: list
    files: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    groups: list = field(default_factory=list)

    @property
    def measured(self):
        """Whether the table holds measurements rather than counts and names."""
        return any(cell.value is not None for row in self.rows for cell in row)

    @property
    def starts(self):
        """Positions of the columns that begin a group, but for the first."""
        return list(itertools.accumulate(span for _, span in self.groups))[:-1]

    @property
    def downloads(self):
        """The table's files as (kind, file name, data-URI)."""
        files = self.files or {"CSV": ("text/csv", self._csv())}
        endings = {"CSV": "csv", "Markdown": "md", "LaTeX": "tex"}
        return [
            (kind, f"{self.name}.{endings[kind]}", f"data:{mime};base64,{base64.b64encode(content).decode()}")
            for kind, (mime, content) in files.items()
        ]

    def _csv(self):
        rows = ([cell.text for cell in row] for row in self.rows)
        return csv_text((title for title, _ in self.columns), rows).encode()


def cell(value, digits=2):
    """Return *value* as a `Cell`: numbers sort as numbers, None and NaN show as a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Cell("–", -math.inf)
    if isinstance(value, str):
        return Cell(value, value.lower())
    if not isinstance(value, float):
        return Cell(f"{value:,}", float(value))
    tiny = 0 < abs(value) < 0.5 * 10**-digits
    return Cell(f"{value:.1g}" if tiny else f"{value:,.{digits}f}", float(value))


def table(name, title, text, columns, rows):
    """Return a `Table` of plain values; a column of numbers and None alone is numeric."""
    rows = [list(row) for row in rows]
    kinds = [{type(row[i]) for row in rows} - {type(None)} for i in range(len(columns))]
    numeric = [bool(kind) and kind <= {int, float} for kind in kinds]
    return Table(name, title, text, list(zip(columns, numeric, strict=True)), [[cell(v) for v in row] for row in rows])
