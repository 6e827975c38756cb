"""What ordinary clients send in their own ways, and what is read strictly."""

from __future__ import annotations

import base64
import gzip
import json
import re
import socket
import zlib
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from tests.waiting import wait_for

JSON = {"Content-Type": "application/json"}
JPEG = {"Content-Type": "image/jpeg"}
BOX = [16.0, 16.0, 64.0, 80.0]
"""OBJECT of the tiny model, in a picture of 128 x 96."""


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(lambda t: t, id="plain"),
        pytest.param(
            lambda t: "\r\n".join(t[i : i + 76] for i in range(0, len(t), 76)), id="lines"
        ),
        pytest.param(lambda t: t.replace("+", "-").replace("/", "_"), id="for URLs"),
        pytest.param(lambda t: t.rstrip("="), id="no padding"),
        pytest.param(lambda t: t.replace("+", "-").replace("/", "_").rstrip("="), id="JWT's"),
        pytest.param(lambda t: f"data:image/jpeg;base64,{t}", id="data"),
        pytest.param(lambda t: f"DATA:image/jpeg;name=a.jpg;base64,{t}", id="data with a name"),
        pytest.param(lambda t: f"data:;base64,{t}", id="data of no type"),
        pytest.param(
            lambda t: "data:image/jpeg;base64," + t.replace("+", "%2B").replace("=", "%3D"),
            id="data, encoded",
        ),
        pytest.param(lambda t: f" {t}\n", id="blanks around"),
    ],
)
def test_forms_of_base64(serve: Any, form: Any) -> None:
    pictures = [
        bytes(cv2.imencode(".jpg", np.full((8 + n, 8, 3), 99, np.uint8))[1]) + b"\xfb\xff\xfe" * n
        for n in range(3)
    ]
    with serve().client() as client:
        for picture in pictures:  # of each padding
            text = form(base64.b64encode(picture).decode())
            for path, body in (
                ("/detect", {"image": text}),
                ("/predict/batch", {"images": [text]}),
            ):
                answer = client.post(path, json=body)
                assert answer.status_code == 200, answer.text
                assert "objects" in answer.text
        for wrong in ("a", "ab+-", "ab=c", "data:image/png,abcd", "data:base64", "ä"):
            assert client.post("/detect", json={"image": wrong}).status_code == 422, wrong


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("X-GZIP", gzip.compress, id="x-gzip"),
        pytest.param("deflate", zlib.compress, id="zlib"),
        pytest.param("deflate", lambda data: zlib.compress(data, wbits=-15), id="raw deflate"),
        pytest.param("identity, gzip", gzip.compress, id="identity first"),
        pytest.param(
            "gzip", lambda d: gzip.compress(d[:99]) + gzip.compress(d[99:]), id="two members"
        ),
    ],
)
def test_packed_bodies(serve: Any, jpeg: bytes, encoding: str, pack: Any) -> None:
    with serve(limits={"body_mb": 1}).client() as client:
        packed = {"Content-Encoding": encoding}
        answer = client.post("/detect", content=pack(jpeg), headers={**JPEG, **packed})
        assert answer.status_code == 200, answer.text
        text = json.dumps({"image": base64.b64encode(jpeg).decode()}).encode()
        answer = client.post("/detect", content=pack(text), headers={**JSON, **packed})
        assert answer.json()["width"] == 128
        stream = json.dumps({"name": "gate", "source": "street://?duration=0"}).encode()
        answer = client.post("/streams", content=pack(stream), headers={**JSON, **packed})
        assert answer.status_code == 201, answer.text
        for body, status in (
            (pack(bytes(1_000_001)), 413),
            (pack(bytes(50_000_000)), 413),
            (pack(jpeg)[:-9], 400),
            (b"no such thing", 400),
            (pack(jpeg) + b"more", 400),
        ):
            answer = client.post("/detect", content=body, headers={**JPEG, **packed})
            assert answer.status_code == status, answer.text
        for _ in range(40):  # what was refused holds no memory
            client.post("/detect", content=pack(bytes(2_000_000)), headers={**JPEG, **packed})
        answer = client.post("/detect", content=pack(jpeg), headers={**JPEG, **packed})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "as_json"),
    [
        pytest.param({}, False, id="no type"),
        pytest.param({"Content-Type": "application/octet-stream"}, False, id="octets"),
        pytest.param({"Content-Type": "application/x-www-form-urlencoded"}, False, id="curl"),
        pytest.param({"Content-Type": "Image/JPG; q=1"}, False, id="jpg"),
        pytest.param({"Content-Type": "text/plain"}, False, id="text"),
        pytest.param({}, True, id="JSON of no type"),
        pytest.param({"Content-Type": "text/plain;charset=UTF-8"}, True, id="JSON as text (fetch)"),
        pytest.param({"Content-Type": "application/x-www-form-urlencoded"}, True, id="curl -d"),
        pytest.param({"Content-Type": "application/json; charset=utf-8"}, True, id="charset"),
        pytest.param({"Content-Type": "application/problem+json"}, True, id="+json"),
    ],
)
def test_types_that_clients_send(
    serve: Any, jpeg: bytes, headers: dict[str, str], as_json: bool
) -> None:
    body = jpeg
    if as_json:
        image = base64.b64encode(jpeg).decode()
        body = b"\xef\xbb\xbf" + json.dumps({"image": image, "conf": 0.3}, indent=1).encode()
    with serve().client() as client:
        answer = client.post("/detect", content=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["objects"][0]["box"] == BOX


def test_forms_of_clients(serve: Any, jpeg: bytes) -> None:
    with serve().client() as client:

        def post(*parts: tuple[str, bytes]) -> httpx.Response:
            body = b"".join(
                b"--b\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n" for head, data in parts
            )
            kind = {"Content-Type": 'multipart/form-data; boundary="b"'}
            return client.post("/detect", content=body + b"--b--\r\n", headers=kind)

        named = 'Content-Disposition: form-data; name="{}"'
        octets = "\r\nContent-Type: application/octet-stream"
        assert post((named.format("file") + octets, jpeg)).status_code == 200  # node's form-data
        blob = named.format("file") + '; filename="blob"'
        assert post((blob, jpeg), (named.format("_charset_"), b"utf-8")).status_code == 200
        two = (named.format("classes"), b"car"), (named.format("classes"), b"person")
        assert post((blob, jpeg), *two).status_code == 200
        for parts, status, said in (
            ([("Content-Type: image/jpeg", jpeg)], 400, "part 1 of the form has no Content-Disp"),
            (
                [(blob, jpeg), ("X-A: b", b"x")],
                400,
                "part 2 of the form has no Content-Disposition",
            ),
            ([(f"{blob}\r\n{blob}", jpeg)], 400, "two headers"),
            ([(named.format("file") + '; filename=""' + octets, b"")], 422, "has no file"),
            ([(named.format("image"), jpeg[:0] + b"abc")], 422, "'image' came without a filename"),
            ([(blob, jpeg), (named.format("cofn"), b"1")], 422, "did you mean conf"),
            ([(blob, jpeg), (named.format("conf"), b"true")], 422, "conf: it must be a number"),
        ):
            answer = post(*parts)
            assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_parameters_of_other_routes(serve: Any) -> None:
    with serve().client() as client:
        client.post("/streams", json={"name": "gate", "source": "street://?duration=0&live=true"})
        wait_for(lambda: client.get("/streams/gate/snapshot?t=1764&_=2").status_code == 200)
        answer = client.get("/streams/gate/snapshot?qualty=30")
        assert answer.status_code == 422
        assert "did you mean quality" in answer.text
        assert client.get("/streams/gate/snapshot?quality=3&quality=4").status_code == 422
        assert "must be 100 or less" in client.get("/streams/gate/snapshot?quality=101").text


def talk(service: Any, *pieces: bytes, answers: int = 0) -> tuple[list[int], int]:
    """Send bytes as they are, without waiting: the statuses of the answers, and how many found objects.

    It reads so many answers; 0: until the service hangs up.
    """
    heard = b""
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=30) as link:
        for piece in pieces:
            link.sendall(piece)
        # An answer's body is one object in JSON, without a line break.
        while not answers or len(re.findall(rb"\r\n\r\n{.*}", heard)) < answers:
            received = link.recv(65536)
            if not received:
                assert not answers, "it hung up"
                break
            heard += received
    statuses = [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3})", heard)]
    return statuses, heard.count(b'"objects"')


