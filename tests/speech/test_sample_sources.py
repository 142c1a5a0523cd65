"""Source sets: disjoint, seeded, independent of order, and exact about what is missing."""

import json
import lzma
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from ncst.errors import NcstError
from ncst.formats import index
from ncst.speech import sample_sources

POOL = {
    "st_eval": {"pool": "st", "order": 1, "corpora": ["vctk", "aishell3"], "size": 40, "shard_size": 15},
    "st_dev": {"pool": "st", "order": 2, "corpora": ["vctk", "aishell3"], "size": 20, "shard_size": 15},
    "st_train": {"pool": "st", "order": 3, "corpora": ["vctk", "aishell3"], "size": 60, "shard_size": 15},
}


def table(prefix, speakers=8, utterances=20, **changes):
    return [
        {
            "utt_id": f"{prefix}{s:02d}_{u:03d}",
            "corpus": prefix,
            "speaker": f"{prefix}{s:02d}",
            "language": "zh" if prefix == "aishell3" else "en",
            "gender": "female",
            "text": None,
            "path": f"/{prefix}/{s}/{u}.wav",
            "kind": "bonafide",
            "subset": "R" if u % 2 else "C",
            "duration": 3.0,
            "sample_rate": 16_000,
            "channels": 1,
            "status": "ok",
            "reason": None,
        }
        | changes
        for s in range(speakers)
        for u in range(utterances)
    ]


@pytest.fixture
def tables():
    return {name: table(name) for name in ("vctk", "aishell3")}


def ids(drawn, name):
    return [row["utt_id"] for row in drawn[name][0]]


def test_sets_of_a_pool_share_nothing(tables):
    drawn = sample_sources.draw(tables, POOL, 688)
    chosen = [utt_id for name in POOL for utt_id in ids(drawn, name)]
    assert len(chosen) == len(set(chosen)) == 120
    assert {row["corpus"] for row in drawn["st_dev"][0]} == {"vctk", "aishell3"}


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_files(tables):
    first = sample_sources.draw(tables, POOL, 688)
    for rows in tables.values():
        random.Random(0).shuffle(rows)
    assert sample_sources.draw(dict(reversed(tables.items())), POOL, 688) == first
    assert ids(sample_sources.draw(tables, POOL, 1), "st_eval") != ids(first, "st_eval")


def test_more_utterances_change_the_draw_only_by_themselves(tables):
    first = set(ids(sample_sources.draw(tables, POOL, 688), "st_eval"))
    tables["vctk"] += table("vctk", speakers=9)[160:]
    second = set(ids(sample_sources.draw(tables, POOL, 688), "st_eval"))
    assert {utt_id for utt_id in second - first if not utt_id.startswith("vctk08")} == set()


def test_one_set_never_depends_on_those_drawn_after_it(tables):
    alone = sample_sources.draw(tables, {"st_eval": POOL["st_eval"]}, 688)
    assert alone["st_eval"] == sample_sources.draw(tables, POOL, 688)["st_eval"]


def test_order_decides_not_the_place_in_the_config(tables):
    shuffled = {name: POOL[name] for name in ("st_train", "st_eval", "st_dev")}
    assert list(sample_sources.pool_of("st_dev", shuffled)) == ["st_eval", "st_dev", "st_train"]
    assert list(sample_sources.pool_of("other", POOL | {"other": {"corpora": ["vctk"]}})) == ["other"]


def test_shards_follow_from_the_config(tables):
    rows = sample_sources.draw(tables, POOL, 688)["st_eval"][0]
    assert [row["shard"] for row in rows] == sorted(row["shard"] for row in rows)
    counts = {}
    for row in rows:
        assert row["row"] == counts.get(row["shard"], 0)
        counts[row["shard"]] = row["row"] + 1
    assert counts == {"00000-of-00003": 13, "00001-of-00003": 13, "00002-of-00003": 14}
    assert {row["source_set"] for row in rows} == {"st_eval"}


