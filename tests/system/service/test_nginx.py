"""The service behind a real nginx, configured as the guide shows it; and many connections at once."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from tests.nginx import Proxy, nginx
from tests.waiting import wait_for

from sightline.config import SchedulerOptions

STREET = "street://?width=128&height=96&fps=20&duration=0&live=true"
TOKEN = "behind"
LOGIN = {"Authorization": f"Bearer {TOKEN}"}
WRK = """
local body = io.open("{picture}", "rb"):read("*a")
wrk.method, wrk.body = "POST", body
wrk.headers["Content-Type"] = "image/jpeg"
wrk.headers["Authorization"] = "Bearer behind"
local threads = {{}}
function setup(thread) table.insert(threads, thread) end
function init() counts = "" ; found = {{}} end
function response(status)
  found[status] = (found[status] or 0) + 1
  counts = ""
  for code, count in pairs(found) do counts = counts .. code .. "=" .. count .. " " end
end
function done()
  for _, thread in ipairs(threads) do print("counts: " .. thread:get("counts")) end
end
"""


@pytest.fixture
def site(serve: Any) -> Any:
    """A service with a token, gRPC and a stream, which trusts this computer's proxies."""
    service = serve(token=TOKEN, grpc_port=0, trusted_proxies=["127.0.0.1"])
    with service.client(TOKEN) as client:
        assert client.post("/streams", json={"name": "gate", "source": STREET}).status_code == 201
    return service


@pytest.fixture
def proxy(site: Any, tmp_path: Path) -> Iterator[Proxy]:
    with nginx(tmp_path, [site.server.port], [site.grpc.port]) as found:
        yield found


def through(proxy: Proxy, url: str, **options: Any) -> httpx.Client:
    verify = proxy.context if url.startswith("https") else True
    return httpx.Client(
        base_url=url, headers=LOGIN, verify=verify, trust_env=False, timeout=30, **options
    )


def addresses(proxy: Proxy) -> dict[str, str]:
    return {"guide": proxy.url, "defaults": proxy.plain, "no buffers": proxy.unbuffered}


def connections(service: Any) -> int:
    return len(service.server._uvicorn.server_state.connections)


def watchers(service: Any) -> int:
    return int(service.app.state.service.watchers)


def in_pieces(data: bytes) -> Iterator[bytes]:
    for at in range(0, len(data), 1000):
        yield data[at : at + 1000]


def test_requests_live_pictures_and_events(site: Any, proxy: Proxy, jpeg: bytes) -> None:
    """HTTP/1.0 and 1.1 to the service, bodies with a length and in pieces, answers that go on."""
    for name, url in addresses(proxy).items():
        with through(proxy, url) as client:
            headers = {"Content-Type": "image/jpeg"}
            for body in (jpeg, in_pieces(jpeg)):
                answer = client.post("/detect", content=body, headers=headers)
                assert answer.status_code == 200, (name, answer.text)
                assert len(answer.json()["objects"]) == 1
            assert client.post("/detect", files={"file": jpeg}).status_code == 200
            assert client.post("/detect", content=b"no picture").status_code == 415
            assert client.get("/none").status_code == 404
            with client.stream("GET", "/streams/gate/mjpeg") as live:
                seen = b""
                for piece in live.iter_raw():
                    seen += piece
                    if seen.count(b"\xff\xd8\xff") > 2:
                        break
            with client.stream("GET", "/events") as events:
                lines = (line for line in events.iter_lines() if line.startswith("data:"))
                assert json.loads(next(lines)[5:])["stream"] == "gate", name
        # Whoever has left is noticed through the proxy too.
        wait_for(lambda: watchers(site) == 0, "watchers are left")
    assert not proxy.errors()


