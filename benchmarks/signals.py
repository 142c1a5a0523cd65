"""Sounds that are made, for benchmarks and tests."""

import numpy as np

from ncst.core.waveforms import SAMPLE_RATE


def speech_like(seconds, seed=0):
    """Return gliding harmonics in syllables with hiss between them, peak 0.5."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 2 * np.pi * ((110 + 20 * seed) * time + 5 * np.sin(2 * np.pi * 1.3 * time + seed))
    voiced = sum(np.sin(k * pitch + k * k) / k for k in range(1, 16))
    sound = voiced * np.clip(np.sin(2 * np.pi * 3 * time + seed), 0, 1)
    sound += 0.05 * np.random.default_rng(seed).standard_normal(len(time))
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)
