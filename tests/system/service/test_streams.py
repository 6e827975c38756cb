"""Streams through the API: added, watched, paused, removed, and what may not be opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from tests.waiting import wait_for

STREET = "street://?width=128&height=96&fps=20&duration=0&live=true"


def add(client: httpx.Client, **fields: Any) -> httpx.Response:
    return client.post("/streams", json={"name": "gate", "source": STREET, **fields})


def test_the_life_of_a_stream(serve: Any) -> None:
    with serve().client() as client:
        assert client.get("/streams").json() == {"streams": []}
        assert add(client).status_code == 201
        assert add(client).status_code == 409
        wait_for(lambda: client.get("/streams/gate/stats").json()["analyzed"] > 3)
        stats = client.get("/streams").json()["streams"][0]
        assert (stats["name"], stats["state"], stats["model"]) == ("gate", "running", "tiny")
        assert client.get("/status").json()["streams"] == {"gate": "running"}
        assert client.post("/models/tiny/unload").status_code == 409  # the stream uses it
        assert client.post("/streams/gate/pause").json()["paused"]
        wait_for(lambda: client.get("/streams/gate").json()["state"] == "paused")
        assert client.post("/streams/gate/resume").status_code == 200
        wait_for(lambda: client.get("/streams/gate").json()["state"] == "running")
        assert client.delete("/streams/gate").status_code == 204
        for method, path in (
            ("DELETE", "/streams/gate"), ("GET", "/streams/gate"), ("POST", "/streams/gate/pause"),
            ("GET", "/streams/gate/snapshot"), ("GET", "/streams/gate/mjpeg"),
        ):  # fmt: skip
            assert client.request(method, path).status_code == 404, path
        assert add(client).status_code == 201  # the name is free again


def test_pictures_of_a_stream(serve: Any) -> None:
    with serve().client() as client:
        add(client)
        wait_for(lambda: client.get("/streams/gate/snapshot").status_code == 200)
        for query in ("", "?annotated=false&quality=30"):
            answer = client.get(f"/streams/gate/snapshot{query}")
            assert answer.headers["content-type"] == "image/jpeg"
            picture = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
            assert picture.shape == (96, 128, 3)
        assert client.get("/streams/gate/snapshot?quality=0").status_code == 422
        with client.stream("GET", "/streams/gate/mjpeg") as live:
            assert live.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
            seen, pictures = b"", []
            for piece in live.iter_raw():
                seen += piece
                whole = seen.split(b"--frame\r\n")[1:-1]
                pictures = [part.partition(b"\r\n\r\n")[2][:-2] for part in whole]
                if len(set(pictures)) == 3:  # new ones come; two frames may look alike
                    break
        assert all(one.startswith(b"\xff\xd8") and one.endswith(b"\xff\xd9") for one in pictures)


def test_events(serve: Any) -> None:
    with serve().client() as client:
        add(client)
        add(client, name="yard")
        with client.stream("GET", "/events", params={"stream": "yard"}) as live:
            assert live.headers["content-type"].startswith("text/event-stream")
            lines = (line for line in live.iter_lines() if line.startswith("data: "))
            told = [json.loads(next(lines).removeprefix("data: ")) for _ in range(3)]
        assert {one["stream"] for one in told} == {"yard"}
        assert [one["frame"] for one in told] == sorted({one["frame"] for one in told})
        assert "objects" in told[0]


@pytest.mark.parametrize(
    "path",
    [
        "/events?stream=yrad", "/events?stream=gate&stream=yrad", "/events/link?stream=yrad",
        "/streams/yrad", "/streams/yrad/mjpeg", "/streams/yrad/snapshot", "/streams/yrad/link",
    ],
)  # fmt: skip
def test_a_stream_that_is_not_there_is_told(serve: Any, path: str) -> None:
    with serve().client() as client:
        assert "'yrad', nor any other" in client.get(path.replace("stream=gate&", "")).text
        add(client)
        add(client, name="yard")
        answer = client.get(path)
        assert answer.status_code == 404, answer.text
        assert "there is no stream 'yrad'; there are gate, yard" in answer.text


def test_files_of_a_service_that_opens_none(serve: Any) -> None:
    with serve().client() as client:
        answer = add(client, source="/data/a.mp4")
        assert answer.status_code == 403
        assert "serving.files_under" in answer.text


def test_watchers_end_with_the_service(serve: Any) -> None:
    service = serve()
    with service.client() as client, client.stream("GET", "/events") as live:
        lines = live.iter_lines()
        next(lines)
        service.server.stop()
        assert not [line for line in lines if line.startswith("data")]


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """An allowed folder beside one that is not."""
    (tmp_path / "open" / "deep").mkdir(parents=True)
    (tmp_path / "closed").mkdir()
    for where in ("open/a.mp4", "open/deep/b.mp4", "closed/c.mp4"):
        (tmp_path / where).write_bytes(b"no video, but a file")
    (tmp_path / "open" / "list.m3u8").write_text("#EXTM3U\n")
    (tmp_path / "open" / "disguised.mp4").write_text("\ufeff#EXTM3U\nfile:///etc/passwd\n")
    (tmp_path / "open" / "concat.mp4").write_text("ffconcat version 1.0\nfile /etc/passwd\n")
    (tmp_path / "open" / "link.mp4").symlink_to(tmp_path / "closed" / "c.mp4")
    (tmp_path / "open" / "inner.mp4").symlink_to(tmp_path / "open" / "a.mp4")
    return tmp_path


@pytest.mark.parametrize(
    ("source", "status"),
    [
        pytest.param("{}/open/a.mp4", 201, id="a file of the folder"),
        pytest.param("{}/open/deep/b.mp4", 201, id="deeper"),
        pytest.param("{}/open/inner.mp4", 201, id="a link within"),
        pytest.param("{}/closed/c.mp4", 403, id="another folder"),
        pytest.param("{}/open/../closed/c.mp4", 403, id="dots"),
        pytest.param("{}/open/link.mp4", 403, id="a link that leads out"),
        pytest.param("{}/open/none.mp4", 403, id="what is not there"),
        pytest.param("{}/open", 403, id="a folder"),
        pytest.param("{}/open/*.mp4", 403, id="a glob"),
        pytest.param("{}/open/list.m3u8", 403, id="a playlist"),
        pytest.param("{}/open/disguised.mp4", 403, id="a playlist in disguise"),
        pytest.param("{}/open/concat.mp4", 403, id="a list of files"),
        pytest.param("/etc/passwd", 403, id="passwords"),
        pytest.param("0", 403, id="a camera of this computer"),
        pytest.param("/dev/video0", 403, id="a device"),
        pytest.param("file:///etc/passwd", 403, id="file://"),
        pytest.param("concat:/etc/passwd|/etc/hosts", 403, id="FFmpeg's concat:"),
        pytest.param("subfile,,start,0,end,9,,:/etc/passwd", 403, id="FFmpeg's subfile:"),
        pytest.param("pipe:0", 403, id="pipe:"),
        pytest.param("lavfi://testsrc", 403, id="lavfi://"),
        pytest.param("RTMP://10.0.0.1/a", 403, id="a scheme that is not listed"),
        pytest.param("http://10.0.0.1/list.m3u8?a=b", 403, id="a playlist on the net"),
        pytest.param("$(touch /tmp/x)", 403, id="a command"),
        pytest.param("", 422, id="nothing"),
        pytest.param("a\0b", 422, id="a zero byte"),
        pytest.param("http://[", 422, id="no address"),
        pytest.param("street://?seed=x", 422, id="a street that is none"),
        pytest.param("rtsp://cam/a\r\nDELETE / HTTP/1.1", 422, id="lines"),
        pytest.param("rtsp://cam/a%0d%0ab", 422, id="encoded lines"),
        pytest.param("http://a b/", 422, id="a blank"),
        pytest.param("rtsp://0x7f.1/", 422, id="an address as no one writes it"),
        pytest.param("http://169.254.169.254/latest/meta-data", 403, id="metadata"),
        pytest.param("http://[::ffff:a9fe:a9fe]/", 403, id="metadata in IPv6"),
        pytest.param("rtsp://[fe80::1%25eth0]/", 403, id="link-local"),
        pytest.param("http://10.0.0.1/list%2Em3u8", 403, id="an encoded playlist"),
        pytest.param("rtsp://user:topsecret@127.0.0.1:9/a", 201, id="a camera that is away"),
    ],
)
def test_what_clients_may_open(serve: Any, places: Path, source: str, status: int) -> None:
    with serve(files_under=(places / "open",)).client() as client:
        answer = add(client, source=source.replace("{}", str(places)))
        assert answer.status_code == status, answer.text
        assert "root:" not in answer.text
        everything = client.get("/streams").text + client.get("/status").text
        assert "topsecret" not in everything + answer.text


@pytest.mark.parametrize(
    ("hosts", "source", "status"),
    [
        pytest.param(["10.0.0.0/8"], "rtsp://127.0.0.1:9/a", 403, id="another network"),
        pytest.param(["10.0.0.0/8"], "rtsp://localhost:9/a", 403, id="a name in another network"),
        pytest.param(["10.0.0.0/8"], STREET, 201, id="no network at all"),
        pytest.param(["127.0.0.1"], "rtsp://127.0.0.1:9/a", 201, id="the network"),
        pytest.param(["*.lan", "localhost"], "rtsp://localhost:9/a", 201, id="the name"),
        pytest.param(["169.254.1.0/24"], "rtsp://169.254.1.1:9/a", 201, id="link-local, named"),
    ],
)
def test_networks_of_clients(serve: Any, hosts: list[str], source: str, status: int) -> None:
    with serve(stream_hosts=tuple(hosts)).client() as client:
        answer = add(client, source=source)
        assert answer.status_code == status, answer.text
        if status == 403:
            assert "stream_hosts" in answer.text
        assert add(client, name="own", live={"hosts": ["0.0.0.0/0"]}).status_code == 403


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param({"name": "../x"}, 422, id="no name"),
        pytest.param({"name": "a" * 65}, 422, id="too long a name"),
        pytest.param({"model": "other"}, 404, id="no such model"),
        pytest.param({"fps": 0}, 422, id="a value out of range"),
        pytest.param({"colour": "red"}, 422, id="a key that is none"),
        pytest.param({"outputs": {"json_lines": "/etc/cron.d/x"}}, 403, id="files to write"),
        pytest.param({"outputs": {"database": "sqlite:////tmp/x"}}, 403, id="a database"),
        pytest.param({"adaptive": {"sizes": [640, 32 * 10**7]}}, 422, id="an endless input"),
        pytest.param({"adaptive": {"max_skip": 3}, "min_fps": 2.0}, 201, id="options"),
    ],
)
def test_options_of_a_stream(serve: Any, fields: dict[str, Any], status: int) -> None:
    with serve().client() as client:
        answer = add(client, **fields)
        assert answer.status_code == status, answer.text