def test_what_fits(tables):
    tables["vctk"] += table("spoofed", kind="spoof", corpus="vctk") + table("bad", status="rejected", corpus="vctk")
    one = {"corpora": ["vctk"], "shard_size": 999}
    assert len(sample_sources.draw(tables, {"a": one | {"size": 160}}, 1)["a"][0]) == 160
    with pytest.raises(NcstError, match=r"wants 161 .* only 160 .* lower `size: 161` in `sources: \{a: \.\.\.\}`"):
        sample_sources.draw(tables, {"a": one | {"size": 161}}, 1)
    spoofs = sample_sources.draw(tables, {"a": one | {"size": 160, "kind": "spoof"}}, 1)["a"][0]
    assert {row["kind"] for row in spoofs} == {"spoof"}
    subset = sample_sources.draw(tables, {"a": one | {"size": 80, "subset": "R"}}, 1)["a"][0]
    assert {row["subset"] for row in subset} == {"R"}
    with pytest.raises(NcstError, match=r"wants 5 .* only 0"):
        sample_sources.draw(tables, {"a": one | {"size": 5, "subset": ["X", "Y"]}}, 1)


def test_all_takes_every_utterance_that_is_left(tables):
    every = {"corpora": ["vctk"], "size": "all", "shard_size": 60}
    rows = sample_sources.draw(tables, {"a": every | {"shards": 3}}, 1)["a"][0]
    assert {row["utt_id"] for row in rows} == {row["utt_id"] for row in tables["vctk"]}
    assert [row["shard"] for row in rows] == ["00000-of-00003"] * 53 + ["00001-of-00003"] * 53 + ["00002-of-00003"] * 54
    for shards in (2, 161):
        with pytest.raises(NcstError, match=r"all 160 utterances, which do not fit .* set `shards: 3` in `sources: "):
            sample_sources.draw(tables, {"a": every | {"shards": shards}}, 1)
    pool = POOL | {"rest": every | {"pool": "st", "order": 4, "corpora": ["vctk", "aishell3"], "shards": 5}}
    drawn = {name: {row["utt_id"] for row in rows} for name, (rows, *_) in sample_sources.draw(tables, pool, 1).items()}
    assert len(drawn["rest"]) == sum(map(len, tables.values())) - 120
    assert not drawn["rest"] & (drawn["st_eval"] | drawn["st_dev"] | drawn["st_train"])


def test_all_of_a_list_is_what_it_names(tables, tmp_path):
    path = tmp_path / "ids.txt"
    path.write_text("\n".join([row["utt_id"] for row in tables["vctk"][:5]] + ["nowhere"]))
    options = {"corpora": ["vctk"], "size": "all", "shards": 2, "shard_size": 3, "ids": str(path)}
    rows, missing, _ = sample_sources.draw(tables, {"a": options}, 1)["a"]
    assert (len(rows), missing) == (5, ["nowhere"])
    rows, _, replaced = sample_sources.draw(tables, {"a": options | {"missing": "replace"}}, 1)["a"]
    assert (len(rows), len(replaced)) == (6, 1)


def test_a_pool_that_is_too_small_names_the_set_that_came_last(tables):
    with pytest.raises(NcstError, match="st_train wants 300"):
        sample_sources.draw(tables, POOL | {"st_train": POOL["st_train"] | {"size": 300}}, 688)


def test_balance(tables):
    tables["vctk"] = tables["vctk"][:30]
    both = {"corpora": ["vctk", "aishell3"], "shard_size": 99, "balance": "language"}
    rows = sample_sources.draw(tables, {"a": both | {"size": 51}}, 1)["a"][0]
    languages = [row["language"] for row in rows]
    assert (languages.count("en"), languages.count("zh")) == (25, 26)
    with pytest.raises(NcstError, match="wants 31 utterances in en"):
        sample_sources.draw(tables, {"a": both | {"size": 62}}, 1)