def test_connections_are_kept_and_the_client_is_known(
    site: Any, proxy: Proxy, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = []
    check = site.scheduler.check
    monkeypatch.setattr(
        site.scheduler, "check", lambda m, terms, c: (clients.append(terms.client), check(m, terms, c))
    )  # fmt: skip
    headers = {"Content-Type": "image/jpeg", "X-Forwarded-For": "10.1.2.3"}
    with through(proxy, proxy.url) as client:
        before = connections(site)
        for _ in range(20):
            assert client.post("/detect", content=jpeg, headers=headers).status_code == 200
        assert connections(site) - before <= 1
    # nginx has appended the address that called it, which is a trusted proxy's as well.
    assert set(clients) == {"http:10.1.2.3"}


def test_grpc(proxy: Proxy, jpeg: bytes) -> None:
    """One call, a stream of calls, and an error with what comes behind it."""
    credentials = grpc.ssl_channel_credentials(proxy.certificate)
    address = f"127.0.0.1:{proxy.port}"
    with triton.InferenceServerClient(address, ssl=True, creds=credentials) as client:
        assert client.is_server_ready(headers={})
        image = triton.InferInput("image", [1], "BYTES")
        image.set_data_from_numpy(np.array([jpeg], object))
        login = {"authorization": f"Bearer {TOKEN}"}
        found = client.infer("tiny.detect", [image], headers=login)
        assert found.as_numpy("counts").tolist() == [1]
        with pytest.raises(triton.InferenceServerException, match="no model 'none'") as info:
            client.infer("none", [image], headers=login)
        assert info.value.status() == "StatusCode.NOT_FOUND"
        answers: list[Any] = []
        client.start_stream(lambda result, error: answers.append(error or result), headers=login)
        for number in range(5):
            client.async_stream_infer("tiny.detect", [image], request_id=str(number))
        wait_for(lambda: len(answers) == 5)
        assert [one.get_response().id for one in answers] == list("01234")
        client.stop_stream()


def test_work_of_a_client_that_leaves_the_proxy_is_cancelled(
    serve: Any, tmp_path: Path, jpeg: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sightline.serving")
    service = serve(token=TOKEN, scheduler=SchedulerOptions(max_batch=1, normal_ms=1e4))
    with (
        nginx(tmp_path, [service.server.port], [1]) as proxy,
        ThreadPoolExecutor(1) as pool,
        service.client(TOKEN) as client,
    ):
        service.engine.open.clear()
        before = service.engine.started
        first = pool.submit(client.post, "/detect", content=jpeg)
        wait_for(lambda: service.engine.started == before + 1)
        leaving = http.client.HTTPSConnection("127.0.0.1", proxy.port, context=proxy.context)
        leaving.request("POST", "/detect", jpeg, {**LOGIN, "Content-Type": "image/jpeg"})
        wait_for(lambda: sum(service.scheduler.stats().waiting.values()) == 1)
        leaving.sock.shutdown(socket.SHUT_RDWR)
        leaving.close()
        wait_for(lambda: "POST /detect 499" in caplog.text)
        service.engine.open.set()
        assert first.result().status_code == 200
    assert service.outcomes("cancelled") == 1


def test_a_service_is_exchanged_without_a_failed_request(
    serve: Any, tmp_path: Path, jpeg: bytes
) -> None:
    """Two behind one address; each ends in its turn while clients go on."""
    first, second = (serve(token=TOKEN, trusted_proxies=["127.0.0.1"]) for _ in range(2))
    ports = [first.server.port, second.server.port]
    with nginx(tmp_path, ports, [1]) as proxy:
        over = threading.Event()
        answers: Counter[int] = Counter()

        def ask() -> None:
            with through(proxy, proxy.url) as client:
                while not over.is_set():
                    answers[client.post("/detect", content=jpeg).status_code] += 1

        with ThreadPoolExecutor(8) as pool:
            asking = [pool.submit(ask) for _ in range(8)]
            try:
                wait_for(lambda: answers[200] > 40)
                first.server.stop()
                after = answers[200]
                wait_for(lambda: answers[200] > after + 40)
            finally:
                over.set()
            for one in asking:
                one.result()
        assert set(answers) == {200}, (answers, proxy.errors())


def storm(url: str, jpeg: bytes, folder: Path, count: int, seconds: int) -> Counter[int]:
    """What so many connections hear that ask as fast as they are answered."""
    program = shutil.which("wrk")
    if program is None:
        pytest.skip("wrk is not installed")
    (folder / "picture.jpg").write_bytes(jpeg)
    (folder / "load.lua").write_text(WRK.format(picture=folder / "picture.jpg"))
    command = [
        program, "-t2", f"-c{count}", f"-d{seconds}s", "--timeout", "30s",
        "-s", str(folder / "load.lua"), f"{url}/detect",
    ]  # fmt: skip
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    answers: Counter[int] = Counter()
    for line in told.splitlines():
        if line.startswith("counts: "):
            for pair in line.removeprefix("counts: ").split():
                code, _, number = pair.partition("=")
                answers[int(code)] += int(number)
    return answers


@pytest.mark.parametrize("way", ["straight", "nginx"])
def test_hundreds_of_connections_leave_nothing_behind(
    serve: Any, tmp_path: Path, jpeg: bytes, way: str
) -> None:
    service = serve(token=TOKEN, trusted_proxies=["127.0.0.1"], limits={"queue_ms": 200.0})
    with nginx(tmp_path, [service.server.port], [1]) as proxy:
        url = service.url if way == "straight" else proxy.unbuffered
        answers: Counter[int] = Counter()

        def some_are_served() -> bool:  # a busy machine may need longer for so many connections
            answers.update(storm(url, jpeg, tmp_path, 400, 3))
            return answers[200] > 0

        wait_for(some_are_served)
        assert set(answers) <= {200, 503}, (answers, proxy.errors())
        with through(proxy, proxy.url) as client:
            assert client.post("/detect", content=jpeg).status_code == 200
    # nginx has gone, and with it the connections that it keeps.
    wait_for(lambda: connections(service) == 0, "connections are left")
    assert len(service.app.state.service.arriving) == 0
    with service.client(TOKEN) as client:
        assert client.post("/detect", content=jpeg).status_code == 200
