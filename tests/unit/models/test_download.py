"""One file over HTTP, from a real server on loopback that does what servers do on bad days."""

from __future__ import annotations

import io
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.ports import free_port
from tests.unit.models.served_model import (
    MODEL,
    OTHER,
    Server,
    begin,
    left,
)

from sightline.errors import ConfigError, ModelError
from sightline.models import download


def fetched(server: Server, folder: Path) -> bytes:
    """What a download of ``mine.onnx`` brings; nothing but its part is in the folder then."""
    part = download.download(server.url, folder / "mine.onnx")
    assert left(folder) == {"mine.onnx.part"}
    return part.read_bytes()


def test_cut_connection_is_continued(server: Server, tmp_path: Path) -> None:
    server.cuts = [200_000, 100_000, 0, 50_000]
    assert fetched(server, tmp_path) == MODEL
    assert [r.get("Range") for r in server.requests] == [
        None,
        "bytes=200000-",
        "bytes=300000-",
        "bytes=300000-",
        "bytes=350000-",
    ]


def test_progress_starts_the_row_of_retries_again(server: Server, tmp_path: Path) -> None:
    server.cuts = [60_000] * 10
    assert fetched(server, tmp_path) == MODEL


def test_part_of_another_process_is_continued(server: Server, tmp_path: Path) -> None:
    begin(tmp_path, server)
    assert fetched(server, tmp_path) == MODEL
    assert server.requests[0]["Range"] == "bytes=100000-"
    assert server.requests[0]["If-Range"] == '"one"'


@pytest.mark.parametrize("honest", [True, False], ids=["if_range", "if_range_ignored"])
def test_file_that_changed_in_between_starts_again(
    server: Server, tmp_path: Path, honest: bool
) -> None:
    begin(tmp_path, server)
    server.body, server.etag, server.if_range = OTHER, '"two"', honest
    assert fetched(server, tmp_path) == OTHER


def test_file_that_changes_between_attempts(server: Server, tmp_path: Path) -> None:
    server.cuts = [300_000]
    server.after = lambda: server.__dict__.update(body=OTHER, etag='"two"')
    assert fetched(server, tmp_path) == OTHER


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
    assert fetched(server, tmp_path) == MODEL


def test_without_validator_nothing_is_continued(server: Server, tmp_path: Path) -> None:
    server.etag, server.cuts = "", [300_000]
    assert fetched(server, tmp_path) == MODEL
    assert all("Range" not in r for r in server.requests)


def test_always_cut_at_the_same_place_ends(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [1000] * 50
    with pytest.raises(ModelError, match=r"cut after 1,000 of 700,\d+ bytes.*save it as"):
        fetched(server, tmp_path)
    assert len(server.requests) == 5  # one that brought something, then one more than the waits


@pytest.mark.parametrize("status", [500, 503, 429])
def test_busy_server_is_asked_again(server: Server, tmp_path: Path, status: int) -> None:
    server.statuses = [status, status]
    assert fetched(server, tmp_path) == MODEL


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (500, 4)])
def test_status_is_told(server: Server, tmp_path: Path, status: int, asked: int) -> None:
    server.statuses = [status] * 20
    with pytest.raises(ModelError, match=f"says {status} .*save it as .*mine.onnx"):
        fetched(server, tmp_path)
    assert len(server.requests) == asked
    assert left(tmp_path) == set()


def test_silent_server_times_out_and_is_continued(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.2)
    server.gate, server.cuts = threading.Event(), [1000]
    assert fetched(server, tmp_path) == MODEL
    assert server.requests[1]["Range"] == "bytes=1000-"


@pytest.mark.usefixtures("quick_retries")
def test_network_away(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/mine.onnx"
    with pytest.raises(ModelError, match=r"no connection .* save it as .*mine\.onnx"):
        download.download(url, tmp_path / "mine.onnx")


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
        fetched(server, tmp_path)


def test_no_redirect_from_https_to_http() -> None:
    request = download.urllib.request.Request("https://host/x?token=hush")
    with pytest.raises(ModelError, match="not https") as caught:
        download._Redirects(plain_http=True).redirect_request(
            request, answer := io.BytesIO(), 302, "", None, "http://127.0.0.1/x?token=hush"
        )
    assert "hush" not in str(caught.value)
    assert answer.closed


def test_disk_too_full_is_seen_before(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")(1000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ModelError, match=r"disk is too full .* 0\.7 MB are still to come"):
        fetched(server, tmp_path)
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