def post(jpeg: bytes, version: str, more: str = "", host: str = "Host: localhost\r\n") -> bytes:
    head = (
        f"POST /detect HTTP/{version}\r\n{host}Content-Type: image/jpeg\r\n"
        f"Content-Length: {len(jpeg)}\r\n{more}\r\n"
    )
    return head.encode() + jpeg


def test_http_as_old_and_hasty_clients_speak_it(serve: Any, jpeg: bytes) -> None:
    service = serve()
    health = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert talk(service, post(jpeg, "1.0")) == ([200], 1)
    assert talk(service, post(jpeg, "1.0", host="")) == ([200], 1)
    # What HAProxy sends to see whether a server is alive.
    assert talk(service, b"GET /health HTTP/1.0\r\n\r\n") == ([200], 0)
    # Several requests without waiting for the answers, which come in their order.
    assert talk(service, *[post(jpeg, "1.1")] * 3, answers=3) == ([200] * 3, 3)
    mixed = (post(jpeg, "1.1"), health, post(jpeg, "1.1"), health)
    assert talk(service, *mixed, answers=4) == ([200] * 4, 2)
    parts = (jpeg[i : i + 1000] for i in range(0, len(jpeg), 1000))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    chunked = (
        b"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    )
    assert talk(service, chunked, health, answers=2) == ([200, 200], 1)
    waits = post(jpeg, "1.1", "Expect: 100-continue\r\n")
    assert talk(service, waits, answers=1) == ([100, 200], 1)
