"""HTTP servers that send without an end: the source says so, tries again, and keeps no memory."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

JPEG = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
HUGE = JPEG.replace(b"\x00\x40\x00\x40\x03", b"\xff\xff\xff\xff\x03")
LARGE = JPEG.replace(b"\x00\x40\x00\x40\x03", b"\x3e\x00\x3e\x00\x03")  # 252 million pixels
MULTIPART = "multipart/x-mixed-replace; boundary=frame"
PART = b"--frame\r\nContent-Type: image/jpeg\r\n"
NOISE = np.random.default_rng(1).integers(1, 250, 1 << 18, np.uint8).tobytes().replace(b"-", b"+")
LINE = b"#EXTINF:1,\nhttp://127.0.0.1:1/a.ts\n"
HEAD = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"

# Name: content type, beginning, what is sent for ever after it, what is said.
CASES = {
    "a part that says 2 GB": (
        MULTIPART, PART + b"Content-Length: 2000000000\r\n\r\n" + JPEG, NOISE, "without a whole picture",
    ),
    "a part without a length": (MULTIPART, PART + b"\r\n" + JPEG, NOISE, "without a whole picture"),
    "a part that does not end after good ones": (
        MULTIPART, (PART + b"\r\n" + JPEG + b"\r\n") * 3 + PART + b"\r\n", NOISE, "without a whole picture",
    ),
    "a head that does not end": (MULTIPART, PART, b"X-More: yes\r\n" * 9999, "without a whole picture"),
    "a head in one line": (MULTIPART, PART + b"X-More: ", b"y" * 99999, "without a whole picture"),
    "no boundary": (MULTIPART, b"", NOISE, "sends no video"),
    "blank lines": (MULTIPART, b"", b"\r\n" * 99999, "without a whole picture"),
    "a single picture": ("image/jpeg", JPEG[:-2], NOISE, "without a whole picture"),
    "a PNG": (
        "image/png", cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes()[:40], NOISE,
        "without a whole picture",
    ),
    "an MP4 whose index does not end": (
        "video/mp4", b"\0\0\0\x10ftypisom\0\0\0\0" + b"\x70\0\0\0moov" + b"\x60\0\0\0udta", NOISE,
        "without a whole picture",
    ),
    "raw H.264 without a second picture": (
        "video/h264", b"\0\0\0\1\x67\x42\xc0\x1e\xd9\0\0\0\1\x68\xce\0\0\0\1\x65\x88", NOISE, "picture",
    ),
    "text": ("text/plain", b"hello\n", b"hello, world\n" * 9999, ""),
    "pictures of 65535 x 65535": (MULTIPART, b"", PART + b"\r\n" + HUGE + b"\r\n", "could not be decoded|pixels|address"),
    "pictures of 15872 x 15872": (MULTIPART, b"", PART + b"\r\n" + LARGE + b"\r\n", "could not be decoded|pixels|address"),
    "a playlist": ("application/x-mpegurl", HEAD, LINE * 999, "playlist does not end"),
    "a playlist of variants": (
        "application/x-mpegurl", b"#EXTM3U\n", b"#EXT-X-STREAM-INF:BANDWIDTH=1\na.m3u8\n" * 99, "playlist does not end",
    ),
    "a manifest": ("application/dash+xml", b"<?xml?><MPD>", b"<a/>" * 9999, "playlist does not end"),
    "a redirect with an endless body": (None, b"", NOISE, "redirects"),
    "a refusal with an endless body": (500, b"", NOISE, "answers 500"),
}  # fmt: skip

PROGRAM = """
import logging, sys
from sightline.config import LiveOptions
from sightline.sources.live import LiveSource
import av, sightline.sources.network.web_streams

def peak_mb():
    with open("/proc/self/status") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) / 1024

class Told(logging.Handler):
    def emit(self, record):
        self.last = record.getMessage()

told = Told()
logging.getLogger("sightline").addHandler(told)
for url in sys.argv[1:]:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = peak_mb()
    options = LiveOptions(
        wait_for_camera=True, reconnect_attempts=2, backoff_first_s=0.01, open_timeout_s=20, stall_timeout_s=20, hosts=()
    )
    source, told.last = LiveSource(url, options=options), "nothing"
    try:
        for _ in source:
            if source.status.reconnects == 1:
                break
        said = told.last
    except Exception as exc:
        said = str(exc)
    source.close()
    print(f"{peak_mb() - before:.0f} {said}", flush=True)
"""


class Endless:
    """Serves CASES, each below its number; knows how often each was asked for."""

    def __init__(self) -> None:
        self.asked = [0] * len(CASES)
        outer, cases = self, list(CASES.values())

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number = int(self.path.rpartition("/")[2].partition(".")[0])
                kind, first, rest, _ = cases[number]
                outer.asked[number] += 1
                self.send_response(200 if isinstance(kind, str) else kind or 302)
                if kind is None:
                    self.send_header("Location", self.path)
                self.send_header("Content-Type", str(kind))
                self.end_headers()
                with contextlib.suppress(OSError):  # the client has had enough
                    self.wfile.write(first)
                    while True:
                        self.wfile.write(rest)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def url(self, number: int) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{number}"


@pytest.fixture(scope="module")
def endless() -> Iterator[Endless]:
    made = Endless()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def told(endless: Endless) -> list[str]:
    """Of each case: MB that the process took for it, and what the source said."""
    urls = [endless.url(number) for number in range(len(CASES))]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *urls],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
@pytest.mark.parametrize("name", CASES)
def test_the_source_says_so_and_keeps_no_memory(
    name: str, told: list[str], endless: Endless
) -> None:
    number = list(CASES).index(name)
    mb, _, said = told[number].partition(" ")
    assert re.search(CASES[name][3], said), said
    assert int(mb) < 100, told[number]
    assert endless.asked[number] >= 2 or CASES[name][0] is None  # it has tried again
