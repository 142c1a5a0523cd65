"""A real server on this machine that misbehaves on request; it answers like a model hub as well."""

import contextlib
import hashlib
import http.server
import re
import threading
import time

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` (path: bytes). `requests` lists paths and ranges asked for, `sent` counts bytes of bodies.

    Switches: `drops` (so many answers end after `piece` bytes), `failures` (so many answers are 503), `pause` (seconds
    before every quarter of a body), `ranges` (understands them), `versions` (sends ETags).
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.sent = {}, [], 0
        self.drops, self.piece, self.failures, self.pause, self.ranges, self.versions = 0, 4000, 0, 0.0, True, True
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        server = self.server
        server.requests.append((self.path, self.headers["Range"]))
        content = server.files.get(self.path)
        if "gated" in self.path:
            return self.refuse(403, "GatedRepo")
        if content is None:
            return self.refuse(404, "EntryNotFound" if "resolve" in self.path else "RepoNotFound")
        if server.failures:
            server.failures -= 1
            return self.refuse(503, "")
        tag = f'"{hashlib.sha256(content).hexdigest()}"'
        start = int(re.findall(r"\d+", self.headers["Range"] or "0")[0]) if server.ranges else 0
        if self.headers["If-Range"] not in (None, tag):
            start = 0
        if start >= len(content):
            return self.refuse(416, "")
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        if server.versions:
            self.send_header("ETag", tag)
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            with contextlib.suppress(ConnectionError):
                self.send(content[start:])

    def send(self, rest):
        if self.server.drops:
            self.server.drops -= 1
            rest = rest[: self.server.piece]
        quarter = -(-len(rest) // 4)
        for start in range(0, len(rest), quarter):
            time.sleep(self.server.pause)
            self.server.sent += len(rest[start : start + quarter])
            self.wfile.write(rest[start : start + quarter])

    def refuse(self, status, code):
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serving():
    """Yield a running `Server`."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
