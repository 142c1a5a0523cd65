"""The one reader and writer of Parquet files, and of JSON files with a schema."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ncst.core import parquet
from ncst.core.json_format import NUMBER, TEXT, Format, by_name, or_null, record
from ncst.errors import NcstError

THING = Format("thing", record({"name": TEXT, "rates": by_name(NUMBER)}, {"note": or_null(TEXT)}))


def test_a_table_comes_back_with_what_is_said_of_it(tmp_path):
    path = tmp_path / "new" / "a.parquet"
    parquet.write(path, pa.table({"a": [1, 2], "b": ["x", None]}), {"made": "here"}, row_group_size=1)
    found = parquet.read(path, iter(["b", "a"]))
    assert found.column_names == ["b", "a"] and found["b"].to_pylist() == ["x", None]
    assert parquet.facts(found.schema) == {"made": "here"} and parquet.facts(pa.schema([])) == {}
    assert pq.ParquetFile(path).num_row_groups == 2
    assert parquet.read(path, filters=[("a", "==", 2)])["a"].to_pylist() == [2]


@pytest.mark.parametrize("columns", [None, ["a"], ["a", "c"]])
def test_what_cannot_be_read_is_one_sentence(tmp_path, columns):
    path = tmp_path / "a.parquet"
    if columns == ["a", "c"]:
        parquet.write(path, pa.table({"a": [1]}))
    elif columns:
        path.write_text("no parquet")
    with pytest.raises(NcstError, match=r"a\.parquet is not a readable index: delete it and run again \(.+\)\."):
        parquet.read(path, columns, "index")


def test_json_comes_back_and_is_checked_both_ways(tmp_path):
    path, content = tmp_path / "a.json", {"name": "x", "rates": {"a": 0.5}, "note": None}
    THING.write(path, content)
    assert THING.read(path) == content and path.read_text().endswith("}\n")
    for wrong, told in (
        (content | {"rates": {"a": "high"}}, "at rates.a: 'high'"),
        (content | {"more": 1}, r"at the top: .*'more' was unexpected"),
        ({"name": "x"}, "'rates' is a required property"),
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(NcstError, match=rf"a\.json is not a readable thing: delete it and run again \(.*{told}"):
            THING.read(path)
        with pytest.raises(ValueError, match=f"no thing: .*{told}"):
            THING.write(tmp_path / "b.json", wrong)
    assert not (tmp_path / "b.json").exists()
    path.write_text("{")
    with pytest.raises(NcstError, match="not a readable thing"):
        THING.read(path)
