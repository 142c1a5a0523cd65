"""Fetching from a real server on this machine: resumed, pinned, checked, and understandable when it goes wrong."""

import hashlib
import json

import pytest
import yaml
from helpers.server import COMMIT, serving
from hostile import answers

from ncst.errors import NcstError
from ncst.fetch import http
from ncst.fetch.download import fetch

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
KEY = "codecs.x.weights.official"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(http, "PAUSE", 0.001)
    monkeypatch.setattr(http, "TIMEOUT", 5)
    with serving() as running:
        running.files["/model.bin"] = CONTENT
        yield running


@pytest.fixture
def hub(server, monkeypatch):
    """Make the server the model hub."""
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    for revision in ("main", COMMIT):
        server.files[f"/some/repo/resolve/{revision}/model.bin"] = CONTENT
    return server


@pytest.fixture
def get(tmp_path):
    """Fetch into ``<folder>`` with one lock file."""
    return lambda source, folder="x": fetch(KEY, source, tmp_path / folder, tmp_path / "lock.yaml")[0]


def at(url, file="model.bin", **facts):
    return {"source": "url", "files": {file: {"url": url} | facts}}


def on_hub(repo, file="model.bin", revision="main", **facts):
    return {"source": "huggingface", "repo": repo, "revision": revision, "files": {file: facts}}


def lock_of(tmp_path):
    return yaml.safe_load((tmp_path / "lock.yaml").read_text())[KEY]


def test_a_file_is_fetched_once_and_pinned(server, get, tmp_path):
    for _ in range(2):
        assert get(at(f"{server.url}/model.bin"))["model.bin"].read_bytes() == CONTENT
    assert server.requests == [("/model.bin", None)]
    expected = {"of": f"{server.url}/model.bin", "size": len(CONTENT), "sha256": SHA256}
    assert lock_of(tmp_path) == {"model.bin": expected}
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["model.bin"]


def test_a_file_put_there_by_hand_needs_no_network(get, tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "model.bin").write_bytes(CONTENT)
    get(at("http://127.0.0.1:9/model.bin", sha256=SHA256))
    get(on_hub("some/repo", sha256=SHA256))
    assert set(lock_of(tmp_path)) == {"model.bin"}


def test_a_file_put_there_by_hand_is_not_pinned_as_published(server, tmp_path):
    server.files["/config.json"] = b"{}"
    source = {"source": "url", "files": {n: {"url": f"{server.url}/{n}"} for n in ("model.bin", "config.json")}}
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "model.bin").write_bytes(b"mine")
    for _ in range(2):
        files, placed = fetch(KEY, source, tmp_path / "x", tmp_path / "lock.yaml")
        assert files["model.bin"].read_bytes() == b"mine"
        assert placed == {"model.bin": hashlib.sha256(b"mine").hexdigest()}
    assert [name for name, facts in lock_of(tmp_path).items() if "sha256" in facts] == ["config.json"]
    assert server.requests == [("/config.json", None)]
    files, placed = fetch(KEY, source, tmp_path / "again", tmp_path / "lock.yaml")
    assert (files["model.bin"].read_bytes(), placed) == (CONTENT, {})


def test_a_dropped_connection_is_resumed_at_once(server, get):
    server.drops = 2
    get(at(f"{server.url}/model.bin", sha256=SHA256))
    assert server.requests == [("/model.bin", None), ("/model.bin", "bytes=4000-"), ("/model.bin", "bytes=8000-")]
    assert server.sent == len(CONTENT)


def test_a_later_run_goes_on_where_the_first_stopped(server, get, tmp_path, monkeypatch):
    monkeypatch.setattr(http, "ATTEMPTS", 1)
    server.drops = 1
    with pytest.raises(NcstError, match=r"Downloading model.bin of .* check the network connection .* goes on where"):
        get(at(f"{server.url}/model.bin"))
    assert not (tmp_path / "x" / "model.bin").exists()
    assert not (tmp_path / "lock.yaml").exists()
    assert get(at(f"{server.url}/model.bin"))["model.bin"].read_bytes() == CONTENT
    assert server.requests[1] == ("/model.bin", "bytes=4000-")
    assert server.sent == len(CONTENT)


