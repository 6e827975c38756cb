"""A file that begins as an ONNX model does, and a server of it that misbehaves as it is told."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import random
import re
import threading
from collections.abc import Callable
from pathlib import Path


def onnx_bytes(size: int = 700_000, seed: int = 0) -> bytes:
    """A ModelProto on its top level: ir_version 8, then a graph of random bytes."""
    graph, length, rest = random.Random(seed).randbytes(size), b"", size
    while True:
        rest, low = rest >> 7, rest & 0x7F
        length += bytes([low | (0x80 if rest else 0)])
        if not rest:
            return b"\x08\x08\x3a" + length + graph


MODEL = onnx_bytes()


OTHER = onnx_bytes(seed=1)


SHA = hashlib.sha256(MODEL).hexdigest()


OTHER_SHA = hashlib.sha256(OTHER).hexdigest()


class Server:
    """Serves ``body`` and misbehaves as its fields say. ``requests`` are the headers seen."""

    def __init__(self) -> None:
        self.body, self.etag = MODEL, '"one"'
        self.cuts: list[int] = []  # after how many bytes to cut the next answers
        self.statuses: list[int] = []  # what to answer first instead of 200
        self.ranges, self.if_range, self.length = True, True, True
        self.content_type, self.redirect = "application/octet-stream", ""
        self.after: Callable[[], None] = lambda: None
        self.gate: threading.Event | None = None
        self.requests: list[dict[str, str]] = []
        handler = type("Bound", (Handler,), {"server_state": self})
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_port}/mine.onnx"
        self.thread = threading.Thread(target=self.httpd.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        if self.gate:
            self.gate.set()
        self.httpd.shutdown()
        self.thread.join()
        self.httpd.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    server_state: Server

    def log_message(self, *_args: object) -> None:
        """Keep the test output quiet."""

    def do_GET(self) -> None:
        state = self.server_state
        state.requests.append(dict(self.headers))
        if state.redirect:
            self.send_response(302)
            self.send_header("Location", state.redirect)
            self.end_headers()
            return
        if state.statuses:
            self.send_error(state.statuses.pop(0))
            return
        body, start = state.body, 0
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fresh = not state.if_range or self.headers.get("If-Range") == state.etag
        if asked and state.ranges and fresh:
            start = int(asked[1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if state.length:
            self.send_header("Content-Length", str(len(body) - start))
        if state.etag:
            self.send_header("ETag", state.etag)
        self.send_header("Content-Type", state.content_type)
        self.end_headers()
        end = start + state.cuts.pop(0) if state.cuts else len(body)
        with contextlib.suppress(OSError):  # the client may refuse what the headers say
            self.wfile.write(body[start:end])
            self.wfile.flush()
        state.after()
        if state.gate:
            state.gate.wait(20)


def left(folder: Path) -> set[str]:
    """The files in the folder, without the lock."""
    return {path.name for path in folder.iterdir()} - {"mine.lock"}


def begin(folder: Path, server: Server, size: int = 100_000) -> None:
    """A part as an earlier process leaves it."""
    folder.mkdir(exist_ok=True)
    (folder / "mine.onnx.part").write_bytes(MODEL[:size])
    origin = {"url": server.url, "validator": '"one"'}
    (folder / "mine.onnx.part.origin").write_text(json.dumps(origin))
