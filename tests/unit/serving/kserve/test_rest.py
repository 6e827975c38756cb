"""The Open Inference Protocol as JSON: bodies, and what the routes answer."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import Future
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from tests.unit.serving.kserve.served_stand_in import Served, ask, blank

from sightline.errors import (
    InferenceError,
    InvalidRequest,
    Overloaded,
    TooLarge,
)
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.kserve.rest import HEADER_LENGTH, parse, router

HEAD = {"name": "images", "datatype": "UINT8", "shape": [1, 2]}


class TestParse:
    def body(self, *inputs: Any, tail: bytes = b"", **more: Any) -> tuple[bytes, str]:
        head = json.dumps({"inputs": inputs, **more}).encode()
        return head + tail, str(len(head))

    def test_bytes_behind_the_json_are_seen_in_place(self) -> None:
        first = {**HEAD, "parameters": {"binary_data_size": 2}}
        second = {**HEAD, "name": "more", "parameters": {"binary_data_size": 3}}
        body, length = self.body(first, second, tail=b"abcde", outputs=[{"name": "sum"}], id="9")
        request, _ = parse("tiny", "1", body, length)
        assert [bytes(t.raw or b"") for t in request.inputs] == [b"ab", b"cde"]
        assert isinstance(request.inputs[0].raw, memoryview)
        assert request.inputs[0].raw.obj is body
        assert (request.id, list(request.outputs)) == ("9", ["sum"])

    @pytest.mark.parametrize(
        ("parameters", "wish", "expected"),
        [
            pytest.param({}, {}, False, id="JSON by default"),
            pytest.param({"binary_data_output": True}, {}, True, id="all binary"),
            pytest.param(
                {"binary_data_output": True}, {"binary_data": False}, False, id="not this"
            ),
            pytest.param({}, {"binary_data": True}, True, id="this one"),
        ],
    )
    def test_binary_outputs(
        self, parameters: dict[str, Any], wish: dict[str, Any], expected: bool
    ) -> None:
        outputs = [{"name": "sum", "parameters": wish}]
        body, _ = self.body({**HEAD, "data": [1, 2]}, parameters=parameters, outputs=outputs)
        _, binary = parse("tiny", "", body, None)
        assert binary("sum") is expected

    @pytest.mark.parametrize(
        ("body", "error", "complaint"),
        [
            pytest.param(
                b'{"inputs":[' + b"{}," * 4_000 + b"{}]}", InvalidRequest, "name: .*", id="inputs"
            ),
            pytest.param(
                b'{"inputs":[' + b"{}," * 5_000 + b"{}]}", TooLarge, "objects", id="objects"
            ),
            pytest.param(
                json.dumps({"inputs": [{**HEAD, "data": [[]] * 500_000}]}).encode(),
                TooLarge,
                "lists",
                id="lists",
            ),
            pytest.param(
                json.dumps({"inputs": [{**HEAD, "data": [1] * 3_000_000}]}).encode(),
                TooLarge,
                "send tensors as binary data",
                id="numbers",
            ),
            pytest.param(
                json.dumps({"inputs": [{**HEAD, "data": [1, 2]}] * 65}).encode(),
                InvalidRequest,
                "at most 64 items",
                id="whole inputs",
            ),
            pytest.param(
                json.dumps({"inputs": [], "outputs": [{"name": "sum"}] * 65}).encode(),
                InvalidRequest,
                "at most 64 items",
                id="outputs",
            ),
        ],
    )
    def test_json_without_end_is_refused_at_once(
        self, body: bytes, error: type[Exception], complaint: str
    ) -> None:
        """Other clients wait while it is read, and a complaint about each entry takes gigabytes."""
        with pytest.raises(error, match=complaint) as info:
            parse("tiny", "", body, None)
        assert len(str(info.value)) < 500

    @pytest.mark.parametrize(
        ("body", "length", "complaint"),
        [
            pytest.param(b"{", None, "JSON", id="no JSON"),
            pytest.param(b"\xff\xfe", None, "JSON", id="no text"),
            pytest.param(b"[" * 100_000, None, "JSON", id="nested for ever"),
            pytest.param(b"[]", None, "request", id="no object"),
            pytest.param(b"{}", None, "inputs", id="no inputs"),
            pytest.param(b'{"inputs": [], "input": []}', None, "input: there is no such field; did you mean inputs", id="unknown key"),
            pytest.param(b'{"inputs": []}', "15", "is 15, but the body has 14", id="beyond the body"),
            pytest.param(b'{"inputs": []}', "-1", "must be a number", id="negative length"),
            pytest.param(b'{"inputs": []}', "٣", "must be a number", id="other digits"),
            pytest.param(b'{"inputs": []}xyz', "14", "3 bytes follow", id="bytes left over"),
            pytest.param(
                b'{"inputs": [{"name": "a", "datatype": "UINT8", "shape": [1]}]}', None,
                "input 'a': its content is missing", id="no content",
            ),
            pytest.param(
                b'{"inputs": [{"name": "a", "datatype": "UINT8", "shape": [1.5], "data": [1]}]}',
                None, "inputs.0.shape.0", id="fractional side",
            ),
            pytest.param(
                b'{"inputs": [{"name": "a", "datatype": "UINT8", "shape": [9223372036854775808],'
                b' "data": [1]}]}', None, "inputs.0.shape.0", id="side beyond int64",
            ),
            pytest.param(
                b'{"inputs": [{"name": "a", "datatype": "UINT8", "shape": [1], "data": 1}]}', None,
                "inputs.0.data", id="data is no list",
            ),
            pytest.param(
                b'{"inputs": [], "parameters": {"binary_data_output": 1}}', None,
                "true or false", id="flag is no flag",
            ),
            pytest.param(
                b'{"inputs": [], "outputs": [{"name": "s", "parameters": {"classification": 2}}]}',
                None, "output 's': parameter 'classification'", id="classification",
            ),
        ],
    )  # fmt: skip
    def test_refused(self, body: bytes, length: str | None, complaint: str) -> None:
        with pytest.raises(InvalidRequest, match=complaint):
            parse("tiny", "", body, length)

    @pytest.mark.parametrize("size", [-1, 3, True, "2", 10**30])
    def test_binary_size_that_is_not_there(self, size: Any) -> None:
        body, length = self.body({**HEAD, "parameters": {"binary_data_size": size}}, tail=b"ab")
        with pytest.raises(InvalidRequest, match="input 'images': binary_data_size"):
            parse("tiny", "", body, length)

    @given(st.binary(max_size=60), st.none() | st.text(max_size=4))
    def test_anything_else_is_the_clients_fault(self, body: bytes, length: str | None) -> None:
        with pytest.raises(InvalidRequest):
            parse("tiny", "", body, length)


def test_statistics(service: OpenInference, served: Served) -> None:
    ask(service, blank(2))
    served.refuse_after = 0
    with pytest.raises(Overloaded):
        ask(service, blank())
    (found,) = service.statistics("tiny")["model_stats"]
    assert (found["inference_count"], found["execution_count"]) == (2, 2)  # one by one
    assert found["inference_stats"]["success"]["count"] == 1
    assert found["inference_stats"]["fail"]["count"] == 1
    assert abs(found["last_inference"] / 1e3 - time.time()) < 60
    assert [m["name"] for m in service.statistics()["model_stats"]] == ["tiny", "tiny.detect"]


class Client:
    """Calls the routes as an app would, without a socket."""

    def __init__(self, service: OpenInference) -> None:
        self.app = FastAPI()
        self.app.include_router(router(service))

    def __call__(self, method: str, path: str, **request: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **request)

        return asyncio.run(call())


@pytest.fixture
def call(service: OpenInference) -> Client:
    return Client(service)


def asking(**more: Any) -> dict[str, Any]:
    data = [1] * (32 * 32 * 3)
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, 32, 32, 3], "data": data}
    return {"inputs": [{**tensor, **more}]}


class TestRoutes:
    def test_json_both_ways(self, call: Client) -> None:
        for path in ("/v2/models/tiny/infer", "/v2/models/tiny/versions/1/infer"):
            response = call("POST", path, json={**asking(), "id": "7"})
            assert response.status_code == 200
            assert response.json() == {
                "model_name": "tiny",
                "model_version": "1",
                "id": "7",
                "outputs": [
                    {"name": "sum", "datatype": "FP32", "shape": [1, 1], "data": [3072]},
                    {"name": "mean", "datatype": "FP32", "shape": [1, 1], "data": [1]},
                ],
            }

    def test_one_output_in_json_and_one_as_bytes(self, call: Client) -> None:
        outputs = [{"name": "sum", "parameters": {"binary_data": True}}, {"name": "mean"}]
        response = call("POST", "/v2/models/tiny/infer", json={**asking(), "outputs": outputs})
        cut = int(response.headers[HEADER_LENGTH])
        head = json.loads(response.content[:cut])
        assert head["outputs"][0]["parameters"] == {"binary_data_size": 4}
        assert head["outputs"][1]["data"] == [1]
        assert np.frombuffer(response.content[cut:], np.float32) == 3072

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            pytest.param("/v2/models/none/infer", asking(), 404, id="model"),
            pytest.param("/v2/models/tiny/versions/3/infer", asking(), 404, id="version"),
            pytest.param("/v2/models/tiny/infer", asking(datatype="FP32"), 400, id="datatype"),
            pytest.param("/v2/models/tiny/infer", asking(shape=[-1, 32, 32, 3]), 400, id="shape"),
            pytest.param("/v2/models/tiny/infer", {"inputs": "x"}, 400, id="JSON"),
            pytest.param("/v2/repository/index", {"redy": True}, 400, id="unknown key"),
            pytest.param(
                "/v2/repository/models/tiny/load",
                {"parameters": {"config": "{}"}},
                400,
                id="config",
            ),
            pytest.param("/v2/repository/models/none/load", {}, 404, id="load"),
        ],
    )
    def test_errors_have_the_protocols_form(
        self, call: Client, path: str, body: Any, status: int
    ) -> None:
        response = call("POST", path, json=body)
        assert response.status_code == status
        assert set(response.json()) == {"error"}
        assert isinstance(response.json()["error"], str)

    def test_a_fault_of_ours_is_not_explained(
        self, call: Client, served: Served, caplog: pytest.LogCaptureFixture
    ) -> None:
        served.hold = True
        served.futures = Failing(InferenceError("secret: /root/model.onnx"))  # type: ignore[assignment]
        response = call("POST", "/v2/models/tiny/infer", json=asking())
        assert response.status_code == 500
        assert "secret" not in response.text
        assert "secret" in caplog.text

    def test_overload_says_when_to_come_back(self, call: Client, served: Served) -> None:
        served.refuse_after = 0
        response = call("POST", "/v2/models/tiny/infer", json=asking())
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "1"

    def test_a_client_that_leaves_takes_its_work_along(self, call: Client, served: Served) -> None:
        served.hold = True
        body = json.dumps(asking()).encode()
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        path = "/v2/models/tiny/infer"
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
            "query_string": b"", "headers": [], "client": ("here", 1), "server": ("test", 80),
            "scheme": "http", "root_path": "", "http_version": "1.1",
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            while not served.futures:  # noqa: ASYNC110 - the stand-in has no event
                await asyncio.sleep(0)
            return {"type": "http.disconnect"}

        async def send(_: Any) -> None:
            """Nobody is left to answer to."""

        async def ask_and_leave() -> None:
            with pytest.raises(ClientDisconnect):
                await call.app(scope, receive, send)
            for _ in range(5):  # the cancellation goes through a few tasks
                await asyncio.sleep(0)
            assert served.futures[0].cancelled()

        asyncio.run(ask_and_leave())

    def test_readiness(self, call: Client, service: OpenInference) -> None:
        assert call("GET", "/v2/health/live").status_code == 200
        assert call("GET", "/v2/health/ready").status_code == 200
        assert call("GET", "/v2/models/tiny/ready").status_code == 200
        assert call("GET", "/v2/models/none/ready").status_code == 404
        service.ready_too = lambda: False
        assert call("GET", "/v2/health/ready").status_code == 503
        assert call("GET", "/v2/health/live").status_code == 200

    def test_descriptions(self, call: Client) -> None:
        assert call("GET", "/v2").json()["name"] == "sightline"
        for path in ("/v2/models/tiny", "/v2/models/tiny/versions/1"):
            found = call("GET", path).json()
            assert found["versions"] == ["1"]
            assert found["inputs"] == [
                {"name": "images", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}
            ]
            assert [o["name"] for o in found["outputs"]] == ["sum", "mean"]
        config = call("GET", "/v2/models/tiny.detect/config").json()
        assert config["input"] == [{"name": "image", "data_type": "TYPE_STRING", "dims": [-1]}]
        assert config["parameters"] == {"classes": {"string_value": "car, bus"}}
        config = call("GET", "/v2/models/tiny/config").json()
        assert config["parameters"] == {"sizes": {"string_value": "32x32, 32x64"}}
        assert call("GET", "/v2/models/none").status_code == 404

    def test_repository(self, call: Client, service: OpenInference) -> None:
        index = call("POST", "/v2/repository/index").json()
        states = {m["name"]: (m["state"], m["reason"]) for m in index}
        assert states["tiny"] == states["tiny.detect"] == ("READY", "")
        assert states["bad"] == ("UNAVAILABLE", "failed")
        ready = call("POST", "/v2/repository/index", json={"ready": True}).json()
        assert {m["name"] for m in ready} == {"tiny", "tiny.detect"}
        assert call("POST", "/v2/repository/models/tiny/load", json={}).status_code == 200
        assert service.repository.loaded == ["tiny"]  # type: ignore[attr-defined]
        assert call("POST", "/v2/repository/models/tiny/unload").status_code == 200
        assert not service.repository.loaded  # type: ignore[attr-defined]

    def test_statistics(self, call: Client) -> None:
        call("POST", "/v2/models/tiny/infer", json=asking())
        for path in ("/v2/models/tiny/stats", "/v2/models/tiny/versions/1/stats"):
            (found,) = call("GET", path).json()["model_stats"]
            assert found["inference_count"] == 1
        assert len(call("GET", "/v2/models/stats").json()["model_stats"]) == 2


class Failing(list[Future[Any]]):
    """A list in which futures fail as soon as they are put into it."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def append(self, future: Future[Any]) -> None:
        super().append(future)
        future.set_exception(self._error)