@pytest.mark.parametrize("content", [CONTENT[::-1], CONTENT[:100]])
def test_a_file_that_changed_meanwhile_is_started_over(server, get, monkeypatch, content):
    monkeypatch.setattr(http, "ATTEMPTS", 1)
    server.drops = 1
    with pytest.raises(NcstError):
        get(at(f"{server.url}/model.bin"))
    server.files["/model.bin"] = content
    assert get(at(f"{server.url}/model.bin"))["model.bin"].read_bytes() == content


@pytest.mark.parametrize("lacking", ["ranges", "versions"])
def test_a_server_that_cannot_resume_sends_all_again(server, get, lacking):
    setattr(server, lacking, False)
    server.drops = 1
    assert get(at(f"{server.url}/model.bin"))["model.bin"].read_bytes() == CONTENT
    assert server.sent == 4000 + len(CONTENT)


def test_a_connection_that_always_drops_at_the_same_place_ends(server, get):
    server.ranges, server.drops = False, 99
    with pytest.raises(NcstError, match="check the network connection"):
        get(at(f"{server.url}/model.bin"))
    assert len(server.requests) == http.ATTEMPTS


def test_a_busy_server_is_asked_again(server, get):
    server.failures = 3
    get(at(f"{server.url}/model.bin", sha256=SHA256))
    assert len(server.requests) == 4


def test_a_slow_answer_is_waited_for_and_a_silent_server_is_not(server, get, monkeypatch):
    monkeypatch.setattr(http, "TIMEOUT", 0.3)
    server.pause = 0.1
    get(at(f"{server.url}/model.bin", sha256=SHA256))
    monkeypatch.setattr(http, "ATTEMPTS", 2)
    server.pause = 0.5
    with pytest.raises(NcstError, match="check the network connection"):
        get(at(f"{server.url}/model.bin", sha256=SHA256), "again")


def test_a_changed_file_is_refused_until_the_lock_is_edited(server, get, tmp_path):
    get(at(f"{server.url}/model.bin"))
    server.files["/model.bin"] = server.files["/new.bin"] = CONTENT[::-1]
    with pytest.raises(NcstError, match=r"model.bin of .* has sha256 .* has changed: .* remove it from .*lock.yaml"):
        get(at(f"{server.url}/model.bin"), "again")
    assert not (tmp_path / "again" / "model.bin").exists()
    get(at(f"{server.url}/new.bin"), "again")
    assert lock_of(tmp_path)["model.bin"]["sha256"] == hashlib.sha256(CONTENT[::-1]).hexdigest()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"sha256": "0" * 64}, "has sha256"),
        ({"md5": "0" * 32}, "has md5"),
        ({"size": len(CONTENT) + 1}, "truncated: 10240 of 10241 bytes"),
        ({"size": len(CONTENT) - 1}, "too long"),
    ],
)
def test_a_wrong_file_is_deleted(server, get, tmp_path, facts, message):
    with pytest.raises(NcstError, match=message):
        get(at(f"{server.url}/model.bin", **facts))
    assert list((tmp_path / "x").iterdir()) == []
    assert not (tmp_path / "lock.yaml").exists()


def test_missing_file_missing_network_and_full_disk(server, get, monkeypatch):
    with pytest.raises(NcstError, match=rf"other.bin answers 404: correct {KEY}"):
        get(at(f"{server.url}/other.bin"))
    with pytest.raises(NcstError, match=r"answers 403 \(it needs a login or permission\)"):
        get(at(f"{server.url}/gated.bin"))
    assert len(server.requests) == 2
    with pytest.raises(NcstError, match="check the network connection"):
        get(at("http://127.0.0.1:9/model.bin"))
    monkeypatch.setattr(http.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 5}))
    with pytest.raises(NcstError, match=r"model.bin.* needs 0.0 GB, but .* free some space"):
        get(at(f"{server.url}/model.bin"))


