"""Requests that no sane client sends: no crash, no 5xx for a client's fault, nothing leaked."""

from __future__ import annotations

import json
import socket
import string
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from tests.waiting import wait_for

from sightline.serving.http import validation
from sightline.sources.image_header import read_header

SERVER_FAULTS = {500, 501, 502, 505}
LEAKS = ("Traceback", "site-packages", "/sightline/", '.py"', "tmp/pytest", "root:x:")
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]

FEW, MANY = 60, 2500
LEVELS = [
    pytest.param(FEW, id="few"),
    pytest.param(MANY, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(1800)]),
]


def sane(answer: httpx.Response, *, v2: bool = False) -> None:
    """What holds for every answer, whatever was asked; ``v2``: under the Open Inference Protocol's path."""
    assert answer.status_code not in SERVER_FAULTS, (answer.status_code, answer.text)
    assert not [leak for leak in LEAKS if leak in answer.text], answer.text
    assert answer.headers["x-request-id"]
    if answer.status_code >= 400:
        error = answer.json()["error"]
        assert (v2 and isinstance(error, str)) or error.keys() == {"code", "message", "id"}


@pytest.fixture
def client(serve: Any) -> Iterator[httpx.Client]:
    service = serve(limits={"body_mb": 1, "pixels": 1_000_000, "streams": 3})
    with service.client() as one:
        yield one
        assert one.get("/ready").status_code == 200
        assert service.scheduler.stats().in_flight == 0
        assert service.scheduler.stats().waiting == {"urgent": 0, "normal": 0, "batch": 0}


SKIPPED = ("/mjpeg", "/events", "/unload")  # endless answers; and a model that is gone for others


@pytest.mark.parametrize("count", LEVELS)
def test_whatever_openapi_allows_or_forbids(client: httpx.Client, count: int) -> None:
    """schemathesis makes good and bad requests for every operation of the service's OpenAPI."""
    described = client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described)
    operations = [
        result.ok() for result in schema.get_all_operations()
        if not result.ok().path.endswith(SKIPPED)
    ]  # fmt: skip
    assert len(operations) > 12
    for operation in operations:
        for mode in schemathesis.GenerationMode:
            cases = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=max(4, count // len(operations)), deadline=None, database=None,
                suppress_health_check=list(HealthCheck), phases=[Phase.generate],
            )  # fmt: skip
            @given(case=cases)
            def ask(case: Any) -> None:
                try:
                    answer = case.call(base_url=str(client.base_url), timeout=30)
                except (ValueError, UnicodeError):
                    return  # the client library cannot even send it
                told = httpx.Response(
                    answer.status_code, content=answer.content,
                    headers={k: v[0] for k, v in answer.headers.items() if k != "content-encoding"},
                )  # fmt: skip
                sane(told)

            with suppress(Unsatisfiable):  # nothing can be wrong with GET /health
                ask()


def jpeg_like() -> st.SearchStrategy[bytes]:
    """Pictures with some bytes changed, cut off, or put together."""
    return st.builds(
        _damaged,
        st.sampled_from(["jpg", "png", "webp", "bmp", "tif"]),
        st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
        st.integers(0, 5000) | st.none(),
        st.binary(max_size=40),
    )


def _damaged(kind: str, changes: list[tuple[int, int]], cut: int | None, tail: bytes) -> bytes:
    import cv2

    pixels = np.random.default_rng(3).integers(0, 255, (24, 32, 3), np.uint8)
    data = bytearray(cv2.imencode(f".{kind}", pixels)[1].tobytes())
    for at, value in changes:
        data[at % len(data)] = value
    return bytes(data[:cut]) + tail


@pytest.mark.parametrize("count", LEVELS)
def test_damaged_pictures(client: httpx.Client, count: int) -> None:
    @settings(max_examples=2 * count, deadline=None, database=None, suppress_health_check=QUIET)
    @given(body=jpeg_like() | st.binary(max_size=300), form=st.sampled_from(["raw", "form"]))
    def ask(body: bytes, form: str) -> None:
        if form == "raw":
            answer = client.post("/detect", content=body)
        else:
            answer = client.post("/detect", files={"file": ("a", body)})
        sane(answer)
        assert answer.status_code in {200, 413, 415, 422}
        if answer.status_code == 200:
            assert read_header(body) is not None

    ask()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
FIELDS = st.sampled_from(
    ["image", "images", "url", "conf", "iou", "classes", "model", "priority", "timeout_ms", "format",
     "name", "source", "outputs", "live", "adaptive"]
)  # fmt: skip


