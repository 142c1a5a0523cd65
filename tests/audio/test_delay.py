import numpy as np
import pytest
from scipy.signal import chirp

from ncst.audio.delay import estimate_delay_ms

RATE = 16_000


def shifted(samples, milliseconds):
    """Delay *samples* by a time that need not be whole samples."""
    spectrum = np.fft.rfft(samples, 2 * len(samples))
    frequencies = np.fft.rfftfreq(2 * len(samples), 1 / RATE)
    return np.fft.irfft(spectrum * np.exp(-2j * np.pi * frequencies * milliseconds / 1000))[: len(samples)]


def syllables(seed=0):
    """Return 2 s of noise in syllables: its envelope is what a vocoder keeps."""
    rng = np.random.default_rng(seed)
    time = np.arange(2 * RATE) / RATE
    level = np.clip(np.sin(2 * np.pi * 3.1 * time + np.sin(2 * np.pi * 0.7 * time)), 0, 1)
    return level, (level * rng.standard_normal(len(time))).astype(np.float32)


@pytest.mark.parametrize("delay", [-93.0, -20.0, -0.3, 0.0, 0.4, 13.37, 60.0, 99.0])
def test_chirp(delay):
    time = np.arange(RATE) / RATE
    sweep = chirp(time, 100, 1, 4000) * np.hanning(RATE)
    assert estimate_delay_ms(sweep, shifted(sweep, delay)) == pytest.approx(delay, abs=0.05)


@pytest.mark.parametrize("delay", [-40, 0, 25])
def test_speech_without_its_phase(delay):
    level, before = syllables()
    after = np.roll(level, delay * RATE // 1000) * np.random.default_rng(1).standard_normal(len(level))
    assert estimate_delay_ms(before, after) == pytest.approx(delay, abs=5)


def test_inverted_and_quiet_copies_have_no_delay():
    _, before = syllables()
    assert estimate_delay_ms(before, 0.01 * before) == pytest.approx(0, abs=0.01)
    assert estimate_delay_ms(before, -before) == pytest.approx(0, abs=1)


@pytest.mark.parametrize("samples", [1, 2, 30, 1600])
def test_short_and_silent_clips(samples):
    clip = np.random.default_rng(0).standard_normal(samples)
    assert estimate_delay_ms(clip, clip) == pytest.approx(0, abs=0.1)
    assert estimate_delay_ms(clip, np.zeros(samples)) == 0
