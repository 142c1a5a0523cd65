"""CSV as this project writes it: no text that a spreadsheet takes for a formula."""

import csv
import re
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[Any]], end: str = "\n") -> str:
    r"""Return a table as CSV, its lines ended by *end*; None is an empty cell.

    An apostrophe stands before text that begins like a formula; numbers, also as text, stay what they are.

    >>> csv_text(["text", "dB"], [["=1+1", -3.5], ["-3.5", None]])
    "text,dB\n'=1+1,-3.5\n-3.5,\n"
    """
    lines: list[str] = []
    writer = csv.writer(SimpleNamespace(write=lines.append), lineterminator="\r\n")  # so that both are quoted in cells
    writer.writerow(map(_guarded, columns))
    writer.writerows(map(_guarded, row) for row in rows)
    return "".join(line.removesuffix("\r\n") + end for line in lines)


def _guarded(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) and not _number(value) else value


def _number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return text == text.strip()


def unguarded(text: str) -> str:
    """Return the text of a cell as it was before `csv_text` wrote it.

    >>> unguarded("'=1+1"), unguarded("'tis")
    ('=1+1', "'tis")
    """
    return text[1:] if text[:1] == "'" and _FORMULA.match(text[1:]) else text
