"""CSV of this project: read back as it was, and without a formula."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ncst.core.csv_text import csv_text, unguarded

CELLS = st.text(st.one_of(st.sampled_from("=+-@'\t\r\n,\""), st.characters(codec="utf-8", exclude_characters="\0")))


def cells_of(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@given(st.lists(st.tuples(CELLS, CELLS)))
@example([("'=1", "''=1"), ("-", "\r=")])
def test_no_text_is_a_formula_and_all_is_read_back(rows):
    head, *read = cells_of(csv_text(["a", "b"], rows))
    assert head == ["a", "b"]
    assert [tuple(map(unguarded, row)) for row in read] == rows
    for cell in (cell for row in read for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))):
        assert float(cell.replace(",", "")) is not None


@pytest.mark.parametrize("value", [-3.5, -1, "-3.5", "+1e-5", "-1,234.5", "-inf", None, True, 0.1])
def test_numbers_stay_numbers(value):
    assert cells_of(csv_text(["x", "y"], [[value, "a"]]))[1] == ["" if value is None else str(value), "a"]