@pytest.mark.parametrize("count", LEVELS)
def test_strange_json(client: httpx.Client, count: int) -> None:
    paths = st.sampled_from(["/detect", "/predict/batch", "/streams", "/models/tiny/reload"])

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=QUIET)
    @given(path=paths, body=st.dictionaries(FIELDS, JSON, max_size=5) | JSON)
    def ask(path: str, body: Any) -> None:
        content = json.dumps(body).encode()
        sane(client.post(path, content=content, headers={"Content-Type": "application/json"}))

    ask()


TEXT = st.text(string.printable, max_size=30)


@pytest.mark.parametrize("count", LEVELS)
def test_strange_paths_and_headers(client: httpx.Client, count: int) -> None:
    names = st.text(string.ascii_letters + "-", min_size=1, max_size=12)
    values = st.text(string.ascii_letters + string.digits + " ;=,\"'/<>*", max_size=40)
    known = st.sampled_from(
        ["content-type", "content-encoding", "x-request-id", "origin", "authorization", "accept",
         "range", "expect", "upgrade", "cookie", "te"]
    )  # fmt: skip
    methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"])
    paths = st.lists(
        TEXT | st.sampled_from(["detect", "models", "tiny", "streams", "..", "%00", "v2"]), max_size=4
    )  # fmt: skip

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=QUIET)
    @given(methods, paths, st.dictionaries(known | names, values.map(str.strip), max_size=5))
    def ask(method: str, path: list[str], headers: dict[str, str]) -> None:
        parts = {name: value for name, value in headers.items() if name.lower() != "host"}
        target = ("/" + "/".join(path)).encode()  # as it is: a URL would lead who knows where
        try:
            answer = client.request(method, "/", headers=parts, extensions={"target": target})
        except (httpx.LocalProtocolError, ValueError):
            return  # the client library cannot even send it
        if method == "HEAD":
            assert answer.status_code not in SERVER_FAULTS
        elif "events" not in path:
            sane(answer, v2=target.startswith(b"/v2"))

    ask()


@pytest.mark.parametrize("count", LEVELS)
def test_strange_bytes(client: httpx.Client, count: int) -> None:
    """Below HTTP: whatever comes, it is answered or cut off, and the next one is served."""
    host, port = client.base_url.host, client.base_url.port
    assert port is not None
    pieces = st.sampled_from(
        [b"POST /detect HTTP/1.1\r\n", b"GET /health HTTP/1.1\r\n", b"Host: localhost\r\n", b"\r\n",
         b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n",
         b"Expect: 100-continue\r\n", b"Connection: upgrade\r\nUpgrade: websocket\r\n", b"\0",
         b"Content-Type: multipart/form-data; boundary=b\r\n", b"--b\r\n\r\n--b--", b"hello"]
    )  # fmt: skip

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=QUIET)
    @given(st.lists(pieces | st.binary(max_size=20), max_size=12))
    def ask(sent: list[bytes]) -> None:
        with socket.create_connection((host, port), timeout=30) as sock:
            sock.sendall(b"".join(sent))
            sock.shutdown(socket.SHUT_WR)
            data = b""
            try:
                while piece := sock.recv(65536):
                    data += piece
            except ConnectionResetError:
                pass
        assert not [one for one in data.split(b"HTTP/1.1 ")[1:] if one.startswith(b"500")], data
        assert not [leak for leak in LEAKS if leak.encode() in data]

    ask()
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("/predict/batch", {"images": [1] * 300_000}, id="a list of what is no text"),
        pytest.param("/detect", {"image": "a", "classes": [1] * 300_000}, id="a list of no names"),
        pytest.param("/detect", {f"k{i}": 1 for i in range(70_000)}, id="keys that are none"),
        pytest.param("/streams", {f"k{i}": 1 for i in range(70_000)}, id="options that are none"),
        pytest.param("/models/tiny/engine", {f"k{i}": 1 for i in range(70_000)}, id="of an engine"),
    ],
)
def test_a_hundred_thousand_mistakes_are_not_listed(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, path: str, body: Any
) -> None:
    """Listing them took most of a second, in which nobody else was served."""
    listed: list[int] = []
    known = validation._told
    monkeypatch.setattr(
        validation, "_told", lambda all_, names: (listed.append(len(all_)), known(all_, names))[1]
    )
    answer = client.post(path, json=body)
    assert answer.status_code in {413, 422}, answer.text
    assert sum(listed) <= 1


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_nothing_is_left_behind(serve: Any, jpeg: bytes) -> None:
    """Descriptors, after a few hundred requests of which half are broken off."""
    service = serve()
    with service.client() as client:
        client.post("/detect", content=jpeg)
        before = descriptors()
        for _ in range(150):
            client.post("/detect", files={"file": ("a.jpg", jpeg)})
            with socket.create_connection(("127.0.0.1", service.server.port)) as sock:
                sock.sendall(
                    b"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na"
                )
        wait_for(lambda: descriptors() <= before + 2)
