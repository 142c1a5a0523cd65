"""Exports: layouts other tools read, from shards and manifests."""

import csv
import hashlib
import json
import tarfile
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from helpers.loaded import files_of, rows_of
from helpers.shard_rows import row
from typer.testing import CliRunner

from ncst.audio.write_manifest import write_manifest
from ncst.cli import app
from ncst.core.files import atomic_folder
from ncst.errors import NcstError
from ncst.exchange import export as module
from ncst.exchange.export import LAYOUTS, _write_utterances, export
from ncst.exchange.release_listing import read_utterances
from ncst.formats.shards import iter_clips, write_shard
from ncst.formats.sources import write_sources
from ncst.plan.official_release import UTTERANCES

SHARDS = [f"toy/{codec}/{shard}.parquet" for codec in ("real", "dac") for shard in ("00000-of-00002", "00001-of-00002")]


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    for number, shard in enumerate(SHARDS):
        codec = shard.split("/")[1]
        rows = [row(codec, f"u{number % 2}{i}", 0 if codec == "real" else 11, ok=i != 1) for i in range(4)]
        rows = [clip | {"bitrate_kbps": 1.6} for clip in rows]
        write_shard(folder / "audio" / shard, rows)
    for split, shards in {"unseen_real/toy": SHARDS[:2], "eval_id": SHARDS}.items():
        paths = [folder / "audio" / shard for shard in shards]
        write_manifest(split, {}, paths, folder / "audio", folder / f"manifests/{split}.parquet")
    return folder


