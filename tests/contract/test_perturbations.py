"""What every perturbation must keep: type, full scale, silence, its input, and all chance in the generator."""

import numpy as np
import pytest
from helpers.entries import configured
from helpers.golden_models import golden_wave

from ncst.registry import build

ENTRIES = configured()["perturbations"]
WAVE = golden_wave(3, 24_000)


@pytest.mark.parametrize("name", ENTRIES)
def test_contract(name):
    perturbation = build("perturbations", name, ENTRIES[name])

    def perturb(samples=WAVE, seed=0):
        return perturbation(samples, np.random.default_rng(seed))

    before = WAVE.copy()
    changed = perturb()
    assert changed.dtype == np.float32 and changed.ndim == 1 and np.isfinite(changed).all()
    assert np.abs(changed).max() <= 1
    assert len(changed) == len(WAVE) or not perturbation.keeps_length
    assert np.array_equal(WAVE, before), "the input must stay as it is"
    assert np.array_equal(changed, perturb()), "the generator's state must decide everything"
    if any(isinstance(value, list) for value in (ENTRIES[name].get("options") or {}).values()):
        others = (perturb(seed=seed) for seed in range(1, 20))
        assert not all(np.array_equal(changed, other) for other in others), "strengths must be drawn"
    assert np.abs(perturb(0 * WAVE)).max() < 1e-3, "silence must stay silent"
    assert np.isfinite(perturb(WAVE[5000:5400])).all(), "25 ms must do"
