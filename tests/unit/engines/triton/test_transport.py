"""Talking to inference servers over HTTP: what the protocol says, and servers that speak another one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from tests.ports import free_port

from sightline.config import EngineOptions
from sightline.engines.triton.engine import TritonEngine
from sightline.engines.triton.transport import (
    HttpTransport,
    ModelAddress,
    Refused,
    ServerGone,
    connect,
)
from sightline.errors import ConfigError, ModelError
from sightline.types import Normalization

Answer = tuple[int, dict[str, str], bytes]
Server = Callable[[dict[str, Any]], "HttpTransport"]
NAMED = "/v2/models/street%2Fa%20b/versions/2"


@pytest.fixture
def serve() -> Iterator[Server]:
    """A transport to a server that gives these answers by path: JSON, bytes, or status, head and body."""
    servers: list[ThreadingHTTPServer] = []

    def start(answers: dict[str, Any]) -> HttpTransport:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length", 0))
                asked = self.rfile.read(size)
                found = answers.get(self.path, (404, {}, b"no such path"))
                if callable(found):
                    found = found(self.headers, asked)
                if isinstance(found, bytes):
                    found = (200, {}, found)
                if not isinstance(found, tuple):
                    found = (200, {}, json.dumps(found).encode())
                status, head, body = found
                self.send_response(status)
                for name, value in (head | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        address = ModelAddress("http", f"127.0.0.1:{server.server_port}", "street/a b", "2")
        return HttpTransport(address, 9)

    yield start
    for one in servers:
        one.shutdown()
        one.server_close()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("grpc://gpu/street", ("grpc", "gpu:8001", "street", "")),
        ("http://gpu:9000/street/2/", ("http", "gpu:9000", "street", "2")),
        ("https://[::1]/my%2Fmodel", ("https", "[::1]:8000", "my/model", "")),
        ("grpcs://10.0.0.7:1/a", ("grpcs", "10.0.0.7:1", "a", "")),
    ],
)
def test_addresses(url: str, expected: tuple[str, ...]) -> None:
    read = ModelAddress.parse(url)
    assert (read.scheme, read.target, read.model, read.version) == expected


@pytest.mark.parametrize(
    "url",
    ["http://gpu", "http://gpu/", "http://gpu/a/2/b", "ftp://gpu/a", "gpu/a", "http://joe:geheim@gpu/a", "http://gpu/a?x=1"],
)  # fmt: skip
def test_no_addresses(url: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a model") as caught:
        ModelAddress.parse(url)
    assert "geheim" not in str(caught.value)


def test_what_a_server_tells(serve: Server) -> None:
    inputs = [{"name": "images", "datatype": "UINT8", "shape": ["-1", 480, 640, 3], "more": 1}]
    transport = serve(
        {
            "/v2/health/ready": b"",
            f"{NAMED}/ready": (400, {}, b'{"error": "not yet"}'),
            "/v2/repository/index": [{"name": "a", "state": "READY"}, {"name": "b"}],
            NAMED: {"name": "x", "inputs": inputs, "outputs": []},
            f"{NAMED}/config": {"max_batch_size": 8},
        }
    )
    assert transport.ready()
    assert not transport.model_ready()
    assert transport.models() == ["a"]
    assert transport.metadata() == {
        "inputs": [{"name": "images", "datatype": "UINT8", "shape": [-1, 480, 640, 3]}],
        "outputs": [],
    }
    assert transport.max_batch() == 8
    transport.close()
    transport.close()


def test_tensors_go_and_come_as_bytes_or_as_json(serve: Server) -> None:
    boxes, kept = np.arange(6, dtype=np.float32).reshape(2, 3), np.array([[7], [8]], np.int64)
    given = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    seen: list[Any] = []

    def infer(headers: Any, body: bytes) -> Answer:
        length = int(headers["Inference-Header-Content-Length"])
        seen.append((json.loads(body[:length]), body[length:]))
        told = json.dumps(
            {
                "outputs": [
                    {"name": "boxes", "datatype": "FP32", "shape": [2, 3], "parameters": {"binary_data_size": 24}},
                    {"name": "words", "datatype": "BOOL", "shape": [2], "data": [True, False]},
                    {"name": "kept", "datatype": "INT64", "shape": [2, 1], "parameters": {"binary_data_size": 16}},
                ]
            }
        ).encode()  # fmt: skip
        head = {"Inference-Header-Content-Length": str(len(told))}
        return 200, head, told + boxes.tobytes() + kept.tobytes()

    transport = serve({f"{NAMED}/infer": infer})
    found = transport.infer("images", given[:, ::-1], "UINT8")
    assert {name: array.tolist() for name, array in found.items()} == {
        "boxes": boxes.tolist(), "words": [True, False], "kept": [[7], [8]],
    }  # fmt: skip
    asked, content = seen[0]
    assert asked["inputs"] == [
        {"name": "images", "shape": [1, 2, 4, 3], "datatype": "UINT8", "parameters": {"binary_data_size": 24}}
    ]  # fmt: skip
    assert content == given[:, ::-1].tobytes()
    transport.close()


BROKEN: dict[str, Any] = {
    "a page": b"<!DOCTYPE html><html>welcome</html>",
    "nested": b"[" * 100_000,
    "a number": 7,
    "another object": {"hello": "world"},
    "a list": ["x"],
    "null": None,
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_servers_of_another_kind_are_told(serve: Server, answer: Any) -> None:
    paths = (NAMED, f"{NAMED}/config", f"{NAMED}/infer", "/v2/repository/index")
    transport = serve(dict.fromkeys(paths, (200, {}, answer if isinstance(answer, bytes) else json.dumps(answer).encode())))  # fmt: skip
    calls: dict[str, Callable[[], object]] = {
        "metadata": transport.metadata,
        "models": transport.models,
        "infer": lambda: transport.infer("x", np.zeros(1, np.uint8), "UINT8"),
        "config": transport.max_batch,
    }
    for name, call in calls.items():
        if name == "config" and answer == BROKEN["another object"]:
            assert call() == 0
            continue
        with pytest.raises(Refused, match=r"none of the Open Inference Protocol .*such a server"):
            call()
    transport.close()


@pytest.mark.parametrize(
    "output",
    [
        pytest.param({"name": "y", "datatype": "BF16", "shape": [1], "data": [1]}, id="an unknown type"),
        pytest.param({"name": "y", "datatype": "FP32", "shape": [2], "data": [1]}, id="another shape"),
        pytest.param({"name": "y", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}, id="no bytes"),
        pytest.param({"datatype": "FP32", "shape": [1], "data": [1]}, id="no name"),
    ],
)  # fmt: skip
def test_outputs_that_are_none(serve: Server, output: dict[str, Any]) -> None:
    transport = serve({f"{NAMED}/infer": {"outputs": [output]}})
    with pytest.raises(Refused, match="none of the Open Inference Protocol"):
        transport.infer("x", np.zeros(1, np.uint8), "UINT8")
    transport.close()


def test_a_web_server_is_no_triton(serve: Server) -> None:
    page = b"<html>welcome</html>"
    transport = serve(
        dict.fromkeys(("/v2/health/ready", "/v2/models/a/ready", "/v2/models/a"), page)
    )
    url = f"http://{transport._address.target}/a"
    with pytest.raises(ModelError, match=r"Triton at http://127\S+/a refuses: its answer is none"):
        TritonEngine(url, Normalization(), EngineOptions(requests=1))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b'{"error": "no model\\n of that  name"}', "500 no model of that name$", id="JSON"),
        pytest.param(b"plain  words", "500 plain words$", id="text"),
        pytest.param(b"", "500 Internal Server Error$", id="nothing"),
    ],
)  # fmt: skip
def test_refusals_have_the_server_s_words(serve: Server, body: bytes, said: str) -> None:
    transport = serve({NAMED: (500, {}, body)})
    with pytest.raises(Refused, match=said):
        transport.metadata()
    transport.close()


def test_nobody_there() -> None:
    transport = connect(ModelAddress("http", f"127.0.0.1:{free_port()}", "a", ""), 1)
    with pytest.raises(ServerGone, match="refused"):
        transport.ready()
    transport.close()