def test_wav_files_have_their_labels_beside_them(results, tmp_path):
    assert export(results, tmp_path / "out", "wav") == {"eval_id": 12, "unseen_real/toy": 6}
    with (tmp_path / "out/eval_id/metadata.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {r["bitrate_kbps"] for r in rows} == {"1.6"}
    assert {r["file_name"] for r in rows} == {p.name for p in (tmp_path / "out/eval_id").glob("*.wav")}
    assert {(r["codec"], r["label"]) for r in rows} == {("real", "0"), ("dac", "11")}
    first = next(samples for _, samples in iter_clips(results / "audio" / SHARDS[0]))
    samples, rate = soundfile.read(tmp_path / "out/eval_id/u00.wav", dtype="float32")
    assert rate == 16_000
    assert (samples == first).all()


def test_tars_are_the_same_bytes_every_time(results, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CLIPS_PER_TAR", 5)
    for name in ("one", "two"):
        export(results, tmp_path / name, "webdataset", ["eval_id"])
    tars = sorted((tmp_path / "one").rglob("*.tar"))
    assert [tar.name for tar in tars] == [f"eval_id-{i:06d}.tar" for i in range(3)]
    for tar in tars:
        again = tmp_path / "two" / tar.name
        assert hashlib.sha256(tar.read_bytes()).digest() == hashlib.sha256(again.read_bytes()).digest()
    with tarfile.open(tars[-1]) as tar:
        names = tar.getnames()
        facts = json.load(tar.extractfile("u13.json"))
        samples, rate = soundfile.read(tar.extractfile("u13.flac"))
    assert names == ["u12.flac", "u12.json", "u13.flac", "u13.json"]
    assert facts["label"] == {"real": 0, "dac": 11}[facts["codec"]]
    assert (rate, len(samples)) == (16_000, 8000)
    assert np.isclose(samples, 0.1, atol=1e-4).all()


ODD = ("0004", "a.b.c", ".hidden", "=1+1", "two words", "語%2E", "NA")


@pytest.fixture
def odd(tmp_path):
    """Splits whose columns look like other types: speakers of digits alone, nothing but nulls; one of one clip."""
    folder = tmp_path / "results"
    known = [row("real", name, 0) | {"speaker": "0003", "gender": None, "bitrate_kbps": None} for name in ODD]
    write_shard(folder / "audio/toy/real/00000-of-00001.parquet", known)
    write_shard(folder / "audio/toy/dac/00000-of-00001.parquet", [row("dac", name, 11) for name in ODD])
    write_sources(
        folder / "sources/toy.parquet", "toy", [{"utt_id": name, "corpus": "toy"} for name in (*ODD, "alone")], []
    )
    write_shard(folder / "audio/toy/mimi/00000-of-00001.parquet", [row("mimi", "alone", 1)])
    for split, codec in {"alm/moshi": "real", "ood_multi": "dac", "dev": "mimi"}.items():
        shard = folder / f"audio/toy/{codec}/00000-of-00001.parquet"
        write_manifest(split, {}, [shard], folder / "audio", folder / f"manifests/{split}.parquet")
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_exported_clip_is_loaded_whatever_it_is_called(odd, tmp_path, layout):
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    out = tmp_path / "a/b/c/out"
    export(odd, out, layout)
    assert all(path.is_relative_to(out) for path in {*tmp_path.rglob("*")} - before if path.is_file())
    loaded = rows_of(out, tmp_path / "cache") if layout == "webdataset" else files_of(out)
    counts = {"alm_moshi": len(ODD), "ood_multi": len(ODD), "dev": 1}
    assert {split: len(rows) for split, rows in loaded.items()} == counts
    for split, prefix, speaker in (("alm_moshi", "", "0003"), ("ood_multi", "dac_", "s")):
        facts = [r["json"] if layout == "webdataset" else r for r in loaded[split]]
        assert [r["clip_id"] for r in facts] == [prefix + name for name in ODD]
        assert {r["speaker"] for r in facts} == {speaker}
        if layout == "webdataset":
            assert [unquote(r["__key__"]) for r in loaded[split]] == [prefix + name for name in ODD]
            assert all(r["flac"][:4] == b"fLaC" for r in loaded[split])
        else:
            assert all(Path(r["audio"]).is_file() for r in loaded[split])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("utt_id", ["../../out", "/etc/x", "..", "a\\b", "a\nb", "nul", "x" * 300])
def test_an_id_that_leads_elsewhere_is_refused(tmp_path, layout, utt_id):
    shard = tmp_path / "results/audio/toy/real/00000-of-00001.parquet"
    write_shard(shard, [row("real", "x", 0)])
    table = pq.read_table(shard)
    table = table.set_column(1, "utt_id", pa.array([utt_id])).set_column(0, "clip_id", pa.array([utt_id]))
    pq.write_table(table.replace_schema_metadata(pq.read_schema(shard).metadata), shard)
    audio = tmp_path / "results/audio"
    write_manifest("eval_id", {"label": 0}, [shard], audio, tmp_path / "results/manifests/eval_id.parquet")
    before = {*tmp_path.rglob("*")}
    with pytest.raises(NcstError, match=r"can name no file, it .*: rename it in its corpus"):
        export(tmp_path / "results", tmp_path / "a/b/out", layout)
    assert {*tmp_path.rglob("*")} - before <= {tmp_path / "a", tmp_path / "a/b"}


def test_two_clips_are_never_one_file(results, tmp_path):
    manifest = results / "manifests/eval_id.parquet"
    table = pq.read_table(manifest)
    pq.write_table(pa.concat_tables([table, table]), manifest)
    with pytest.raises(NcstError, match=r"names the clip .* twice: run the workflow again"):
        export(results, tmp_path / "out", "webdataset", ["eval_id"])


def test_no_cell_is_a_formula_and_an_export_is_read_back_as_it_was(odd, tmp_path):
    export(odd, tmp_path / "out", "wav", ["ood_multi"])
    (tmp_path / "release/label").mkdir(parents=True)
    _write_utterances(odd, ["toy"], tmp_path / "release" / UTTERANCES)
    for table in (tmp_path / "out/ood_multi/metadata.csv", tmp_path / "release" / UTTERANCES):
        with table.open(encoding="utf-8") as file:
            cells = [cell for line in csv.reader(file) for cell in line]
        assert "'=1+1" in cells and not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert [set(rows) for rows in read_utterances(tmp_path / "release").values()] == [{*ODD, "alone"}]


def test_nothing_is_overwritten_or_half_written(results, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(NcstError, match="out exists and is not overwritten: delete it, or name another"):
        export(results, tmp_path / "out", "wav")
    (results / "audio" / SHARDS[3]).write_bytes(b"no")
    with pytest.raises(NcstError, match="not a readable shard"):
        export(results, tmp_path / "broken", "wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "results"]
    with pytest.raises(NcstError, match=r"Cannot write .*00000-of-00002.parquet/x"):
        atomic_folder(results / "audio" / SHARDS[0] / "x").__enter__()


@pytest.mark.parametrize(
    ("layout", "splits", "sentence"),
    [
        ("mp3", None, "no layout 'mp3': use one of"),
        ("wav", ["eval"], r"has no splits \['eval'\]: use some of \['eval_id', 'unseen_real/toy'\]"),
        ("st-codecfake", ["unseen_real/toy"], "no place for the split 'unseen_real/toy': use `--layout wav`"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(results, tmp_path, layout, splits, sentence):
    with pytest.raises(NcstError, match=sentence):
        export(results, tmp_path / "out", layout, splits)
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_wrote(results, tmp_path):
    arguments = [
        "export",
        "--layout",
        "wav",
        "--results",
        str(results),
        "--out",
        str(tmp_path / "out"),
        "--split",
        "eval_id",
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "eval_id: 12 clips" in done.output
