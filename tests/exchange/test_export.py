"""Exports: layouts other tools read, from shards and manifests."""

import csv
import hashlib
import json
import tarfile

import numpy as np
import pytest
import soundfile
from helpers.shard_rows import row
from typer.testing import CliRunner

from ncst.audio.write_manifest import write_manifest
from ncst.cli import app
from ncst.core.files import atomic_folder
from ncst.errors import NcstError
from ncst.exchange import export as module
from ncst.exchange.export import export
from ncst.formats.shards import iter_clips, write_shard

SHARDS = [f"toy/{codec}/{shard}.parquet" for codec in ("real", "dac") for shard in ("00000-of-00002", "00001-of-00002")]


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    for number, shard in enumerate(SHARDS):
        codec = shard.split("/")[1]
        rows = [row(codec, f"u{number % 2}{i}", 0 if codec == "real" else 11, ok=i != 1) for i in range(4)]
        write_shard(folder / "audio" / shard, rows)
    for split, shards in {"unseen_real/toy": SHARDS[:2], "eval_id": SHARDS}.items():
        paths = [folder / "audio" / shard for shard in shards]
        write_manifest(split, {}, paths, folder / "audio", folder / f"manifests/{split}.parquet")
    return folder


def test_wav_files_have_their_labels_beside_them(results, tmp_path):
    assert export(results, tmp_path / "out", "wav") == {"eval_id": 12, "unseen_real/toy": 6}
    with (tmp_path / "out/eval_id/metadata.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
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
        facts = json.load(tar.extractfile("00000011.json"))
        samples, rate = soundfile.read(tar.extractfile("00000011.flac"))
    assert names == ["00000010.flac", "00000010.json", "00000011.flac", "00000011.json"]
    assert facts["label"] == {"real": 0, "dac": 11}[facts["codec"]]
    assert (rate, len(samples)) == (16_000, 8000)
    assert np.isclose(samples, 0.1, atol=1e-4).all()


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
        ("wav", ["eval"], r"no manifest of \['eval'\]; it has \['eval_id', 'unseen_real/toy'\]: run"),
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
