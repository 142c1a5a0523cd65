"""Weights that are missing, broken or somebody else's, and GPUs that are not there, are sentences everywhere."""

import contextlib
import json

import pytest
import torch
from helpers import tiny_codecs
from safetensors.torch import save_file

from ncst import registry
from ncst.core.checkpoint_files import read_checkpoint, read_weights
from ncst.errors import NcstError
from ncst.fetch.weights import convert
from ncst.tracing.models._base import import_checkpoint

BROKEN = [b"", b"<html>not found</html>", b"PK\x03\x04 and nothing more", b"\x08\0\0\0\0\0\0\0{}      "]


@pytest.mark.parametrize("content", BROKEN)
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "checkpoint.pth"])
def test_broken_checkpoints(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    if content == BROKEN[-1] and name == "model.safetensors":  # a safetensors file without tensors
        assert read_checkpoint(path) == {}
        return
    with pytest.raises(NcstError, match=f"{name} is no readable checkpoint of tensors alone: delete it"):
        read_checkpoint(path)
    with pytest.raises(NcstError, match="no readable checkpoint"):
        import_checkpoint(path, registry.load("models", "mel_lcnn")(7))


def test_a_checkpoint_that_is_not_there(tmp_path):
    for name in ("model.safetensors", "checkpoint.pth"):
        with pytest.raises(NcstError, match=f"{name} does not exist"):
            read_checkpoint(tmp_path / name)


def test_a_text_file_is_told_in_a_whole_phrase(tmp_path):
    (tmp_path / "x.pth").write_text("not a checkpoint")
    with pytest.raises(NcstError, match=r"\(UnpicklingError: Weights only load failed\)\.$"):
        read_checkpoint(tmp_path / "x.pth")


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_truncated_checkpoints(name, tmp_path):
    path, state = tmp_path / name, {"weight": torch.randn(100, 100)}
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    assert torch.equal(read_checkpoint(path)["weight"], state["weight"])
    whole = path.read_bytes()
    for length in (5, 50, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(NcstError, match="no readable checkpoint"):
            read_checkpoint(path)


def test_an_old_checkpoint_that_ends_or_is_changed_anywhere(tmp_path):
    path = tmp_path / "old.pt"
    torch.save({"weight": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(NcstError, match="no readable checkpoint"):
            read_checkpoint(path)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with contextlib.suppress(NcstError):
            read_checkpoint(path)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_broken_download_of_a_front_end_or_a_codec(name, tmp_path):
    (tmp_path / name).write_bytes(BROKEN[1])
    (tmp_path / "config.json").write_text(json.dumps({"sampling_rate": 16000, "num_hidden_layers": 2}))
    files = {file: tmp_path / file for file in (name, "config.json")}
    with pytest.raises(NcstError, match="no readable checkpoint"):
        convert("ssl", {"layer": 1}, files, tmp_path / "out.safetensors", "frontends")
    codec = "encodec" if name == "model.safetensors" else "snac"
    with pytest.raises(NcstError, match="no readable checkpoint"):
        convert(codec, {"settings": {}}, files, tmp_path / "out.safetensors")


def test_a_weight_file_without_a_configuration(tmp_path):
    save_file({"weight": torch.zeros(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(NcstError, match="no safetensors file with a `config`"):
        read_weights(tmp_path / "weights.safetensors")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(tmp_path):
    codec = tiny_codecs.write("mimi", tmp_path / "mimi.safetensors")
    for family, name, entry, weights in (
        ("codecs", "mimi", {}, codec),
        ("frontends", "ssl", {"layer": 1}, codec),
        ("alms", "demo", {}, codec),
    ):
        with pytest.raises(NcstError, match="no GPU that PyTorch can use: set `gpu: 0`"):
            registry.load(family, name)(entry, weights, "cuda")


def test_a_checkpoint_that_holds_itself_or_nests_without_end(tmp_path):
    state = {key: value.clone() for key, value in registry.load("models", "mel_lcnn")(7).state_dict().items()}
    loop = {"model": state}
    loop["again"] = loop
    torch.save(loop, tmp_path / "loop.pt")
    import_checkpoint(tmp_path / "loop.pt", registry.load("models", "mel_lcnn")(7))
    bomb = {"x": torch.ones(1)}
    for _ in range(40):
        bomb = {"a": bomb, "b": bomb}
    torch.save(bomb, tmp_path / "bomb.pt")
    with pytest.raises(NcstError, match="unknown network"):
        import_checkpoint(tmp_path / "bomb.pt", registry.load("models", "mel_lcnn")(7))
