import hashlib
import re
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from helpers import tiny_codecs

from ncst import registry
from ncst.audio import resynthesize
from ncst.audio.codecs._base import Base
from ncst.core.job import job
from ncst.errors import NcstError
from ncst.formats.shards import iter_clips, read_notes, read_rows

RATE = 16_000


def tone(seconds, rate=RATE, level=0.1):
    t = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 220 * t) * (1 + np.sin(2 * np.pi * 3 * t))).astype(np.float32)


@pytest.fixture
def sources(tmp_path):
    """A source set of one good file of every kind and one bad file of every kind."""
    good = {
        "mono": (tone(1.0), RATE),
        'it\'s "stereo" 44k': (np.stack([tone(1.2, 44_100)] * 2, axis=1), 44_100),
        "short_but_fine": (tone(0.6), RATE),
    }
    files = {}
    for name, (samples, rate) in good.items():
        files[name] = tmp_path / f"{name}.wav"
        soundfile.write(files[name], samples, rate)
    for name, samples in {
        "silent": np.zeros(RATE, np.float32),
        "tiny": tone(0.2),
        "nan": np.full(RATE, np.nan, np.float32),
        "loud": 1000 * tone(1.0),
        "noted": 8 * tone(1.0),
    }.items():
        files[name] = tmp_path / f"{name}.wav"
        soundfile.write(files[name], samples, RATE, subtype="FLOAT")
    files["text"] = tmp_path / "text.wav"
    files["text"].write_text("not audio")
    files["truncated"] = tmp_path / "truncated.flac"
    soundfile.write(files["truncated"], tone(2.0), RATE)
    files["truncated"].write_bytes(files["truncated"].read_bytes()[:60])
    files["absent"] = tmp_path / "absent.wav"
    rows = [
        {
            **{
                "utt_id": name,
                "corpus": "toy",
                "speaker": "s1",
                "language": "en",
                "gender": "female",
                "kind": "bonafide",
                "reason": "cut off" if name == "noted" else None,
            },
            **{"path": path.name, "sample_rate": RATE, "source_set": "toy", "shard": "00000-of-00001", "row": i},
        }
        for i, (name, path) in enumerate(files.items())
    ]
    path = tmp_path / "sources.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def real_shard(sources, tmp_path, config):
    out = tmp_path / "real.parquet"
    resynthesize.write_real(sources, "00000-of-00001", config["codecs"]["real"], out, {"toy": tmp_path})
    return out


def test_bad_recordings_become_rows_with_a_reason(real_shard):
    reasons = {row["utt_id"]: row["reason"] for row in read_rows(real_shard)}
    assert reasons.pop("mono") is None
    assert reasons.pop('it\'s "stereo" 44k') is None
    assert reasons.pop("short_but_fine") is None
    assert re.fullmatch(r"peak of \d+, scaled to full scale", reasons["loud"])
    assert re.fullmatch(r"cut off; peak of 1\.\d+, scaled to full scale", reasons["noted"])
    clips = {row["utt_id"]: samples for row, samples in iter_clips(real_shard)}
    np.testing.assert_allclose(clips["loud"] / clips["loud"].max(), clips["mono"] / clips["mono"].max(), atol=1e-3)
    assert "silent" in reasons["silent"]
    assert "shorter than 0.5 s" in reasons["tiny"]
    assert "NaN" in reasons["nan"]
    for name in ("text", "truncated", "absent"):
        assert reasons[name].startswith("not decodable"), reasons[name]


def test_recordings_that_are_longer_than_allowed_are_failures(sources, tmp_path, config):
    out = tmp_path / "real.parquet"
    resynthesize.write_real(
        sources, "00000-of-00001", config["codecs"]["real"], out, {"toy": tmp_path}, max_duration=1.1
    )
    rows = {row["utt_id"]: row for row in read_rows(out)}
    assert (rows['it\'s "stereo" 44k']["status"], rows["mono"]["status"]) == ("failed", "ok")
    assert rows['it\'s "stereo" 44k']["reason"] == "longer than 1.1 s"


def test_real_clips_keep_rate_level_and_order(real_shard):
    clips = {row["utt_id"]: (row, samples) for row, samples in iter_clips(real_shard)}
    assert list(clips)[:3] == ["mono", 'it\'s "stereo" 44k', "short_but_fine"]
    row, samples = clips['it\'s "stereo" 44k']
    assert len(samples) == 19_200
    assert row["native_rate"] == RATE or row["native_rate"] == 44_100
    assert row["label"] == 0
    assert row["clip_id"] == row["utt_id"]
    np.testing.assert_allclose(samples, tone(1.2), atol=2e-3)


def test_shard_is_a_typed_audio_dataset_with_a_checksum(real_shard):
    schema = pq.read_schema(real_shard)
    assert b'"_type": "Audio"' in schema.metadata[b"huggingface"]
    content = hashlib.sha256()
    for value in pq.read_table(real_shard, columns=["audio"])["audio"].to_pylist():
        content.update(value["bytes"] if value else b"\0")
    assert schema.metadata[b"audio_sha256"].decode() == content.hexdigest()


def entry(**more):
    taxonomy = {"vq": "mvq", "aux": "none", "dec": "time"}
    return {"class_id": 12, "title": "Toy", "taxonomy": taxonomy, "module": "toy", "bitrate_kbps": 1.0, **more}


class Halving(Base):
    needs_weights = False

    def forward(self, audio):
        return audio * 0.5


class NanOnLong(Halving):
    def forward(self, audio):
        return audio * (float("nan") if audio.shape[1] > 18_000 else 1)


