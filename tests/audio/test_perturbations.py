"""Perturbations: published values of RawBoost, what each does to the sound."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers.golden_models import golden_wave

from ncst.audio.delay import estimate_delay_ms
from ncst.audio.perturbations._base import Base
from ncst.audio.perturbations.rawboost import RawBoost
from ncst.errors import NcstError
from ncst.registry import build

ROOT = Path(__file__).parents[2]
ENTRIES = yaml.safe_load((ROOT / "config/perturbations.yaml").read_text())["perturbations"]
GOLDEN = Path(__file__).parents[1] / "golden/augmentation"
WAVE = golden_wave(3, 24_000)


def perturb(name, samples=WAVE, seed=0, **options):
    entry = ENTRIES.get(name, {})
    entry = entry | {"options": entry.get("options", {}) | options}
    return build("perturbations", name, entry)(samples, np.random.default_rng(seed))


def power(samples, low, high):
    """Power between two frequencies in Hz, in dB."""
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / 16_000)
    return 10 * np.log10(spectrum[(frequency >= low) & (frequency < high)].sum())


@pytest.mark.parametrize("algorithm", range(1, 9))
def test_rawboost_has_the_published_values(algorithm):
    facts = json.loads((GOLDEN / f"rawboost_{algorithm}.json").read_text())
    wanted = np.load(GOLDEN / f"rawboost_{algorithm}.npz")["output"]
    draws = np.random.RandomState(facts["numpy_seed"])
    found = RawBoost(algorithm).apply(golden_wave(facts["input"]["seed"], facts["input"]["samples"]), draws)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-7)


@pytest.mark.parametrize("algorithm", [1, 3])
def test_rawboost_filters_have_the_published_taps(algorithm):
    arrays = np.load(GOLDEN / f"rawboost_{algorithm}.npz")
    rawboost, draws = RawBoost(algorithm), np.random.RandomState(1234)
    if algorithm == 3:
        draws.standard_normal(16_000)
    for number, gain in enumerate(rawboost.gains[: sum(key.startswith("filter") for key in arrays)]):
        np.testing.assert_allclose(rawboost.filter(draws, gain), arrays[f"filter{number}"], rtol=0, atol=1e-12)


def test_rawboost_with_the_projects_generator_is_spread_as_published():
    wanted = json.loads((GOLDEN / "rawboost_4.json").read_text())["distribution"]["statistics"]
    x = golden_wave(15, 16_000)
    found = [RawBoost(4).apply(x, np.random.default_rng(seed)) for seed in range(40)]
    snr = [10 * np.log10((x**2).sum() / ((y - x) ** 2).sum()) for y in found]
    peaks = [np.abs(y).max() for y in found]
    for values, key in ((snr, "snr_db"), (peaks, "peak")):
        assert abs(np.mean(values) - wanted[key]["mean"]) < 4 * wanted[key]["std"] / np.sqrt(40)


def test_noise_has_the_ratio_and_the_slope():
    for slope in (0, -3):
        noise = perturb("noise", 0.2 * WAVE, snr_db=20, slope_db=slope) - 0.2 * WAVE
        assert 10 * np.log10((0.04 * WAVE**2).sum() / (noise**2).sum()) == pytest.approx(20, abs=0.05)
        assert power(noise, 4000, 8000) - power(noise, 1000, 2000) == pytest.approx(6 + 2 * slope, abs=1)


def test_level_is_changed_and_clipped():
    np.testing.assert_allclose(perturb("level", gain_db=-6), WAVE * 10**-0.3, atol=1e-7)
    assert np.abs(perturb("level", gain_db=40)).max() == 1


def test_lowpass_takes_the_top_and_nothing_else():
    found = perturb("lowpass", cutoff_hz=4000)
    assert power(found, 5000, 8000) < power(WAVE, 5000, 8000) - 30
    assert power(found, 0, 3000) == pytest.approx(power(WAVE, 0, 3000), abs=0.05)
    assert abs(estimate_delay_ms(WAVE, found)) < 0.01


@pytest.mark.parametrize("codec", ["opus", "mp3"])
def test_coded_files_are_aligned_and_better_at_higher_bitrates(codec):
    errors = []
    for kbps in (8, 32, 64):
        found = perturb("reencode", codec=codec, bitrate_kbps=kbps)
        assert abs(estimate_delay_ms(WAVE, found)) < 0.1
        errors.append(((found - WAVE) ** 2).sum())
    assert errors[2] < 0.3 * errors[0]


def test_speed_changes_length_and_pitch():
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000).astype(np.float32)
    found = perturb("speed", tone, factor=1.25)
    assert len(found) == 12_800
    assert np.abs(np.fft.rfft(found)).argmax() == 1000


def test_the_telephone_is_narrow_and_coarse():
    found = perturb("g711", law="a")
    assert power(found, 4200, 8000) < power(WAVE, 4200, 8000) - 25
    assert abs(estimate_delay_ms(WAVE, found)) < 0.05
    errors = [((perturb("g711", law=law) - perturb("resample", rate_hz=8000)) ** 2).mean() for law in ("mu", "a")]
    assert all(30 < 10 * np.log10(np.mean(WAVE**2) / error) < 45 for error in errors), "38 dB is what G.711 reaches"


def test_resampling_leaves_half_the_rate():
    found = perturb("resample", rate_hz=8000)
    assert power(found, 4100, 8000) < power(WAVE, 4100, 8000) - 40
    assert power(found, 0, 3500) == pytest.approx(power(WAVE, 0, 3500), abs=0.05)


def test_a_room_answers_as_long_as_stated_and_keeps_the_power():
    click = np.zeros(16_000, np.float32)
    click[100] = 0.5
    room = perturb("reverb", click, t60=0.5, direct_db=0)
    decay = [10 * np.log10((room[start : start + 800].astype(float) ** 2).sum()) for start in (200, 4200)]
    assert decay[0] - decay[1] == pytest.approx(60 * 0.25 / 0.5, abs=1.5), "60 dB in T60"
    assert np.abs(room).argmax() == 100 and np.abs(room[:100]).max() < 1e-8
    assert ((room**2).sum(), (room[100] ** 2)) == pytest.approx((0.25, 0.125), rel=0.01)


def test_silence_is_trimmed_at_the_ends_alone():
    sound = np.concatenate([np.zeros(3200), WAVE[:8000], np.zeros(3200), WAVE[:8000], np.zeros(6400)]).astype("f4")
    found = perturb("trim", sound)
    assert abs(len(found) - 19_200) <= 640 and np.abs(sound).max() == np.abs(found).max()


def test_excerpts_are_the_beginning():
    assert np.array_equal(perturb("excerpt", seconds=0.5), WAVE[:8000])
    assert np.array_equal(perturb("excerpt", seconds=9), WAVE)


def test_wrong_options_are_named():
    with pytest.raises(NcstError, match="law: b"):
        perturb("g711", law="b")
    with pytest.raises(NcstError, match="algorithm: 9"):
        perturb("rawboost", algorithm=9)
    with pytest.raises(NcstError, match="codec: aac"):
        perturb("reencode", codec="aac")
    with pytest.raises(NcstError, match="bitrate_kbps: 4"):
        perturb("reencode", bitrate_kbps=4)
    with pytest.raises(NcstError, match=r"'noise' in config/perturbations.yaml do not fit"):
        perturb("noise", loud=True)


def test_a_perturbation_of_ones_own_keeps_type_and_length():
    class Longer(Base):
        def apply(self, samples, rng):
            return np.repeat(samples.astype(np.float64), 2) * 9

    changed = Longer()(WAVE, np.random.default_rng(0))
    assert changed.dtype == np.float32 and len(changed) == len(WAVE) and np.abs(changed).max() == 1
