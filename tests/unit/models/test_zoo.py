"""Models by name, fetched from a real server on loopback; how files arrive is in ``test_download.py``."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from tests.unit.models.served_model import (
    MODEL,
    OTHER,
    OTHER_SHA,
    SHA,
    Server,
    left,
)

from sightline.errors import ConfigError, ModelError
from sightline.models import download, zoo
from sightline.models.file import open_model
from sightline.models.model_card import ModelCard
from sightline.optimize.inspection.files import inspect_file


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


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("yolox_nano.onnx", ": `sightline models pull yolox_nano` gets it"),
        ("mine.onnx", "; `sightline models list` shows models that can be pulled"),
        ("yolox_nano.xml", "; `sightline models list` shows models that can be pulled"),
    ],
)
def test_a_missing_file_tells_how_to_get_it(tmp_path: Path, name: str, remedy: str) -> None:
    for read in (open_model, inspect_file):
        with pytest.raises(ModelError) as failure:
            read(tmp_path / name)
        assert str(failure.value) == f"no model file at {tmp_path / name}{remedy}"
