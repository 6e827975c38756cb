"""The zoo against a real server on loopback that does what servers do on bad days."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import io
import json
import random
import re
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.ports import free_port

from sightline.errors import ConfigError, ModelError
from sightline.models import download, zoo
from sightline.models.model_card import ModelCard


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


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "RETRY_DELAYS_S", (0.0, 0.0, 0.0))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def left(folder: Path) -> set[str]:
    """The files in the folder, without the lock."""
    return {path.name for path in folder.iterdir()} - {"mine.lock"}


def begin(folder: Path, server: Server, size: int = 100_000) -> None:
    """A part as an earlier process leaves it."""
    folder.mkdir(exist_ok=True)
    (folder / "mine.onnx.part").write_bytes(MODEL[:size])
    origin = {"url": server.url, "validator": '"one"'}
    (folder / "mine.onnx.part.origin").write_text(json.dumps(origin))


def test_pull_records_and_fetches_once(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    folder = tmp_path / "new" / "folder"
    path = zoo.pull(server.url, folder, progress=lambda *step: seen.append(step))
    assert path == folder / "mine.onnx"
    assert path.read_bytes() == MODEL
    assert left(folder) == {"mine.onnx", "mine.json"}
    record = zoo.recorded("mine", folder)
    assert record is not None
    assert (record.url, record.sha256, record.size) == (server.url, SHA, len(MODEL))
    assert seen[0] == (0, len(MODEL))
    assert seen[-1] == (len(MODEL), len(MODEL))
    assert seen == sorted(seen)
    assert zoo.pull(server.url, folder) == zoo.pull("mine", folder) == path
    assert zoo.resolve("mine", folder) == path
    assert len(server.requests) == 1


def test_zoo_entry_by_name(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = zoo.ZooEntry("tiny", server.url, "MIT", 0.7, (32, 32), 1.0)
    monkeypatch.setattr(zoo, "ZOO", {"tiny": entry})
    assert zoo.resolve("tiny", tmp_path) is None
    assert zoo.pull("tiny", tmp_path).read_bytes() == MODEL


def test_published_entries() -> None:
    assert list(zoo.ZOO) == ["yolox_nano", "yolox_tiny", "yolox_s", "yolox_m"]
    for name, entry in zoo.ZOO.items():
        download.check_url(entry.url)
        assert entry.url.startswith("https://github.com/Megvii-BaseDetection/YOLOX/releases/")
        assert entry.url.endswith(f"/{name}.onnx")
        card = ModelCard(name=name, size=entry.input_size, fixed_size=True, **entry.card)
        assert (card.decoder, card.order, card.scale, card.pad) == ("yolox", "bgr", 1.0, 114)
        assert card.resize == "letterbox-top-left"


def test_cut_connection_is_continued(server: Server, tmp_path: Path) -> None:
    server.cuts = [200_000, 100_000, 0, 50_000]
    assert zoo.pull(server.url, tmp_path).read_bytes() == MODEL
    assert [r.get("Range") for r in server.requests] == [
        None,
        "bytes=200000-",
        "bytes=300000-",
        "bytes=300000-",
        "bytes=350000-",
    ]


def test_progress_starts_the_row_of_retries_again(server: Server, tmp_path: Path) -> None:
    server.cuts = [60_000] * 10
    assert zoo.pull(server.url, tmp_path).read_bytes() == MODEL


def test_part_of_another_process_is_continued(server: Server, tmp_path: Path) -> None:
    begin(tmp_path, server)
    assert zoo.pull(server.url, tmp_path).read_bytes() == MODEL
    assert server.requests[0]["Range"] == "bytes=100000-"
    assert server.requests[0]["If-Range"] == '"one"'


@pytest.mark.parametrize("honest", [True, False], ids=["if_range", "if_range_ignored"])
def test_file_that_changed_in_between_starts_again(
    server: Server, tmp_path: Path, honest: bool
) -> None:
    begin(tmp_path, server)
    server.body, server.etag, server.if_range = OTHER, '"two"', honest
    assert zoo.pull(server.url, tmp_path).read_bytes() == OTHER


def test_file_that_changes_between_attempts(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000]
    server.after = lambda: server.__dict__.update(body=OTHER, etag='"two"')
    assert zoo.pull(server.url, tmp_path).read_bytes() == OTHER


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda s, _: setattr(s, "ranges", False), id="server_ignores_range"),
        pytest.param(lambda _, f: (f / "mine.onnx.part.origin").write_text("{"), id="torn_origin"),
        pytest.param(lambda _, f: (f / "mine.onnx.part.origin").unlink(), id="no_origin"),
        pytest.param(
            lambda _, f: (f / "mine.onnx.part.origin").write_text(
                '{"url": "https://elsewhere/x", "validator": "\\"one\\""}'
            ),
            id="part_of_another_url",
        ),
        pytest.param(lambda s, _: s.statuses.append(416), id="range_refused"),
    ],
)
def test_starts_again(
    server: Server, tmp_path: Path, spoil: Callable[[Server, Path], object]
) -> None:
    begin(tmp_path, server)
    (tmp_path / "mine.onnx.part").write_bytes(OTHER[:100_000])  # continued, it would be wrong
    spoil(server, tmp_path)
    assert zoo.pull(server.url, tmp_path, SHA).read_bytes() == MODEL


def test_without_validator_nothing_is_continued(server: Server, tmp_path: Path) -> None:
    server.etag, server.cuts = "", [300_000]
    assert zoo.pull(server.url, tmp_path).read_bytes() == MODEL
    assert all("Range" not in r for r in server.requests)


def test_always_cut_at_the_same_place_ends(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [1000] * 50
    with pytest.raises(ModelError, match=r"cut after 1,000 of 700,\d+ bytes.*save it as"):
        zoo.pull(server.url, tmp_path)
    assert len(server.requests) == 5  # one that brought something, then one more than the waits


@pytest.mark.parametrize("status", [500, 503, 429])
def test_busy_server_is_asked_again(server: Server, tmp_path: Path, status: int) -> None:
    server.statuses = [status, status]
    assert zoo.pull(server.url, tmp_path).read_bytes() == MODEL


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (500, 4)])
def test_status_is_told(server: Server, tmp_path: Path, status: int, asked: int) -> None:
    server.statuses = [status] * 20
    with pytest.raises(ModelError, match=f"says {status} .*save it as .*mine.onnx"):
        zoo.pull(server.url, tmp_path)
    assert len(server.requests) == asked
    assert left(tmp_path) == set()


def test_silent_server_times_out_and_is_continued(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.2)
    server.gate, server.cuts = threading.Event(), [1000]
    assert zoo.pull(server.url, tmp_path).read_bytes() == MODEL
    assert server.requests[1]["Range"] == "bytes=1000-"


def test_network_away(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/mine.onnx"
    with pytest.raises(ModelError, match=r"no connection .* save it as .*mine\.onnx"):
        zoo.pull(url, tmp_path)


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        pytest.param(b"<!DOCTYPE html>", "text/html; charset=utf-8", "a web page", id="html"),
        pytest.param(b"<html>", "application/octet-stream", "starts with b'<html>'", id="sniffed"),
        pytest.param(b"version https://git-lfs", "text/plain", "starts with", id="lfs_pointer"),
        pytest.param(b"PK\x03\x04", "application/zip", "starts with", id="archive"),
        pytest.param(b"", "application/octet-stream", "empty", id="empty"),
        pytest.param(MODEL[:5000], "application/octet-stream", "not all of one", id="half"),
        pytest.param(MODEL + b"<", "application/octet-stream", "no ONNX", id="trailing"),
    ],
)
def test_what_is_no_model_is_refused(
    server: Server, tmp_path: Path, body: bytes, content_type: str, message: str
) -> None:
    server.body, server.content_type = body, content_type
    with pytest.raises(ModelError, match=message):
        zoo.pull(server.url, tmp_path)
    assert not {"mine.onnx", "mine.json", "mine.onnx.part"} & left(tmp_path)


def test_cut_without_a_length_is_noticed(server: Server, tmp_path: Path) -> None:
    server.length, server.cuts = False, [300_000]
    with pytest.raises(ModelError, match="not all of one"):
        zoo.pull(server.url, tmp_path)
    assert zoo.pull(server.url, tmp_path).read_bytes() == MODEL


def test_wrong_bytes_are_removed(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"expected {OTHER_SHA}, got {SHA}"):
        zoo.pull(server.url, tmp_path, OTHER_SHA)
    assert left(tmp_path) == set()
    assert zoo.pull(server.url, tmp_path, SHA.upper()).read_bytes() == MODEL


def test_record_outlives_the_file(server: Server, tmp_path: Path) -> None:
    zoo.pull(server.url, tmp_path).unlink()
    server.body = OTHER
    with pytest.raises(ModelError, match=f"expected {SHA}, got {OTHER_SHA}"):
        zoo.pull(server.url, tmp_path)
    assert zoo.pull(server.url, tmp_path, OTHER_SHA).read_bytes() == OTHER
    assert zoo.resolve("mine", tmp_path) is not None


def test_changed_file_is_refused(server: Server, tmp_path: Path) -> None:
    path = zoo.pull(server.url, tmp_path)
    path.write_bytes(OTHER)
    for use in (zoo.resolve, zoo.pull):
        with pytest.raises(ModelError, match=f"expected {SHA}, got {OTHER_SHA}"):
            use("mine", tmp_path)


def test_torn_record_is_told(server: Server, tmp_path: Path) -> None:
    zoo.pull(server.url, tmp_path)
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(ModelError, match=r"cannot read .*mine\.json"):
        zoo.resolve("mine", tmp_path)


def test_another_file_under_a_taken_name_is_refused(server: Server, tmp_path: Path) -> None:
    zoo.pull(server.url, tmp_path)
    with pytest.raises(ModelError, match=f"its SHA-256 is {SHA}, not"):
        zoo.pull("mine", tmp_path, OTHER_SHA)
    with pytest.raises(ModelError, match="there already, from http"):
        zoo.pull(server.url.replace("/mine", "/v2/mine"), tmp_path)


def test_file_put_there_by_hand(tmp_path: Path) -> None:
    (tmp_path / "yolox_nano.onnx").write_bytes(MODEL)
    assert zoo.resolve("yolox_nano", tmp_path) == tmp_path / "yolox_nano.onnx"
    with pytest.raises(ModelError, match="expected"):
        zoo.pull("yolox_nano", tmp_path, OTHER_SHA)
    zoo.pull("yolox_nano", tmp_path)
    record = zoo.recorded("yolox_nano", tmp_path)
    assert record is not None
    assert (record.url, record.sha256) == (None, SHA)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("file:///etc/passwd", "not file", id="file"),
        pytest.param("ftp://host/x.onnx", "not ftp", id="ftp"),
        pytest.param("http://example.com/x.onnx", "plain http", id="http"),
        pytest.param("https:///x.onnx", "must look like", id="no_host"),
        pytest.param("https://host:port/x.onnx", "cannot be read", id="port"),
        pytest.param("https://host/a b.onnx", "percent-encoded", id="space"),
        pytest.param("https://host/a\r\nX: y", "percent-encoded", id="header_injection"),
        pytest.param("https://host/", "end in a name", id="no_name"),
        pytest.param("https://host/..%2Fx.onnx", "end in a name", id="traversal"),
    ],
)
def test_refused_urls(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        zoo.pull(url, tmp_path)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "x/../y", ".x", "", "X", "x" * 200, "x\0"])
def test_refused_names(tmp_path: Path, name: str) -> None:
    for use in (zoo.resolve, zoo.pull):
        with pytest.raises(ConfigError, match="no model name"):
            use(name, tmp_path)


def test_unknown_name_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean yolox_nano"):
        zoo.pull("yolox-nano", tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_bad_sha256(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="64 hexadecimal"):
        zoo.pull(server.url, tmp_path, "abc")
    assert server.requests == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        pytest.param("file:///etc/passwd", "says 302", id="file"),
        pytest.param("ftp://127.0.0.1/x.onnx", "not ftp", id="ftp"),
        pytest.param("http://example.com/x.onnx", "plain http", id="plain_http_elsewhere"),
    ],
)
def test_refused_redirects(server: Server, tmp_path: Path, target: str, message: str) -> None:
    server.redirect = target
    with pytest.raises((ConfigError, ModelError), match=message):
        zoo.pull(server.url, tmp_path)


def test_no_redirect_from_https_to_http() -> None:
    request = download.urllib.request.Request("https://host/x?token=hush")
    with pytest.raises(ModelError, match="not https") as caught:
        download._Redirects(plain_http=True).redirect_request(
            request, answer := io.BytesIO(), 302, "", None, "http://127.0.0.1/x?token=hush"
        )
    assert "hush" not in str(caught.value)
    assert answer.closed


def test_credentials_are_sent_but_neither_shown_nor_passed_on(
    server: Server, tmp_path: Path
) -> None:
    storage = Server()
    try:
        server.redirect = storage.url
        address = server.url.replace("127", "user:h%40sh@127") + "?token=hush"
        zoo.pull(address, tmp_path)
        assert server.requests[0]["Authorization"] == "Basic dXNlcjpoQHNo"
        assert "Authorization" not in storage.requests[0]
        assert "sh@" not in (tmp_path / "mine.json").read_text()
        assert "hush" not in (tmp_path / "mine.json").read_text()
        server.redirect, server.statuses = "", [404]
        with pytest.raises(ModelError) as caught:
            zoo.pull(address, tmp_path, name="other")
        assert not {"user", "h%40sh", "hush"} & set(re.findall(r"[\w%]+", str(caught.value)))
    finally:
        storage.close()


def test_disk_too_full_is_seen_before(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")(1000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ModelError, match=r"disk is too full .* 0\.7 MB are still to come"):
        zoo.pull(server.url, tmp_path)
    assert not (tmp_path / "mine.onnx").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_disk_full_while_writing(server: Server, tmp_path: Path) -> None:
    begin(tmp_path, server)
    # Continued into a device whose every write says that there is no space.
    part = tmp_path / "mine.onnx.part"
    part.unlink()
    part.symlink_to("/dev/full")
    with pytest.raises(ModelError, match="disk is full"):
        download._copy(
            download.urllib.request.urlopen(server.url),
            server.url,
            tmp_path / "mine.onnx",
            done=0,
            total=len(MODEL),
            progress=lambda *_: None,
        )
    assert left(tmp_path) == set()


def test_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match=r"cannot write in .*--models-dir"):
        zoo.pull(server.url, tmp_path / "file" / "models")


def test_two_at_once_fetch_once(server: Server, tmp_path: Path) -> None:
    arrived = threading.Barrier(4)
    got: list[bytes] = []

    def work() -> None:
        arrived.wait(10)
        got.append(zoo.pull(server.url, tmp_path).read_bytes())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert got == [MODEL] * 4
    assert len(server.requests) == 1
