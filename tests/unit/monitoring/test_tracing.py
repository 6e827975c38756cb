"""Traces against a real OTLP/HTTP receiver that decodes what it is sent."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sightline.errors import ConfigError
from sightline.monitoring import tracing as module
from sightline.monitoring.tracing import NOTHING, NoTracing, tracing

pytest.importorskip("opentelemetry.sdk", reason="the extra `tracing` is not installed")
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

CLIENT_TRACE = "0af7651916cd43dd8448eb211c80319c"
CLIENT_SPAN = "b7ad6b7169203331"


class Receiver:
    """A collector: keeps the spans that it gets."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: dict[str, str] = {}
        self.paths: set[str] = set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                receiver.paths.add(self.path)
                for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for attribute in group.resource.attributes:
                        receiver.resources[attribute.key] = attribute.value.string_value
                    for scope in group.scope_spans:
                        receiver.spans.extend(scope.spans)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    receiver = Receiver()
    yield receiver
    receiver.close()


def attributes(span: Span) -> dict[str, object]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


def test_a_request_with_its_steps(receiver: Receiver) -> None:
    traces = tracing(receiver.url)
    before = time.time_ns()
    start = time.monotonic()
    headers = {"traceparent": f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-01"}
    with traces.request("POST /detect", headers) as trace:
        trace.note(model="street")
        thread = threading.Thread(target=trace.step, args=("queue", start, start + 0.010))
        thread.start()
        thread.join()
        trace.step("infer", start + 0.010, start + 0.030, batch=4)
        trace.step("encode", start + 0.030, start + 0.031)
        trace.note(status=200)
    traces.close()
    assert receiver.paths == {"/v1/traces"}
    assert receiver.resources["service.name"] == "sightline"
    spans = {span.name: span for span in receiver.spans}
    assert set(spans) == {"POST /detect", "queue", "infer", "encode"}
    request = spans.pop("POST /detect")
    assert request.trace_id.hex() == CLIENT_TRACE
    assert request.parent_span_id.hex() == CLIENT_SPAN
    assert request.kind == Span.SPAN_KIND_SERVER
    assert attributes(request) == {"model": "street", "status": 200}
    assert before - 10**9 <= request.start_time_unix_nano <= request.end_time_unix_nano
    assert all(span.parent_span_id == request.span_id for span in spans.values())
    lasted = {n: s.end_time_unix_nano - s.start_time_unix_nano for n, s in spans.items()}
    assert lasted == pytest.approx({"queue": 10e6, "infer": 20e6, "encode": 1e6}, abs=2000)
    assert spans["infer"].start_time_unix_nano == pytest.approx(
        spans["queue"].end_time_unix_nano, abs=2000
    )
    assert attributes(spans["infer"]) == {"batch": 4}


def test_a_request_that_fails_is_marked_without_secrets(receiver: Receiver) -> None:
    traces = tracing(f"{receiver.url}/")
    with pytest.raises(ValueError, match="hunter2"), traces.request("GET /x", {}):
        raise ValueError("rtsp://u:hunter2@cam/1")
    traces.close()
    (span,) = receiver.spans
    assert span.status.code == 2
    assert span.status.message == "ValueError: rtsp://u:***@cam/1"
    assert "hunter2" not in str(span)
    assert not span.parent_span_id


def test_a_client_may_ask_not_to_be_traced(receiver: Receiver) -> None:
    traces = tracing(receiver.url)
    headers = {"traceparent": f"00-{CLIENT_TRACE}-{CLIENT_SPAN}-00"}
    with traces.request("POST /detect", headers) as trace:
        trace.step("infer", 1.0, 2.0)
    with traces.request("POST /other", {"traceparent": "nonsense"}):
        pass
    traces.close()
    assert [span.name for span in receiver.spans] == ["POST /other"]


def test_the_address_may_be_that_of_the_traces(receiver: Receiver) -> None:
    traces = tracing(f"{receiver.url}/collect/v1/traces")
    with traces.request("GET /health", {}):
        pass
    traces.close()
    traces.close()
    assert receiver.paths == {"/collect/v1/traces"}


def test_without_a_collector_nothing_is_loaded() -> None:
    code = (
        "import sys; from sightline.monitoring.tracing import tracing; t = tracing(None)\n"
        "with t.request('GET /', {}) as trace: trace.step('infer', 1, 2, n=1); trace.note(a=1)\n"
        "t.close(); print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert isinstance(tracing(None), NoTracing)
    with tracing(None).request("GET /", {}) as trace:
        assert trace is NOTHING


def test_what_to_install_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match=r"pip install 'sightline\[tracing\]'"):
        module.tracing("http://127.0.0.1:4318")