def test_a_branch_is_pinned_to_its_commit(hub, get, tmp_path):
    assert get(on_hub("some/repo"))["model.bin"].read_bytes() == CONTENT
    assert lock_of(tmp_path)["model.bin"]["revision"] == COMMIT
    del hub.files["/some/repo/resolve/main/model.bin"]
    get(on_hub("some/repo"), "again")
    with pytest.raises(NcstError, match="at revision other"):
        get(on_hub("some/repo", revision="other"), "third")


def test_a_branch_that_moves_gives_the_files_of_one_commit(hub, get, tmp_path):
    hub.files[f"/some/repo/resolve/{COMMIT}/config.json"] = b"{}"
    get(on_hub("some/repo") | {"files": {"model.bin": {}, "config.json": {}}})
    assert {facts["revision"] for facts in lock_of(tmp_path).values()} == {COMMIT}
    assert [path for path, _ in hub.requests if "/main/" in path] == ["/some/repo/resolve/main/model.bin"]


def test_patterns_take_what_the_repository_holds(hub, get, tmp_path):
    names = ["config.json", "model.bin", "notes/readme.md", "more/config.json"]
    listing = json.dumps({"id": "some/repo", "sha": COMMIT, "siblings": [{"rfilename": name} for name in names]})
    hub.files["/api/models/some/repo/revision/main"] = listing.encode()
    for name in names:
        hub.files[f"/some/repo/resolve/{COMMIT}/{name}"] = CONTENT
    source = on_hub("some/repo") | {"files": ["*.json", "model.*"]}
    assert sorted(get(source)) == ["config.json", "model.bin", "more/config.json"]
    del hub.files["/api/models/some/repo/revision/main"]
    assert len(get(source, "again")) == 3, "the lock file names them"
    with pytest.raises(NcstError, match="has no such repository at revision next"):
        get(source | {"revision": "next"}, "third")
    hub.files["/api/models/some/repo/revision/main"] = listing.encode()
    with pytest.raises(NcstError, match=r"no file that matches \['\*\.pt'\]"):
        get(on_hub("some/repo", revision="main") | {"files": ["*.pt"]}, "fourth")


@pytest.mark.parametrize(
    ("repo", "file", "message"),
    [
        ("gated/repo", "model.bin", "gated: accept the terms at .*/gated/repo, run `hf auth login`"),
        ("some/repo", "none.bin", "has no none.bin at revision main"),
    ],
)
def test_hub_errors(hub, get, repo, file, message):
    with pytest.raises(NcstError, match=message):
        get(on_hub(repo, file))


