"""Tables in text files: separators found, and no line that swallows the next or loses a field."""

import csv
import sys

from ncst.errors import NcstError

SEPARATORS = (",", "\t", "|", ";")
QUOTED = {",", ";"}  # tables separated by tabs or bars hold quotation marks as they are

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


def read_table(text, where, separator=None, quotes=None, header=None):
    """Return the rows of a table as dicts of str, empty cells left out.

    Parameters
    ----------
    text : str
        One row a line; the first names the columns, unless *header* does.
    where : str
        The file, for messages.
    separator : str, optional
        By default the one of ``, tab | ;`` that parts the first line into most fields.
    quotes : bool, optional
        Whether cells stand in quotation marks that do not belong to them; by default where ``,`` or ``;`` separates.
    header : list of str, optional
        The columns' names; a first line that repeats the first of them is left out.

    Raises
    ------
    NcstError
        Naming the line whose quotation marks do not pair, or that has more or fewer fields than the first.
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    separator = separator or max(SEPARATORS, key=lines[0].count) if lines else ","
    if len(separator) != 1:
        raise NcstError(f"The separator of {where} is one character, not {separator!r}: correct `separator:`.")
    quotes = separator in QUOTED if quotes is None else quotes
    rows, columns = [], header
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = _fields(line, number, where, separator) if quotes else line.split(separator)
        if columns is None:
            columns = [field.strip() for field in fields]
        elif not (header and fields[0] == header[0]):
            if len(fields) < len(columns) or (len(fields) > len(columns) and not header):
                raise NcstError(
                    f"Line {number} of {where} has {len(fields)} fields, not the {len(columns)} of "
                    f"{separator.join(columns)}: quote cells that hold {separator!r}, or set another `separator:`."
                )
            rows.append({name: field for name, field in zip(columns, fields) if field})
    return rows


def _fields(line, number, where, separator):
    try:
        (fields,) = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
    except csv.Error as error:
        raise NcstError(
            f'Line {number} of {where} has quotation marks that do not pair ({line[:60]!r}): write " in a cell as "", '
            "keep every row on one line, or set `quotes: false` where marks belong to the text."
        ) from error
    if any('"' in field for field in fields) and '""' not in line:
        raise NcstError(
            f'Line {number} of {where} has a quotation mark inside a cell ({line[:60]!r}): write it as "" in a quoted '
            "cell, or set `quotes: false` where marks belong to the text."
        )
    return fields
