"""Exact float32 wherever a network runs, unless an entry asks for less."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from helpers import tiny_codecs
from helpers.toy_training import make_results, run
from signals import speech_like

from ncst import registry
from ncst.core.devices import computing, precision_of
from ncst.errors import NcstError
from ncst.plan.entries import weight_file
from ncst.tracing import score


@contextmanager
def seen():
    """Yield a set of what every module finds in its forward: TF32 in convolutions, in products, autocast's type."""
    found = set()

    def note(*_):
        tf32 = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
        found.add((*tf32, torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu")))

    handle = torch.nn.modules.module.register_module_forward_pre_hook(note)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True  # more than PyTorch's default
    try:
        yield found
    finally:
        handle.remove()


EXACT = {(False, False, False)}


@pytest.fixture(params=tiny_codecs.modules())
def codec(request, tmp_path):
    path = tiny_codecs.write(request.param, tmp_path / "weights.safetensors")
    return lambda **entry: registry.load("codecs", request.param)({"settings": {}} | entry, path)


def test_codecs(codec):
    exact, less = codec(), codec(precision="bf16")
    with seen() as found:
        (expected,) = exact.resynthesize([speech_like(0.4)], [1])
    assert found == EXACT
    exact.precision = "tf32"
    with seen() as found:
        exact.resynthesize([speech_like(0.4)], [1])
    assert found == {(True, True, False)}
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
    with seen() as found:
        (half,) = less.resynthesize([speech_like(0.4)], [1])
    assert found == {(False, False, torch.bfloat16)}
    assert half.dtype == np.float32 and np.isfinite(half).all() and half.shape == expected.shape
    assert np.abs(half - expected).max() > 0


def test_front_ends(config):
    for name, entry in config["frontends"].items():
        load = registry.load("frontends", entry.get("module", name))
        weights = weight_file(config, name, "frontends")
        waves = 0.1 * np.random.default_rng(0).standard_normal((2, 8000)).astype(np.float32)
        with seen() as found:
            expected = load(entry | {"samples": 8000}, weights)(waves)
        assert found <= EXACT and bool(found) == load.needs_weights
        if load.needs_weights:
            with seen() as found:
                half = load(entry | {"samples": 8000, "precision": "bf16"}, weights)(waves)
            assert (False, False, torch.bfloat16) in found
            error = np.linalg.norm(half.astype(np.float32) - expected) / np.linalg.norm(expected.astype(np.float32))
            assert 0 < error < 0.05


def test_training_and_scoring(tmp_path):
    results = make_results(tmp_path / "results")
    with seen() as found:
        run(results, tmp_path / "model")
    assert found == EXACT
    with seen() as found:
        score.score(tmp_path / "model", results / "manifests" / "dev.parquet", results, tmp_path / "scores.parquet")
    assert found == EXACT


@pytest.mark.parametrize("precision", ["tf32", "fp16"])
def test_what_a_cpu_cannot_is_said(precision):
    with pytest.raises(NcstError, match=f"`precision: {precision}` needs a GPU: use fp32 or bf16"):
        precision_of({"precision": precision}, torch.device("cpu"))
    assert precision_of({"precision": precision}, torch.device("cuda")) == precision


def test_less_ends_with_its_block():
    with pytest.raises(ZeroDivisionError), computing(torch.device("cpu"), "tf32"):
        assert torch.backends.cudnn.allow_tf32 and torch.get_float32_matmul_precision() == "high"
        raise ZeroDivisionError
    assert not torch.backends.cudnn.allow_tf32 and torch.get_float32_matmul_precision() == "highest"
