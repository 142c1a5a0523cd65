"""The table of codecs, and its place in README."""

from pathlib import Path

import pytest
import yaml

from ncst.errors import NcstError
from ncst.plan.codec_table import codec_markdown, codec_table, put_codec_table


def test_table_lists_every_entry(config):
    rows = codec_table(config)
    assert {row["name"] for row in rows} == set(config["codecs"])
    classes = [row["class_id"] for row in rows]
    assert classes == sorted(classes, key=lambda n: (n is None, n or 0))
    (encodec,) = [row for row in rows if row["name"] == "encodec"]
    assert encodec["kbps"] == 6.0 and encodec["taxonomy"] == "mvq/none/time" and encodec["known"] == "inferred"
    assert yaml.safe_dump(rows)


def test_the_readme_holds_the_row_of_every_codec_of_the_benchmark(config):
    readme = Path("README.md").read_text(encoding="utf-8").splitlines()
    assert [row for row in codec_markdown(config).splitlines() if row not in readme] == []


def test_the_table_is_put_between_its_marks(config, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("# Mine\n<!-- codecs -->\n| old |\n<!-- /codecs -->\nThe end\n", encoding="utf-8")
    for _ in range(2):
        put_codec_table(config, readme)
        wanted = f"# Mine\n<!-- codecs -->\n{codec_markdown(config)}\n<!-- /codecs -->\nThe end\n"
        assert readme.read_text(encoding="utf-8") == wanted
    readme.write_text("<!-- /codecs -->\n<!-- codecs -->\n", encoding="utf-8")
    with pytest.raises(NcstError, match="has no lines `<!-- codecs -->`"):
        put_codec_table(config, readme)
    with pytest.raises(NcstError, match="Cannot read"):
        put_codec_table(config, tmp_path / "none.md")