def test_speaker_disjoint(tables, tmp_path):
    pool = {name: options | {"speaker_disjoint": True} for name, options in POOL.items()}
    drawn = sample_sources.draw(tables, pool, 688)
    speakers = [{row["speaker"] for row in drawn[name][0]} for name in pool]
    assert not (speakers[0] & speakers[1] or speakers[0] & speakers[2] or speakers[1] & speakers[2])
    assert [len(drawn[name][0]) for name in pool] == [40, 20, 60]
    assert drawn != sample_sources.draw(tables, POOL, 688)
    listed = tmp_path / "ids.txt"
    listed.write_text("vctk00_000\n")
    with pytest.raises(NcstError, match="speaker_disjoint"):
        sample_sources.draw(tables, pool | {"st_eval": pool["st_eval"] | {"ids": str(listed)}}, 688)


@pytest.mark.parametrize("ending", ["txt", "txt.xz"])
def test_a_list_of_ids(tables, tmp_path, ending):
    listed = ["vctk00_000", "vctk00_001", "aishell301_002", "p999_001", "p999_002"]
    path = tmp_path / f"ids.{ending}"
    content = "\n".join(listed).encode()
    path.write_bytes(lzma.compress(content) if ending.endswith("xz") else content)
    pool = POOL | {"st_eval": POOL["st_eval"] | {"ids": str(path), "size": 5, "shard_size": 3}}
    drawn = sample_sources.draw(tables, pool, 688)
    rows, missing, replaced = drawn["st_eval"]
    assert replaced == []
    assert {row["utt_id"] for row in rows} == set(listed[:3])
    assert missing == ["p999_001", "p999_002"]
    assert [row["shard"] for row in rows] == ["00000-of-00002", "00001-of-00002", "00001-of-00002"]
    assert not set(listed) & set(ids(drawn, "st_train") + ids(drawn, "st_dev"))
    with pytest.raises(NcstError, match="wants 6"):
        sample_sources.draw(tables, {"st_eval": pool["st_eval"] | {"size": 6}}, 688)
    replacing = {"st_eval": pool["st_eval"] | {"missing": "replace"}} | {k: pool[k] for k in ("st_dev", "st_train")}
    rows, missing, replaced = sample_sources.draw(tables, replacing, 688)["st_eval"]
    assert (len(rows), len(missing), len(replaced)) == (5, 2, 2)
    assert {row["utt_id"] for row in rows} == {*listed[:3], *replaced}
    few = sample_sources.draw(tables, {"st_eval": pool["st_eval"] | {"size": 2}}, 688)
    assert len(few["st_eval"][0]) == 2


def test_lists_that_are_missing_empty_or_of_another_corpus(tables, tmp_path):
    options = {"corpora": ["vctk"], "size": 1, "shard_size": 1}
    with pytest.raises(NcstError, match="no list of ids"):
        sample_sources.draw(tables, {"a": options | {"ids": str(tmp_path / "x.txt")}}, 1)
    (tmp_path / "e.txt").write_text("\n\n")
    with pytest.raises(NcstError, match="is empty"):
        sample_sources.draw(tables, {"a": options | {"ids": str(tmp_path / "e.txt")}}, 1)
    (tmp_path / "o.txt").write_text("LA_E_1\n")
    with pytest.raises(NcstError, match=r"none of the 1 ids in .*o\.txt \(first 'LA_E_1'\) .* vctk: point `ids:`"):
        sample_sources.draw(tables, {"a": options | {"ids": str(tmp_path / "o.txt")}}, 1)
    (tmp_path / "l.txt").write_bytes("müller_1\n".encode("latin-1"))
    (tmp_path / "l.xz").write_bytes(b"no archive")
    for name in ("l.txt", "l.xz"):
        with pytest.raises(NcstError, match="not readable UTF-8"):
            sample_sources.read_ids(tmp_path / name)


