"""Servers that answer nonsense, records, locks and memories of downloads."""

import json
import os
import shutil
import socket
import threading

import yaml
from hypothesis import strategies as st

from hostile.damage import bent, damaged
from ncst.fetch import http
from ncst.fetch.download import fetch

BODY = b"0123456789" * 40
ANSWERS = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 400\r\nETag: "a"\r\n\r\n' + BODY,
    b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n" + BODY,
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + BODY,
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n" + BODY,
    b'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 7-399/400\r\nETag: "a"\r\n\r\n' + BODY[7:],
    b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes x-y/z\r\n\r\n" + BODY,
    b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 301 Moved\r\nLocation: javascript:0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\n\r\n",
    b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 Busy\r\nRetry-After: x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\nzz\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\0\0",
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"files": [{"key": "a"}]}',
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"",
)
RECORD = {"files": [{"key": "a.zip", "checksum": "md5:" + "0" * 32, "size": 400, "links": {"self": "URL"}}]}


class Server:
    """Answers every request with the next of `answers`, and then with its last one, as bytes."""

    def __init__(self):
        self.answers, self.socket = [], socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self.socket.accept()
            with connection:
                try:
                    connection.settimeout(1)
                    connection.recv(65536)
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    connection.sendall(answer)
                except OSError:
                    continue


def hurry(setattr=setattr):
    """Make downloads give up soon."""
    for name, value in {"PAUSE": 0.0, "ATTEMPTS": 2, "TIMEOUT": 1.0}.items():
        setattr(http, name, value)


class Downloads:
    """A file, and what is remembered of its first part, from a server that answers anything."""

    inputs = st.tuples(
        st.lists(damaged(*ANSWERS), min_size=1, max_size=3),
        st.none() | damaged(b'{"version": "\\"a\\"", "size": 400}'),
        st.sampled_from((b"", BODY[:7], BODY, BODY * 2)),
    )

    def __init__(self, folder):
        hurry()
        self.server, self.path = Server(), folder / "a.bin"

    def __call__(self, value):
        self.server.answers, memory, part = list(value[0]), *value[1:]
        self.path.with_name("a.bin.part").write_bytes(part)
        remembered = self.path.with_name("a.bin.part.json")
        remembered.unlink(missing_ok=True)
        if memory is not None:
            remembered.write_bytes(memory)
        http.download(f"{self.server.url}/a.bin", self.path, "corpora.x.download")


class Records:
    """Records of Zenodo, and lock files."""

    def __init__(self, folder):
        hurry()
        self.server, self.folder = Server(), folder
        self.record = f"{self.server.url}/record"
        record = json.loads(json.dumps(RECORD).replace("URL", f"{self.server.url}/a.zip"))
        facts = {"of": self.record, "url": f"{self.server.url}/a.zip", "size": 400, "sha256": "0" * 64}
        lock = {"corpora.x.download": {"a.zip": facts}}
        records = st.one_of(damaged(json.dumps(record).encode()), bent(record).map(_json))
        locks = st.one_of(damaged(yaml.safe_dump(lock).encode()), bent(lock).map(_yaml))
        self.inputs = st.tuples(records, st.none() | locks)

    def __call__(self, value):
        record, lock = value
        self.server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(record) + record, ANSWERS[0]]
        place = self.folder / "lock.yaml"
        place.unlink(missing_ok=True)
        if lock is not None:
            place.write_bytes(lock)
        out = self.folder / "deep/deeper"
        fetch("corpora.x.download", {"source": "zenodo", "records": [self.record]}, out, place)


class Hub:
    """The Hugging Face Hub: what it says of a repository, and its files."""

    def __init__(self, folder):
        hurry()
        self.server, self.folder = Server(), folder
        os.environ["HF_ENDPOINT"] = self.server.url
        about = {"id": "some/repo", "sha": "0" * 40, "siblings": [{"rfilename": "a.bin"}], "tags": [], "downloads": 0}
        self.inputs = st.tuples(
            st.one_of(damaged(json.dumps(about).encode()), bent(about).map(_json)),
            damaged(*(answer.replace(b"\r\n", b"\r\nX-Repo-Commit: " + b"0" * 40 + b"\r\n", 1) for answer in ANSWERS)),
        )

    def __call__(self, value):
        about, answer = value
        self.server.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(about) + about, answer]
        source = {"source": "huggingface", "repo": "some/repo", "revision": "main", "files": ["*"]}
        try:
            fetch("codecs.x.weights.official", source, self.folder / "deep/deeper", self.folder / "lock.yaml")
        finally:
            shutil.rmtree(self.folder / "deep", ignore_errors=True)
            for path in self.folder.glob("*lock.yaml*"):
                path.unlink()
            assert not [path for path in self.folder.iterdir() if path.name != ".lock.yaml.wait"], "written outside"


def _json(tree):
    try:
        return json.dumps(tree).encode()
    except (TypeError, ValueError):
        return b"{"


def _yaml(tree):
    try:
        return yaml.safe_dump(tree).encode("utf-8", "surrogatepass")
    except yaml.YAMLError:
        return b"{"