def test_no_hub(hub, get, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(NcstError, match="check the network connection"):
        get(on_hub("some/repo"))


def test_all_files_of_a_record_and_later_no_list(server, get, tmp_path):
    record = f"{server.url}/api/records/1"
    names = {"a.bin": CONTENT, "b.bin": CONTENT[::-1]}
    listed = []
    for name, content in names.items():
        server.files[f"/files/{name}/content"] = content
        link = {"self": f"{server.url}/files/{name}/content"}
        checksum = f"md5:{hashlib.md5(content).hexdigest()}"
        listed.append({"key": name, "size": len(content), "checksum": checksum, "links": link})
    server.files["/api/records/1"] = json.dumps({"files": listed}).encode()
    source = {"source": "zenodo", "records": [record]}
    assert {name: path.read_bytes() for name, path in get(source).items()} == names
    del server.files["/api/records/1"]
    assert set(get(source, "again")) == set(names)
    listed[0]["key"] = "../evil.bin"
    server.files["/api/records/2"] = json.dumps({"files": listed}).encode()
    with pytest.raises(NcstError, match="not safe to write"):
        get({"source": "zenodo", "records": [f"{server.url}/api/records/2"]}, "third")
    assert not (tmp_path / "evil.bin").exists()
    with pytest.raises(NcstError, match="answers 404"):
        get({"source": "zenodo", "records": [f"{server.url}/api/records/3"]}, "third")


@pytest.mark.parametrize(
    "memory",
    [
        *(b"", b"\xb4\x85", b"{", b"null", b"[]", b"[" * 100_000, b'{"size": 400}'),
        *(b'{"version": 1, "size": 400}', b'{"version": "a\\n", "size": 1}'),
    ],
)
def test_what_is_remembered_of_a_part_blocks_no_download(server, get, tmp_path, memory):
    (tmp_path / "x").mkdir()
    (tmp_path / "x/model.bin.part").write_bytes(b"wrong")
    (tmp_path / "x/model.bin.part.json").write_bytes(memory)
    get(at(f"{server.url}/model.bin", sha256=SHA256))
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["model.bin"]


@pytest.mark.parametrize("answer", answers.ANSWERS[1:])
def test_no_answer_is_a_traceback(monkeypatch, get, tmp_path, answer):
    answers.hurry(monkeypatch.setattr)
    server = answers.Server()
    server.answers = [answer]
    with pytest.raises(NcstError, match=r"check the network|correct codecs.x|came empty|free some space|has sha256"):
        get(at(f"{server.url}/model.bin", sha256=SHA256))
    assert not (tmp_path / "x/model.bin").exists()


@pytest.mark.parametrize(
    "record",
    [b"[]", b'{"files": null}', b'{"files": [null]}', b"\xff", b"[" * 100_000, b'{"files": [{"key": "a"}]}']
    + [
        b'{"files": [{"key": %s, "checksum": %s, "size": %s, "links": {"self": "u"}}]}' % facts
        for facts in ((b"[1]", b'"md5:0"', b"1"), (b'"a"', b"null", b"1"), (b'"a"', b'"md5:0"', b'"1"'))
    ],
)
def test_a_record_of_another_shape_is_one_sentence(server, get, record):
    server.files["/record"] = record
    with pytest.raises(
        NcstError, match=f"no record of Zenodo that lists files: correct {KEY}|is no JSON: correct {KEY}"
    ):
        get({"source": "zenodo", "records": [f"{server.url}/record"]})


@pytest.mark.parametrize(
    "lock",
    [b"\xc1\x89", b"a: [", b"- a", b"a: \x10"]
    + [
        f"{KEY}: {value}".encode()
        for value in ("null", "text", "{a: null}", "{0: {of: u}}", "{a: {size: 1}}", "{a: {of: u, size: x}}")
    ],
)
def test_a_lock_of_another_shape_is_one_sentence(server, get, tmp_path, lock):
    (tmp_path / "lock.yaml").write_bytes(lock)
    with pytest.raises(NcstError, match=r"lock\.yaml") as raised:
        get({"source": "zenodo", "records": [f"{server.url}/record"]})
    assert "\n" not in str(raised.value)


def test_a_lock_names_no_file_elsewhere(get, tmp_path):
    facts = {"of": "http://127.0.0.1:9/record", "url": "http://127.0.0.1:9/x"}
    (tmp_path / "lock.yaml").write_text(yaml.safe_dump({KEY: {"../x": facts}}))
    with pytest.raises(NcstError, match=r"names a file '\.\./x', which is not safe to write"):
        get({"source": "zenodo", "records": [facts["of"]]})


@pytest.mark.parametrize(
    "about",
    [
        b"",
        b"\x82",
        b"[]",
        b'{"siblings": [{"rfilename": "a"}]}',
        b'{"id": "some/repo", "sha": {"a": 1}, "siblings": []}',
    ],
)
def test_what_is_no_hub_is_one_sentence(monkeypatch, get, about):
    server = answers.Server()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(about) + about]
    with pytest.raises(NcstError, match=rf"answers as the Hugging Face Hub for some/repo of {KEY} is none"):
        get(on_hub("some/repo") | {"files": ["*"]})


def test_a_repository_names_no_file_elsewhere(monkeypatch, get, tmp_path):
    server = answers.Server()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    about = json.dumps({"id": "some/repo", "sha": COMMIT, "siblings": [{"rfilename": "../../x"}]}).encode()
    server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(about) + about]
    with pytest.raises(NcstError, match=r"names a file '\.\./\.\./x', which is not safe to write"):
        get(on_hub("some/repo") | {"files": ["*"]})