@pytest.fixture
def toy(monkeypatch):
    def use(cls):
        monkeypatch.setattr(resynthesize.registry, "load", lambda family, name: cls)

    return use


def test_codec_shard_mirrors_the_real_one(real_shard, tmp_path, toy):
    toy(Halving)
    out = tmp_path / "toy.parquet"
    resynthesize.resynthesize(real_shard, "toy", entry(), None, out, seed=1)
    real, made = list(iter_clips(real_shard)), list(iter_clips(out))
    assert [r["utt_id"] for r, _ in made] == [r["utt_id"] for r, _ in real]
    for (before, x), (after, y) in zip(real, made, strict=True):
        assert after["status"] == before["status"]
        assert after["reason"] == before["reason"]
        if x is not None:
            assert after["clip_id"] == f"toy_{before['utt_id']}"
            assert after["rms_db"] == pytest.approx(before["rms_db"] - 6.02, abs=0.1)
            np.testing.assert_allclose(y, x / 2, atol=4e-5)


class Loud(Halving):
    def forward(self, audio):
        return audio * 8


def test_what_full_scale_cannot_hold_is_counted_in_the_note(real_shard, tmp_path, toy):
    toy(Loud)
    out = tmp_path / "toy.parquet"
    resynthesize.resynthesize(real_shard, "toy", entry(), None, out, seed=1)
    real = {row["utt_id"]: samples for row, samples in iter_clips(real_shard)}
    reasons = {row["utt_id"]: row["reason"] for row in read_rows(out)}
    beyond = np.count_nonzero(np.abs(8 * real["mono"]) > 1)
    assert beyond and reasons["mono"] == f"{beyond:,} of 16,000 samples beyond full scale, clipped"
    assert re.fullmatch(r"cut off; peak of .* scaled to full scale; [\d,]+ of .* clipped", reasons["noted"])


def test_codec_failures_above_the_limit_stop_the_shard(real_shard, tmp_path, toy):
    toy(NanOnLong)
    out = tmp_path / "toy.parquet"
    with pytest.raises(NcstError, match=r"failed on 1 of 5 clips.*NaN"):
        resynthesize.resynthesize(real_shard, "toy", entry(), None, out, seed=1)
    assert list(tmp_path.glob("*toy.parquet*")) == []


def test_codec_failures_below_the_limit_are_recorded(real_shard, tmp_path, toy):
    toy(NanOnLong)
    out = tmp_path / "toy.parquet"
    resynthesize.resynthesize(real_shard, "toy", entry(), None, out, seed=1, max_failed=0.5)
    row = next(r for r in read_rows(out) if "stereo" in r["utt_id"])
    assert (row["status"], row["reason"]) == ("failed", "codec returned NaN or infinity")


def test_same_seed_same_bytes(real_shard, tmp_path, toy):
    toy(Halving)
    for name in "ab":
        resynthesize.resynthesize(real_shard, "toy", entry(), None, tmp_path / name, seed=1)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_spoofed_sources_carry_no_class(sources, tmp_path, config):
    table = pq.read_table(sources).to_pylist()
    pq.write_table(pa.Table.from_pylist([row | {"kind": "spoof"} for row in table]), sources)
    resynthesize.write_real(
        sources, "00000-of-00001", config["codecs"]["real"], tmp_path / "spoof.parquet", {"toy": tmp_path}
    )
    assert {row["label"] for row in read_rows(tmp_path / "spoof.parquet")} == {None}
    assert config["splits"]["ood_vocoder"]["label"] == 7


@pytest.mark.parametrize("name", ["snac", "dac"])
def test_less_precision_is_measured_and_noted(real_shard, tmp_path, name):
    weights = tiny_codecs.write(name, tmp_path / "weights.safetensors")
    for precision in ("fp32", "bf16"):
        made = entry(module=name, **({"precision": precision} if precision != "fp32" else {}))
        resynthesize.resynthesize(real_shard, name, made, weights, tmp_path / f"{precision}.parquet", 1, max_failed=1.0)
    assert read_notes(tmp_path / "fp32.parquet") == {}
    noted = read_notes(tmp_path / "bf16.parquet")["precision"]
    assert noted.pop("name") == "bf16" and noted.pop("clips") == 5
    codec = registry.load("codecs", name)({"precision": "bf16"}, weights)
    clips = [samples for _, samples in iter_clips(real_shard) if samples is not None]
    found = codec.difference([codec.prepare(clip) for clip in clips])
    assert noted == {key: found[key] for key in ("equal_codes", "relative_error")}
    assert 0.3 < noted["equal_codes"] < 1 and 1e-3 < noted["relative_error"] < 1.5
    codec.precision = "fp32"
    assert codec.difference([codec.prepare(clips[0])])["relative_error"] == 0


def test_a_gpu_lost_in_the_middle_leaves_no_shard(real_shard, tmp_path, monkeypatch):
    heard = []

    class Lost(Halving):
        def forward(self, audio):
            heard.append(len(audio))
            if len(heard) == 3:
                raise torch.AcceleratorError("CUDA error: device lost")
            return audio

    monkeypatch.setattr(resynthesize.registry, "load", lambda *_: Lost)
    snakemake = SimpleNamespace(log=[tmp_path / "log"], rule="resynthesize")
    with pytest.raises(SystemExit, match="error in resynthesize: The GPU was lost in the middle"), job(snakemake):
        resynthesize.resynthesize(real_shard, "toy", entry(), None, tmp_path / "out" / "x.parquet", 1)
    assert len(heard) >= 3 and not list((tmp_path / "out").glob("*"))
