"""The table of codecs, and its place in README."""

from pathlib import Path

import yaml

from ncst.plan.codec_table import codec_markdown, codec_table


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
