"""Every codec at its published size: against numbers of the original code, and clips alone against clips in a batch."""

import gc
import shutil

import golden_codecs
import golden_rule
import pytest
import torch
from signals import speech_like
from unequal_lengths import alone_and_together


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


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("case", sorted(golden_codecs.CASES))
def test_official_size(case, device, tmp_path):
    codec = golden_codecs.load(case, tmp_path)
    if device == "cuda":
        codec = type(codec)(codec.entry, tmp_path / "codec.safetensors", device)
    shutil.rmtree(tmp_path)  # up to a gigabyte, which pytest would keep for three runs
    assert codec.unequal
    clips = [speech_like(seconds, seed) for seed, seconds in enumerate([0.5, 0.62, 0.53], 4)]  # none meets a near-tie
    _, other, worst = alone_and_together(codec, clips)
    assert other == 0 and worst < 1e-4
    equal, count, differences = golden_codecs.compare(case, codec)
    assert equal == count
    assert [(output, apart) for output, apart, tolerance in differences if not apart <= tolerance] == []
