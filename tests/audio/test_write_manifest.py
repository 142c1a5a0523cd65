import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.shard_rows import row

from ncst.audio.write_manifest import pair_up, thin, write_manifest
from ncst.errors import NcstError
from ncst.formats.manifests import read_manifest
from ncst.formats.shards import write_shard


@pytest.fixture
def audio(tmp_path):
    folder = tmp_path / "audio"
    write_shard(
        folder / "toy/real/00000-of-00001.parquet",
        [row("real", "a", 0), row("real", "b", 0, ok=False), row("real", "c", 0)],
    )
    write_shard(
        folder / "toy/dac/00000-of-00001.parquet",
        [row("dac", "a", 11), row("dac", "b", 11, ok=False), row("dac", "c", 11)],
    )
    write_shard(folder / "toy/opus/00000-of-00001.parquet", [row("opus", "a", None)])
    return folder


def shards(audio, *codecs):
    return [audio / f"toy/{codec}/00000-of-00001.parquet" for codec in codecs]


def test_manifest_points_at_usable_clips(audio, tmp_path):
    out = tmp_path / "train.parquet"
    write_manifest("train", {}, shards(audio, "real", "dac"), audio, out)
    table = read_manifest(out)
    assert table["clip_id"].to_pylist() == ["a", "c", "dac_a", "dac_c"]
    assert table["label"].to_pylist() == [0, 0, 11, 11]
    assert table["row"].to_pylist() == [0, 2, 0, 2]
    assert table["shard_file"][2].as_py() == "toy/dac/00000-of-00001.parquet"
    facts = json.loads(table.schema.metadata[b"ncst"])
    assert facts["clips"] == 4
    assert facts["failed"] == {"real": 1, "dac": 1}
    stored = pq.read_schema(shards(audio, "dac")[0]).metadata[b"audio_sha256"].decode()
    assert facts["audio_sha256"]["toy/dac/00000-of-00001.parquet"] == stored


def test_label_of_the_split_wins(audio, tmp_path):
    write_manifest("single", {"label": 7}, shards(audio, "opus"), audio, tmp_path / "m.parquet")
    assert read_manifest(tmp_path / "m.parquet")["label"].to_pylist() == [7]


def test_an_unlabelled_split_has_no_labels(audio, tmp_path):
    entry = {"role": "unlabelled", "label": None}
    write_manifest("open", entry, shards(audio, "opus", "dac"), audio, tmp_path / "m.parquet")
    assert read_manifest(tmp_path / "m.parquet")["label"].to_pylist() == [None] * 3


@pytest.mark.parametrize(
    ("ratio", "counts"),
    [(1, (40, 14, 13, 13)), (1 / 2, (40, 26, 27, 27)), (1 / 6, (20, 40, 40, 40)), (1 / 3, (40, 40, 40, 40))],
)
def test_the_ratio_of_real_speech_to_codecs(ratio, counts):
    names = ("real", "dac", "mimi", "snac")
    rows = [{"utt_id": f"u{i}", "codec": codec} for codec in names for i in range(40)]
    table = pa.Table.from_pylist(rows)
    kept = thin(table, ratio, 688)
    found = Counter(kept["codec"].to_pylist())
    assert sorted(found.values()) == sorted(counts) and found["real"] == counts[0]
    assert kept == thin(table, ratio, 688)
    assert set(map(str, kept.to_pylist())) <= set(map(str, thin(table, 1 / 3, 688).to_pylist()))
    chosen = [{row["utt_id"] for row in kept.to_pylist() if row["codec"] == codec} for codec in names]
    smallest = min(chosen, key=len)
    assert all(smallest <= part for part in chosen), "codecs keep the same utterances"


def test_a_ratio_needs_both_kinds(audio, tmp_path):
    with pytest.raises(NcstError, match="clips of real speech and of codecs"):
        write_manifest("train", {"real_ratio": 1}, shards(audio, "real"), audio, tmp_path / "m.parquet")


@pytest.mark.parametrize(
    ("codecs", "sentence"),
    [(["opus"], "without a class"), (["dac", "dac"], "2 clips twice, first 'dac_a'")],
)
def test_bad_splits_are_refused(audio, tmp_path, codecs, sentence):
    with pytest.raises(NcstError, match=sentence):
        write_manifest("bad", {}, shards(audio, *codecs), audio, tmp_path / "m.parquet")
    assert not (tmp_path / "m.parquet").exists()


def test_a_split_without_usable_clips_is_refused(audio, tmp_path):
    write_shard(audio / "toy/real/00000-of-00001.parquet", [row("real", "b", 0, ok=False)])
    with pytest.raises(NcstError, match="no usable clip"):
        write_manifest("empty", {}, shards(audio, "real"), audio, tmp_path / "m.parquet")


def test_other_files_are_no_manifests(audio, tmp_path):
    with pytest.raises(NcstError, match="lacks the columns"):
        read_manifest(shards(audio, "dac")[0])
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(NcstError, match="not a readable manifest"):
        read_manifest(tmp_path / "x.parquet")


KINDS = {
    "real": ("real", "real", "real"),
    "mimi": ("mvq", "sem", "time"),
    "snac": ("mvq", "none", "time"),
    "facodec": ("mvq", "dis", "time"),
    "wavtokenizer": ("svq", "none", "freq"),
}


@pytest.fixture
def parallel(tmp_path):
    folder = tmp_path / "audio"
    for label, (codec, kinds) in enumerate(KINDS.items()):
        rows = [row(codec, f"u{i:03d}", label, ok=(codec, i) != ("real", 5), kinds=kinds) for i in range(41)]
        write_shard(folder / f"toy/{codec}/00000-of-00001.parquet", rows)
    return folder


@pytest.mark.parametrize(
    ("taxonomy", "classes"),
    [("vq", {"mvq": 20, "svq": 20}), ("aux", {"none": 14, "sem": 13, "dis": 13}), ("dec", {"time": 20, "freq": 20})],
)
def test_a_balanced_split_pairs_each_utterance_with_one_spoof(parallel, tmp_path, taxonomy, classes):
    out = tmp_path / "m.parquet"
    shards = [parallel / f"toy/{codec}/00000-of-00001.parquet" for codec in KINDS]
    entry = {"role": "taxonomy", "balance": taxonomy}
    write_manifest("t", entry, shards, parallel, out, seed=1)
    table = read_manifest(out)
    assert len(table) == 80
    real = [r for r in table.to_pylist() if r["label"] == 0]
    spoof = [r for r in table.to_pylist() if r["label"] == 1]
    assert {r["codec"] for r in real} == {"real"}
    assert sorted(r["utt_id"] for r in spoof) == sorted(r["utt_id"] for r in real)
    assert "u005" not in {r["utt_id"] for r in real}
    counts = Counter(r[taxonomy] for r in spoof)
    assert sorted(counts.values()) == sorted(classes.values())
    assert counts.keys() == classes.keys()
    for kind in classes:
        codecs = Counter(r["codec"] for r in spoof if r[taxonomy] == kind)
        assert max(codecs.values()) - min(codecs.values()) <= 1
        assert codecs.keys() == {c for c, kinds in KINDS.items() if kind in kinds}
    again = tmp_path / "again.parquet"
    write_manifest("t", entry, shards[::-1], parallel, again, seed=1)
    assert set(read_manifest(again)["clip_id"].to_pylist()) == set(table["clip_id"].to_pylist())
    assert pair_up(table, taxonomy, seed=7).num_rows == 80
