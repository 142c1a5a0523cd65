"""Every codec against numbers of the original code at its published size: equal codes, and audio within tolerance."""

import gc
import shutil

import golden_codecs
import golden_rule
import numpy as np
import pytest
import torch

from ncst.core.waveforms import fit_length


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(min(threads, 2))
    yield
    torch.set_num_threads(threads)
    gc.collect()


def test_every_case_is_listed():
    assert {path.stem for path in golden_codecs.FOLDER.glob("*.json")} == set(golden_codecs.CASES)


def test_rule():
    matrix = golden_rule.tensor("encoder.model.0.conv.conv.weight", (2, 3), 20260, "matrix")
    assert matrix[0] == pytest.approx([-0.36326009, 0.46538460, 0.08023385], abs=1e-8)
    positive = golden_rule.tensor("encoder.model.0.conv.conv.weight", (2, 3), 20260, "positive")
    assert positive[0, :2] == pytest.approx([0.93901998, 1.08394480], abs=1e-8)


@pytest.mark.parametrize("case", sorted(golden_codecs.CASES))
@torch.inference_mode()
def test_official_size(case, tmp_path):
    facts, golden = golden_codecs.facts(case)
    codec = golden_codecs.load(case, tmp_path)
    shutil.rmtree(tmp_path)  # up to a gigabyte, which pytest would keep for three runs

    audio = _pad(codec, golden["input"], facts["length_rule"])
    codes, side = codec.encode(torch.from_numpy(audio)[None])
    assert codes.dtype == torch.int64 and codes.ndim == 3
    for book, expected in enumerate(_books(golden)):
        stride = codes.shape[-1] // len(expected)
        np.testing.assert_array_equal(codes[0, book, ::stride].numpy(), expected)
    assert codes.shape[1] == len(_books(golden))
    if "speaker" in golden:
        _compare(side, golden, facts, "speaker")

    if "audio_noise" in golden:
        torch.manual_seed(facts["settings"]["noise_seed"])
        _compare(codec.decode(codes, side), golden, facts, "audio_noise")
        for module in codec.network.modules():
            if type(module).__name__ == "NoiseBlock":
                module.forward = lambda x: x
    _compare(codec.decode(codes, side), golden, facts, "audio")


def _pad(codec, audio, rule):
    """Return *audio* as upstream gets it: padded to a hop, or whole where its convolutions drop the tail themselves."""
    return audio if "floor" in rule else fit_length(audio, -(-len(audio) // codec.hop) * codec.hop)


def _books(golden):
    return golden["codes"] if "codes" in golden else [golden[f"codes_{i}"] for i in range(3)]


def _compare(audio, golden, facts, key):
    expected = golden[key]
    assert audio.shape[-1] >= len(expected)
    worst = np.abs(audio[0, : len(expected)].numpy() - expected).max()
    assert worst <= facts["tolerance"]["max_abs"][key]