def test_official_label_files(tables, tmp_path):
    """Three columns; class 0 names the utterances, and no other set draws them, whatever the order."""
    names = {"train": ["vctk00_000", "aishell301_002"], "dev": ["vctk00_001"]}
    for file, ids_ in names.items():
        lines = [f"{name}{i}.wav - {label}" for i in ids_ for label, name in enumerate(("", "mimi_", "encodec_"))]
        (tmp_path / f"{file}.txt").write_text("\n".join(lines) + "\n")
    pool = POOL | {
        "st_train": POOL["st_train"] | {"size": 2, "ids": str(tmp_path / "train.txt")},
        "st_dev": POOL["st_dev"] | {"size": 1, "ids": str(tmp_path / "dev.txt")},
        "st_eval": POOL["st_eval"] | {"size": 317},
    }
    drawn = sample_sources.draw(tables, pool, 688)
    assert sorted(ids(drawn, "st_train")) == sorted(names["train"])
    assert ids(drawn, "st_dev") == names["dev"]
    assert len({i for name in pool for i in ids(drawn, name)}) == 320


def test_lists_must_not_overlap(tables, tmp_path):
    (tmp_path / "a.txt").write_text("vctk00_000\n")
    pool = {name: POOL[name] | {"size": 1, "ids": str(tmp_path / "a.txt")} for name in ("st_eval", "st_dev")}
    with pytest.raises(NcstError, match=r"a\.txt of st_eval and .* of st_dev share 1 ids, first 'vctk00_000'"):
        sample_sources.draw(tables, pool, 688)


def test_corpora_of_a_pool_must_not_share_ids(tables):
    tables["aishell3"][0] = tables["aishell3"][0] | {"utt_id": "vctk00_000"}
    with pytest.raises(NcstError, match=r"/vctk/0/0\.wav and /aishell3/0/0\.wav"):
        sample_sources.draw(tables, POOL, 688)


def test_written_file(tables, tmp_path, caplog):
    paths = []
    for name, rows in tables.items():
        paths.append(tmp_path / f"{name}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, schema=index.SCHEMA), paths[-1])
    (tmp_path / "ids.txt").write_text("vctk00_000\nnobody\n")
    config = POOL | {"st_eval": POOL["st_eval"] | {"ids": str(tmp_path / "ids.txt"), "size": 2}}
    for name in config:
        sample_sources.sample_sources(name, paths, config, 688, tmp_path / f"{name}.out.parquet")
    written = pq.read_table(tmp_path / "st_eval.out.parquet")
    assert written.column_names == [*index.SCHEMA.names, "source_set", "shard", "row"]
    assert json.loads(written.schema.metadata[b"ncst"]) == {
        "source_set": "st_eval",
        "drawn": 1,
        "missing": ["nobody"],
        "replaced": [],
    }
    assert "lack 1 of the listed ids, skipped: nobody" in caplog.text
    train = pq.read_table(tmp_path / "st_train.out.parquet").to_pylist()
    assert len(train) == 60
    assert "vctk00_000" not in {row["utt_id"] for row in train}


@pytest.mark.parametrize(
    ("name", "count", "starts"),
    [
        ("st_codecfake_eval", 13_228, {"p": 4_451, "SSB": 8_777}),
        ("ncssd", 10_000, {"R-EN_": 5_000, "R-ZH_": 5_000}),
    ],
)
def test_shipped_lists(name, count, starts):
    ids = sample_sources.read_ids(f"resources/sources/{name}.txt.xz")
    assert len(ids) == count
    assert {start: sum(utt_id.startswith(start) for utt_id in ids) for start in starts} == starts


def test_default_sources_fit_the_demo_corpora():
    config = yaml.safe_load(Path("config/corpora.yaml").read_text(encoding="utf-8"))
    spoken = {name: entry["demo"] for name, entry in config["corpora"].items() if "demo" in entry}
    demos = {name: demo["speakers"] * demo["utterances"] for name, demo in spoken.items()}
    for name in (name for name, options in config["sources"].items() if spoken.keys() & options["corpora"]):
        pool = sample_sources.pool_of(name, config["sources"])
        corpora = {corpus for options in pool.values() for corpus in options["corpora"]}
        assert sum(options["size"] for options in pool.values()) <= sum(demos[corpus] for corpus in corpora)
