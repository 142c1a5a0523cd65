"""Result tables: columns that know what they hold, for the page and for every kind of file."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import pandas as pd

from ncst.core.csv_text import csv_text
from ncst.core.files import PathLike
from ncst.core.json_format import NUMBER, TEXT, YES_NO, Format, listing, or_null, record

PARTS = ("low", "high", "sd", "paper", "corrected")
_VALUE = {"type": ["string", "number", "null"]}
_BESIDE = record({}, dict.fromkeys(PARTS, listing(or_null(NUMBER))))
_COLUMN = record({"name": TEXT, "title": TEXT, "values": listing(_VALUE), "beside": _BESIDE, "percent": YES_NO})
_FORMAT = Format(
    "table of results",
    record({"caption": TEXT, "columns": listing(_COLUMN), "across": or_null(TEXT), "notes": listing(TEXT)}),
)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name, title : str
        In files, and for readers.
    values : list of str, int, float or None
        One per row.
    beside : dict of str to list of float or None
        What stands beside each value of a measurement, by `PARTS`: the ends of its interval, its spread over seeds,
        and the published value as printed and as corrected. Empty for any other column.
    percent : bool
        Whether a measurement is one of percent.
    """

    name: str
    title: str
    values: list[Any]
    beside: dict[str, list[Any]] = field(default_factory=dict)
    percent: bool = True

    @property
    def numeric(self) -> bool:
        """Whether the column holds numbers."""
        return all(value is None or isinstance(value, int | float) for value in self.values)


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes
    ----------
    caption : str
        Its first sentence is the title.
    columns : list of Column
    across : str or None
        The column whose values stand across where there is room, such as the classes.
    notes : list of str
        What a reader must know of its numbers.
    """

    caption: str
    columns: list[Column]
    across: str | None = None
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        caption: str,
        measurements: Mapping[str, pd.DataFrame] | None = None,
        titles: Mapping[str, str] | None = None,
        plain: Collection[str] = (),
        across: str | None = None,
    ) -> Self:
        """Return the table of the columns of a DataFrame.

        Parameters
        ----------
        frame : DataFrame
        caption : str
        measurements : dict of str to DataFrame, optional
            Column of *frame* to what stands beside it: columns of `PARTS`, rows as in *frame*.
        titles : dict of str to str, optional
            Titles of columns; default: their names, spaced and with a capital.
        plain : collection of str
            Measurements that are not of percent.
        across : str, optional
        """
        beside = {name: dict(_columns(parts)) for name, parts in (measurements or {}).items()}
        columns = [
            Column(
                name,
                (titles or {}).get(name, name[:1].upper() + name[1:].replace("_", " ")),
                values,
                beside.get(name, {}),
                name not in plain,
            )
            for name, values in _columns(frame)
        ]
        return cls(caption, columns, across)

    def __len__(self) -> int:
        return len(self.columns[0].values)

    def csv(self) -> str:
        """Return the table as CSV; what stands beside ``x`` are the columns ``x_low``, ``x_high`` and so on."""
        flat: dict[str, list[Any]] = {}
        for column in self.columns:
            flat |= {column.name: column.values}
            flat |= {f"{column.name}_{part}": values for part, values in column.beside.items()}
        return csv_text(flat, zip(*flat.values()))


def _columns(frame: pd.DataFrame) -> Iterator[tuple[str, list[Any]]]:
    """Yield name and values of the columns of *frame*."""
    for name in frame:
        yield name, [None if pd.isna(value) else value for value in frame[name].tolist()]


def read_table(path: PathLike) -> Table:
    """Return the `Table` in the JSON file *path*.

    Raises
    ------
    NcstError
        If the file holds none.
    """
    content = _FORMAT.read(path)
    columns = [Column(**column) for column in content.pop("columns")]
    return Table(columns=columns, **content)


def write_table(path: PathLike, table: Table) -> None:
    """Write *table* to the JSON file *path*."""
    _FORMAT.write(path, asdict(table))
