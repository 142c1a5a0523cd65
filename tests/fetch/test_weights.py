"""Official checkpoints of every layout become the one weight file; tests/test_download.py is about fetching."""

import json

import pytest
import torch
from helpers import tiny_codecs
from helpers.server import serving
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ncst import registry
from ncst.core.checkpoint_files import read_weights
from ncst.errors import NcstError
from ncst.fetch.weights import convert, fetch_weights


@pytest.fixture
def server():
    with serving() as running:
        yield running


def test_fetch_and_convert(server, tmp_path):
    state = load_file(tiny_codecs.write("speechtokenizer", tmp_path / "tiny.safetensors"))
    torch.save(state, tmp_path / "checkpoint")
    server.files["/weights.pt"] = (tmp_path / "checkpoint").read_bytes()
    server.files["/config.json"] = json.dumps(registry.load("codecs", "speechtokenizer").tiny()).encode()
    names = {"any/SpeechTokenizer.pt": "weights.pt", "any/config.json": "config.json"}
    source = {"source": "url", "files": {file: {"url": f"{server.url}/{name}"} for file, name in names.items()}}
    out = tmp_path / "weights" / "speechtokenizer.safetensors"
    fetch_weights("speechtokenizer", {"weights": {"official": source}}, out, tmp_path / "lock.yaml")
    config, converted = read_weights(out)
    assert config == registry.load("codecs", "speechtokenizer").tiny()
    assert all(torch.equal(converted[key], value) for key, value in state.items())
    with safe_open(out, "pt") as file:
        assert file.metadata()["codec"] == "speechtokenizer"


@torch.inference_mode()
def test_encodec_in_transformers_layout(tmp_path):
    """The published file names its weight norm as torch once did."""
    from transformers import EncodecConfig, EncodecModel

    config = registry.load("codecs", "soundstream").tiny() | {"use_causal_conv": True}
    theirs = EncodecModel(EncodecConfig(**config)).eval()
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    state = {}
    for key, value in theirs.state_dict().items():
        if key.endswith(".embed"):
            value.normal_(std=0.03)
        for new_name, old_name in names.items():
            key = key.replace(new_name, old_name)
        state[key] = value
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(theirs.config.to_dict()))
    files = {name: tmp_path / name for name in ("model.safetensors", "config.json")}
    ours = convert("encodec", {"settings": {}}, files, tmp_path / "out.safetensors")
    audio = torch.randn(1, 16000)
    codes, _ = ours.encode(audio)
    expected = theirs.encode(audio[:, None], bandwidth=1.2)
    assert torch.equal(codes, expected.audio_codes[0]) and codes.unique().numel() > 4
    decoded = theirs.decode(expected.audio_codes, expected.audio_scales)[0][:, 0]
    torch.testing.assert_close(ours.decode(codes, None), decoded, rtol=0, atol=1e-5)


def test_another_codecs_file_is_named(tmp_path):
    checkpoint = tmp_path / "weights.pth"
    torch.save({"state_dict": {"quantizer.quantizers.0.in_proj.weight_g": torch.zeros(1)}}, checkpoint)
    with pytest.raises(NcstError, match=r"weights.pth cannot be weights of audiodec: they look like dac"):
        convert("audiodec", {"settings": {}}, {"a/weights.pth": checkpoint}, tmp_path / "out.safetensors")
    torch.save({"feature_extractor.encodec.x": torch.zeros(1)}, tmp_path / "w.ckpt")
    with pytest.raises(NcstError, match="look like wavtokenizer"):
        convert("dac", {"settings": {}}, {"w.ckpt": tmp_path / "w.ckpt"}, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_file_that_is_no_checkpoint(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"<html>not found</html>")
    with pytest.raises(NcstError, match="no readable checkpoint of tensors alone: delete it"):
        convert("dac", {"settings": {}}, {"w.pth": tmp_path / "w.pth"}, tmp_path / "out.safetensors")
