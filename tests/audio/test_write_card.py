"""The card beside the shards: every row of every shard is loaded, and rows of no other file."""

import pytest
from helpers.loaded import rows_of
from helpers.shard_rows import row

from ncst.audio.write_card import write_card
from ncst.errors import NcstError
from ncst.formats.shards import write_shard

SETS = {
    "st_eval": {codec: ["00000-of-00002", "00001-of-00002"] for codec in ("real", "dac-44k", "train")},
    "alm_test": {"real": ["00000-of-00001"]},
}


@pytest.fixture
def audio(tmp_path):
    for source_set, codecs in SETS.items():
        for codec, shards in codecs.items():
            for shard in shards:
                clips = [row(codec, f"{shard}_{i}", 0, ok=i != 1) | {"bitrate_kbps": 1.6} for i in range(3)]
                write_shard(tmp_path / source_set / codec / f"{shard}.parquet", clips)
    write_shard(tmp_path / "st_eval/real/00000-of-00001.parquet", [row("real", "stale", 0)])
    write_shard(tmp_path / "st_dev/real/00000-of-00001.parquet", [row("real", "of another configuration", 0)])
    write_card("toy", SETS, tmp_path, tmp_path / "README.md")
    return tmp_path


def test_every_row_arrives(audio, tmp_path):
    loaded = rows_of(audio, tmp_path / "cache")
    assert {split: len(rows) for split, rows in loaded.items()} == {"st_eval": 18, "alm_test": 3}
    first = loaded["st_eval"][0]
    assert (first["bitrate_kbps"], first["clip_id"]) == (1.6, "00000-of-00002_0")
    assert first["audio"]["bytes"][:4] == b"fLaC"
    assert [r["status"] for r in loaded["alm_test"]] == ["ok", "failed", "ok"]
    alone = rows_of(audio, tmp_path / "cache", "st_eval")
    assert {split: len(rows) for split, rows in alone.items()} == {"real": 6, "dac_44k": 6, "train": 6}
    assert {r["codec"] for r in alone["dac_44k"]} == {"dac-44k"}
    assert "| `st_eval` | `dac-44k` | 6 |" in (audio / "README.md").read_text()


def test_a_shard_that_is_missing_is_named(audio):
    (audio / "alm_test/real/00000-of-00001.parquet").unlink()
    with pytest.raises(NcstError, match=r"alm_test/real/00000-of-00001.parquet"):
        write_card("toy", SETS, audio, audio / "README.md")
