"""Probing: weird files become reasons, a second index opens nothing."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from helpers.containers import write_sound

from ncst.errors import NcstError
from ncst.formats import index
from ncst.speech import index_corpus

DIRECTORY = {"module": "directory", "title": "Mine"}


def tone(path, seconds=1.0, rate=16_000, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * rate)) / rate
    samples = np.repeat(0.3 * np.sin(2 * np.pi * 220 * time)[:, None], channels, axis=1)
    soundfile.write(path, samples, rate)
    return path


@pytest.fixture
def weird(tmp_path):
    root = tmp_path / "weird"
    tone(root / "good.wav")
    tone(root / 'it\'s a "quote" ü 中.flac', rate=44_100, channels=2)
    tone(root / "short.wav", seconds=0.2)
    tone(root / "silent.wav", seconds=0)
    (root / "empty.wav").touch()
    (root / "noise.wav").write_bytes(bytes(range(256)) * 8)
    whole = tone(root / "cut.flac").read_bytes()
    (root / "cut.flac").write_bytes(whole[:30])
    (root / "gone.wav").symlink_to(root / "nowhere.wav")
    (root / "loop.wav").symlink_to(root / "loop.wav")
    os.mkfifo(root / "pipe.wav")
    (root / "linked.wav").symlink_to(root)
    return root


def rows_of(path):
    return {row["utt_id"]: row for row in pq.read_table(path, schema=index.SCHEMA).to_pylist()}


def test_every_weird_file_is_a_row_with_a_reason(weird, tmp_path):
    out = tmp_path / "corpora" / "mine.parquet"
    assert index_corpus.index_corpus("mine", DIRECTORY, weird, out) == {
        "ok": 2,
        "rejected": len(list(weird.iterdir())) - 3,
    }
    rows = rows_of(out)
    assert {key: row["reason"] for key, row in rows.items() if key != "noise" and key != "cut"} == {
        "good": None,
        'it\'s a "quote" ü 中': None,
        "short": "shorter than 0.5 s",
        "silent": "no samples",
        "empty": "empty file",
        "gone": "No such file or directory",
        "loop": "Too many levels of symbolic links",
        "pipe": "not a file",
    }
    assert rows["noise"]["reason"].startswith("unreadable header")
    assert rows["cut"]["reason"].startswith("unreadable header")
    stereo = rows['it\'s a "quote" ü 中']
    assert (stereo["sample_rate"], stereo["channels"], stereo["status"]) == (44_100, 2, "ok")
    assert stereo["duration"] == pytest.approx(1.0)
    assert rows["good"]["corpus"] == "mine"


def test_a_table_may_name_folders_and_missing_files(tmp_path):
    tone(tmp_path / "a.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "t.csv").write_text("path\na.wav\nfolder.wav\nmissing.wav\n")
    out = tmp_path / "out.parquet"
    index_corpus.index_corpus("mine", DIRECTORY | {"settings": {"table": "t.csv"}}, tmp_path, out)
    assert [row["reason"] for row in rows_of(out).values()] == [None, "not a file", "No such file or directory"]


def test_a_name_that_is_not_utf8_is_rejected(tmp_path):
    tone(tmp_path / "c" / "a.wav")
    tone(tmp_path / "c" / "b.wav").rename(tmp_path / "c" / os.fsdecode(b"b\xff.wav"))
    out = tmp_path / "out.parquet"
    assert index_corpus.index_corpus("mine", DIRECTORY, tmp_path / "c", out) == {"ok": 1, "rejected": 1}
    assert [row["reason"] for row in rows_of(out).values()] == [None, "file name is not UTF-8"]


def test_no_usable_recording(tmp_path):
    tone(tmp_path / "c" / "a.wav", seconds=0.3)
    with pytest.raises(NcstError, match=r"None of the 1 recordings .* shorter than 0\.5 s"):
        index_corpus.index_corpus("mine", DIRECTORY, tmp_path / "c", tmp_path / "out.parquet")


def test_the_second_index_opens_only_what_changed(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        tone(tmp_path / "c" / f"{name}.wav")
    out = tmp_path / "results" / "mine.parquet"
    index_corpus.index_corpus("mine", DIRECTORY, tmp_path / "c", out)
    first = rows_of(out)
    tone(tmp_path / "c" / "b.wav", seconds=2)
    opened = []
    real = soundfile.SoundFile
    monkeypatch.setattr(
        index_corpus.soundfile, "SoundFile", lambda path: opened.append(os.fsdecode(path)) or real(path)
    )
    index_corpus.index_corpus("mine", DIRECTORY, tmp_path / "c", out)
    assert opened == [str(tmp_path / "c" / "b.wav")]
    second = rows_of(out)
    assert second["b"]["duration"] == pytest.approx(2.0)
    assert {k: second[k] for k in "ac"} == {k: first[k] for k in "ac"}


def test_remembered_headers_may_be_damaged_and_thresholds_may_change(tmp_path):
    tone(tmp_path / "c" / "a.wav")
    tone(tmp_path / "c" / "b.wav", seconds=0.4)
    out = tmp_path / "mine.parquet"
    index_corpus.index_corpus("mine", DIRECTORY, tmp_path / "c", out)
    assert index_corpus.index_corpus("mine", DIRECTORY, tmp_path / "c", out, min_duration=0.1) == {
        "ok": 2,
        "rejected": 0,
    }
    out.with_suffix(".headers").write_bytes(b"no parquet")
    assert index_corpus.index_corpus("mine", DIRECTORY, tmp_path / "c", out) == {"ok": 1, "rejected": 1}


def test_mixed_sample_rates_are_mentioned(tmp_path, caplog):
    for name, rate in (("a", 16_000), ("b", 16_000), ("c", 44_100)):
        tone(tmp_path / "c" / f"{name}.wav", rate=rate)
    index_corpus.index_corpus("mine", DIRECTORY, tmp_path / "c", tmp_path / "out.parquet")
    assert "mine: 1 of 3 recordings have 44100 Hz where most have 16000, first c.wav" in caplog.text


@pytest.mark.real
def test_real_speech(test_corpora, tmp_path):
    for name, folder in (("vctk", "VCTK-Corpus-0.92"), ("aishell3", "data_aishell3")):
        counts = index_corpus.index_corpus(name, {}, test_corpora / folder, tmp_path / f"{name}.parquet")
        assert sum(counts.values()) == 320
        assert counts["ok"] > 300


def patched(path, start, value):
    content = bytearray(path.read_bytes())
    content[start : start + len(value)] = value
    path.write_bytes(content)


def test_headers_that_lie_are_noted(tmp_path):
    """Sizes that are wrong, files cut in half, another format than the name says, a rate that is none."""
    root = tmp_path / "lying"
    names = ("half", "double", "endless", "stream", "flac_length", "cut", "slow")
    files = {name: tone(root / f"{name}.{'flac' if 'flac' in name else 'wav'}", seconds=2.0) for name in names}
    patched(files["half"], 40, (32_000).to_bytes(4, "little"))
    patched(files["double"], 40, (128_000).to_bytes(4, "little"))
    patched(files["endless"], 40, b"\xff\xff\xff\xff")
    patched(files["stream"], 40, (0x7FFFF000).to_bytes(4, "little"))
    patched(files["flac_length"], 21, bytes([files["flac_length"].read_bytes()[21] | 0x0F]) + b"\xff" * 4)
    patched(files["slow"], 24, (1).to_bytes(4, "little"))
    files["cut"].write_bytes(files["cut"].read_bytes()[:32_044])
    soundfile.write(root / "mp3.wav", soundfile.read(files["endless"])[0], 16_000, format="MP3")
    out = tmp_path / "mine.parquet"
    index_corpus.index_corpus("mine", DIRECTORY, root, out)
    rows = rows_of(out)
    assert {key: (row["status"], row["reason"]) for key, row in rows.items()} == {
        "half": ("ok", "32000 bytes after the samples that its header counts are left out"),
        "double": ("ok", "cut off: 64000 of 128000 bytes of samples are there"),
        "endless": ("ok", None),
        "stream": ("ok", None),
        "cut": ("ok", "cut off: 32000 of 64000 bytes of samples are there"),
        "mp3": ("ok", "MP3 in a file named .wav"),
        "slow": ("rejected", "sample rate of 1 Hz"),
        "flac_length": ("rejected", rows["flac_length"]["reason"]),
    }
    assert rows["flac_length"]["reason"].startswith("header counts 4,294,967 s in ")


def test_an_index_does_not_know_where_the_corpus_lies(tmp_path):
    tone(tmp_path / "here/spk/a.wav")
    elsewhere = tone(tmp_path / "far/b.wav")
    (tmp_path / "here/t.csv").write_text(f"path\nspk/a.wav\n{elsewhere}\n")
    entry = DIRECTORY | {"settings": {"table": "t.csv"}}
    index_corpus.index_corpus("mine", entry, tmp_path / "here", tmp_path / "first.parquet")
    (tmp_path / "here").rename(tmp_path / "there")
    index_corpus.index_corpus("mine", entry, tmp_path / "there", tmp_path / "second.parquet")
    assert (tmp_path / "first.parquet").read_bytes() == (tmp_path / "second.parquet").read_bytes()
    assert (tmp_path / "first.headers").read_bytes() == (tmp_path / "second.headers").read_bytes()
    assert [row["path"] for row in rows_of(tmp_path / "first.parquet").values()] == ["spk/a.wav", str(elsewhere)]


def test_containers_are_indexed_and_what_no_one_reads_is_a_row(tmp_path):
    sound = tone(tmp_path / "c/a.wav")
    samples = soundfile.read(sound, dtype="float32")[0]
    write_sound(tmp_path / "c/talk.m4a", samples)
    write_sound(tmp_path / "c/film.mov", samples, samples, codec="pcm_s16le")
    write_sound(tmp_path / "c/phone.wav", samples, format="mov")
    for name in ("old.ra", "raw.pcm", "broken.webm"):
        (tmp_path / "c" / name).write_bytes(bytes(range(256)) * 8)
    (tmp_path / "c/notes.txt").write_text("no recording")
    out = tmp_path / "out.parquet"
    assert index_corpus.index_corpus("mine", DIRECTORY, tmp_path / "c", out) == {"ok": 4, "rejected": 3}
    rows = rows_of(out)
    assert rows.keys() == {"a", "talk", "film", "phone", "old", "raw", "broken"}
    assert {key: row["reason"] for key, row in rows.items() if row["status"] == "ok"} == {
        "a": None,
        "talk": None,
        "film": "the first of 2 sound tracks",
        "phone": "MP4 in a file named .wav",
    }
    assert all(rows[key]["reason"].startswith("unreadable header") for key in ("old", "raw", "broken"))
    assert (rows["talk"]["duration"], rows["talk"]["sample_rate"]) == (pytest.approx(1, abs=0.15), 16_000)


def test_longer_recordings_are_rejected(tmp_path):
    for name, seconds in (("a", 1.0), ("b", 3.0)):
        tone(tmp_path / f"c/{name}.wav", seconds)
    out = tmp_path / "out.parquet"
    assert index_corpus.index_corpus("mine", DIRECTORY, tmp_path / "c", out, max_duration=2) == {"ok": 1, "rejected": 1}
    assert rows_of(out)["b"]["reason"] == "longer than 2 s"


def test_values_of_any_kind_in_a_parquet_table_are_text(tmp_path):
    for name in ("1", "b.wav"):
        soundfile.write(tmp_path / name, np.zeros(16_000), 16_000, format="WAV")
    rows = [("b.wav", "x\0", 7, None), ("a\0b", "y", 8, "bonafide"), ("1", "z", None, None)]
    names = ["path", "utt_id", "speaker", "kind"]
    pq.write_table(pa.table(dict(zip(names, map(list, zip(*rows))))), tmp_path / "t.parquet")
    pq.write_table(pa.table({"path": ["1", "/"], "utt_id": [0.5, None]}), tmp_path / "n.parquet")
    entry = {"title": "T", "settings": {"table": "t.parquet"}}
    assert index_corpus.index_corpus("directory", entry, tmp_path, tmp_path / "x.parquet") == {"ok": 1, "rejected": 2}
    reasons = [row["reason"] for row in index.read_index(tmp_path / "x.parquet")]
    assert reasons == ["its id 'x\\x00' holds a control character", "a name that no file can have", None]
    entry["settings"]["table"] = "n.parquet"
    index_corpus.index_corpus("directory", entry, tmp_path, tmp_path / "x.parquet")
    assert [row["utt_id"] for row in index.read_index(tmp_path / "x.parquet")] == ["0.5", ""]


@pytest.mark.parametrize("utt_id", ["../../OUTSIDE", "/tmp/OUTSIDE", "a\\b", "con", "x" * 201])
def test_an_id_that_names_no_file_is_a_reason(tmp_path, utt_id):
    for name in ("a.wav", "b.wav"):
        tone(tmp_path / "clips" / name)
    (tmp_path / "clips/clips.csv").write_text(f"path,utt_id\na.wav,{utt_id}\nb.wav,good\n")
    found = index_corpus.index_corpus("alm", {"title": "A"}, tmp_path / "clips", tmp_path / "x.parquet")
    assert found == {"ok": 1, "rejected": 1}
    assert index.read_index(tmp_path / "x.parquet")[0]["reason"].startswith(f"its id {utt_id[:80]!r} ")
