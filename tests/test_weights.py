"""Fetching from a server on this machine: pinned, checked, and understandable when it goes wrong."""

import hashlib
import http.server
import json
import threading
from typing import ClassVar

import _tiny_codecs
import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ncst.codecs._base import read_weights
from ncst.errors import NcstError
from ncst.weights import convert, fetch, fetch_weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONTENT = bytes(range(256)) * 40


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `files`; a path that begins with /drop/ loses the connection half-way. Looks like a model hub as well."""

    files: ClassVar = {}
    requests: ClassVar = []

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        type(self).requests.append(self.path)
        content = self.files.get(self.path.removeprefix("/drop"))
        if "gated" in self.path:
            return self.refuse(403, "GatedRepo")
        if content is None:
            return self.refuse(404, "EntryNotFound" if "resolve" in self.path else "RepoNotFound")
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if self.path.startswith("/drop/") else content)

    def refuse(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(Server, "files", {"/model.bin": CONTENT})
    monkeypatch.setattr(Server, "requests", [])
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def hub(server, monkeypatch):
    """Make the server the model hub."""
    monkeypatch.setenv("HF_ENDPOINT", server)
    for revision in ("main", COMMIT):
        Server.files[f"/some/repo/resolve/{revision}/model.bin"] = CONTENT
    return server


def entry(url, **facts):
    return {"weights": {"official": {"source": "url", "files": {"model.bin": {"url": url} | facts}}}}


def hub_entry(repo, file="model.bin", revision="main", **facts):
    source = {"source": "huggingface", "repo": repo, "revision": revision, "files": {file: facts}}
    return {"weights": {"official": source}}


def test_a_file_is_fetched_once_and_pinned(server, tmp_path):
    lock = tmp_path / "lock.yaml"
    for _ in range(2):
        files = fetch("x", entry(f"{server}/model.bin"), tmp_path / "x", lock)
        assert files["model.bin"].read_bytes() == CONTENT
    assert Server.requests == ["/model.bin"]
    expected = {"size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
    assert yaml.safe_load(lock.read_text()) == {"x": {"files": {"model.bin": expected}}}


def test_a_file_that_changed_since_it_was_pinned_is_refused(server, tmp_path):
    fetch("x", entry(f"{server}/model.bin"), tmp_path / "x", tmp_path / "lock.yaml")
    Server.files["/model.bin"] = CONTENT[::-1]
    with pytest.raises(NcstError, match=r"model.bin of x has SHA-256 .* the published file has changed"):
        fetch("x", entry(f"{server}/model.bin"), tmp_path / "again", tmp_path / "lock.yaml")
    assert not (tmp_path / "again" / "model.bin").exists()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"sha256": "0" * 64}, "SHA-256"),
        ({"size": len(CONTENT) + 1}, "truncated: 10240 of 10241 bytes"),
        ({"size": len(CONTENT) - 1}, "too long"),
    ],
)
def test_a_wrong_file_is_deleted(server, tmp_path, facts, message):
    with pytest.raises(NcstError, match=message):
        fetch("x", entry(f"{server}/model.bin", **facts), tmp_path / "x", tmp_path / "lock.yaml")
    assert not (tmp_path / "x" / "model.bin").exists()
    assert not (tmp_path / "lock.yaml").exists()


def test_a_dropped_connection_leaves_nothing(server, tmp_path):
    with pytest.raises(NcstError, match=r"Downloading model.bin of x from .* failed: check the network"):
        fetch("x", entry(f"{server}/drop/model.bin"), tmp_path / "x", tmp_path / "lock.yaml")
    assert list((tmp_path / "x").iterdir()) == []


def test_missing_file_and_missing_network(server, tmp_path):
    with pytest.raises(NcstError, match=r"answers 404: correct weights.official of x"):
        fetch("x", entry(f"{server}/other.bin"), tmp_path / "x", tmp_path / "lock.yaml")
    with pytest.raises(NcstError, match="check the network connection"):
        fetch("x", entry("http://127.0.0.1:9/model.bin"), tmp_path / "x", tmp_path / "lock.yaml")


def test_a_branch_is_pinned_to_its_commit(hub, tmp_path):
    lock = tmp_path / "lock.yaml"
    files = fetch("x", hub_entry("some/repo"), tmp_path / "x", lock)
    assert files["model.bin"].read_bytes() == CONTENT
    assert yaml.safe_load(lock.read_text())["x"]["revision"] == COMMIT
    del Server.files["/some/repo/resolve/main/model.bin"]
    fetch("x", hub_entry("some/repo"), tmp_path / "again", lock)


@pytest.mark.parametrize(
    ("repo", "file", "message"),
    [
        ("gated/repo", "model.bin", "gated: accept the terms at .*/gated/repo"),
        ("some/repo", "none.bin", "has no none.bin at revision main"),
    ],
)
def test_hub_errors(hub, tmp_path, repo, file, message):
    with pytest.raises(NcstError, match=message):
        fetch("x", hub_entry(repo, file), tmp_path / "x", tmp_path / "lock.yaml")


def test_no_hub(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(NcstError, match="check the network connection"):
        fetch("x", hub_entry("some/repo"), tmp_path / "x", tmp_path / "lock.yaml")


def test_fetch_and_convert(server, tmp_path):
    state = load_file(_tiny_codecs.write("speechtokenizer", tmp_path / "tiny.safetensors"))
    torch.save(state, tmp_path / "checkpoint")
    Server.files["/weights.pt"] = (tmp_path / "checkpoint").read_bytes()
    Server.files["/config.json"] = json.dumps(_tiny_codecs.NETWORKS["speechtokenizer"]).encode()
    names = {"any/SpeechTokenizer.pt": "weights.pt", "any/config.json": "config.json"}
    source = {"source": "url", "files": {file: {"url": f"{server}/{name}"} for file, name in names.items()}}
    out = tmp_path / "weights" / "speechtokenizer.safetensors"
    fetch_weights("speechtokenizer", {"weights": {"official": source}}, out, tmp_path / "lock.yaml")
    config, converted = read_weights(out)
    assert config == _tiny_codecs.NETWORKS["speechtokenizer"]
    assert all(torch.equal(converted[key], value) for key, value in state.items())
    with safe_open(out, "pt") as file:
        assert file.metadata()["codec"] == "speechtokenizer"


def test_transformers_layout_with_old_weight_norm_names(tmp_path):
    """The published EnCodec file names its weight norm as torch once did."""
    path = _tiny_codecs.write("encodec", tmp_path / "new.safetensors")
    state = load_file(path)
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    old = {}
    for key, value in state.items():
        for new_name, old_name in names.items():
            key = key.replace(new_name, old_name)
        old[key] = value
    save_file(old, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(_tiny_codecs.NETWORKS["encodec"] | {"model_type": "encodec"}))
    files = {name: tmp_path / name for name in ("model.safetensors", "config.json")}
    convert("encodec", {"settings": {}}, files, tmp_path / "out.safetensors")
    _, converted = read_weights(tmp_path / "out.safetensors")
    assert all(torch.equal(converted[key], value) for key, value in state.items())


def test_another_codecs_file_is_named(tmp_path):
    checkpoint = tmp_path / "weights.pth"
    torch.save({"state_dict": {"quantizer.quantizers.0.in_proj.weight_g": torch.zeros(1)}}, checkpoint)
    with pytest.raises(NcstError, match=r"weights.pth cannot be weights of audiodec: they look like DAC"):
        convert("audiodec", {"settings": {}}, {"a/weights.pth": checkpoint}, tmp_path / "out.safetensors")
    torch.save({"feature_extractor.encodec.x": torch.zeros(1)}, tmp_path / "w.ckpt")
    with pytest.raises(NcstError, match="WavTokenizer"):
        convert("dac", {"settings": {}}, {"w.ckpt": tmp_path / "w.ckpt"}, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


def test_a_file_that_is_no_checkpoint(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"<html>not found</html>")
    with pytest.raises(NcstError, match="no PyTorch checkpoint of tensors: delete it"):
        convert("dac", {"settings": {}}, {"w.pth": tmp_path / "w.pth"}, tmp_path / "out.safetensors")
