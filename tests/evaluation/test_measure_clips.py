"""Measures of clips: level, bandwidth, silence and noise of sounds that have known ones; manifests and limits."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.fake_results import write

from ncst.evaluation.measure_clips import measure, measure_clips
from ncst.formats.measures import MEASURES

RNG = np.random.default_rng(0)
NOISE = (0.1 * RNG.standard_normal(32_000)).astype(np.float32)


def tone(hz, seconds=1.0, peak=0.5):
    return (peak * np.sin(2 * np.pi * hz * np.arange(int(seconds * 16_000)) / 16_000)).astype(np.float32)


def test_level_and_duration():
    found = measure(tone(440))
    assert found["rms_db"] == pytest.approx(-9.03, abs=0.01) and found["peak_db"] == pytest.approx(-6.02, abs=0.01)
    assert found["seconds"] == 1


@pytest.mark.parametrize("hz", [1000, 3000, 7000])
def test_bandwidth_is_where_the_power_ends(hz):
    assert measure(tone(hz))["bandwidth_hz"] == pytest.approx(hz, abs=63)
    assert measure(NOISE)["bandwidth_hz"] > 7800


def test_silence_and_noise_floor():
    silence = lambda seconds: np.zeros(int(16_000 * seconds), np.float32)  # noqa: E731
    sound = np.concatenate([silence(0.5), tone(500), silence(0.2), tone(500), silence(1.5)]) + 1e-3 * np.resize(
        NOISE, 67_200
    ).astype(np.float32)
    found = measure(sound)
    assert (found["leading_s"], found["trailing_s"]) == (0.5, 1.5)
    assert found["noise_db"] == pytest.approx(-80, abs=1) and found["snr_db"] == pytest.approx(71, abs=1)


def test_every_measure_of_silence_and_of_a_single_sample_is_finite():
    for samples in (np.zeros(16_000, np.float32), np.array([0.1], np.float32)):
        found = measure(samples)
        assert tuple(found) == MEASURES and all(np.isfinite(value) for value in found.values())


def test_rows_are_those_of_the_manifest(tmp_path):
    results = write(tmp_path, per_shard=2)
    manifest, out = results / "manifests/eval_id.parquet", tmp_path / "measures.parquet"
    measure_clips(manifest, results / "audio", out, threads=2)
    found, wanted = pq.read_table(out).to_pydict(), pq.read_table(manifest).to_pydict()
    assert found["clip_id"] == wanted["clip_id"]
    np.testing.assert_allclose(found["seconds"], wanted["duration"], atol=1e-4)
    measure_clips(manifest, results / "audio", out, limit=5)
    few = pq.read_table(out).to_pydict()
    assert len(few["clip_id"]) == 5 and {*few["clip_id"]} < {*found["clip_id"]}
    assert few["rms_db"][0] == found["rms_db"][found["clip_id"].index(few["clip_id"][0])]
