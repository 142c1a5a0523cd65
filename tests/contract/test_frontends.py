"""What every front-end must keep: the shape and type it states, clips that do not depend on each other."""

from pathlib import Path

import numpy as np
import pytest
from helpers.entries import configured
from helpers.golden_models import golden_wave

from ncst import registry
from ncst.plan.entries import weight_file

CONFIG = configured()
ENTRIES = CONFIG["frontends"]
HERE = [name for name in ENTRIES if Path(weight_file(CONFIG, name, "frontends") or ".").exists()]


@pytest.fixture(params=HERE)
def frontend(request):
    entry = ENTRIES[request.param] | {"samples": 8000}
    weights = weight_file(CONFIG, request.param, "frontends")
    return registry.load("frontends", entry.get("module", request.param))(entry, weights)


def test_every_clip_counts_alone_and_the_shape_is_the_stated_one(frontend):
    waves = np.stack([golden_wave(seed, 8000) for seed in range(3)])
    features = frontend.compute(waves.copy())
    assert features.shape == (3, *frontend.shape) and features.dtype == frontend.dtype
    assert np.isfinite(features.astype(np.float32)).all()
    assert 0 <= frontend.time_axis < len(frontend.shape)
    assert np.array_equal(features, frontend.compute(waves.copy())), "the same clips, the same features"
    alone = np.concatenate([frontend.compute(wave[None].copy()) for wave in waves])
    scale = np.abs(features.astype(np.float32)).max()
    np.testing.assert_allclose(alone.astype(np.float32), features.astype(np.float32), rtol=1e-3, atol=1e-3 * scale)


def test_silence_gives_finite_features(frontend):
    assert np.isfinite(frontend.compute(np.zeros((1, 8000), np.float32)).astype(np.float32)).all()


def test_the_fingerprint_names_what_decides_the_features(frontend):
    found = frontend.fingerprint()
    assert found["samples"] == 8000 and found["shape"] == list(frontend.shape)
