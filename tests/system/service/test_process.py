"""The service as a process: ended by SIGTERM under load, and short of descriptors."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.waiting import wait_for

PROGRAM = Path(__file__).with_name("service_process.py")


class Process:
    """A service in a process of its own."""

    def __init__(self, model: Path, descriptors: int | None = None, **options: Any) -> None:
        limit = "true" if descriptors is None else f"ulimit -n {descriptors}"
        program = [sys.executable, str(PROGRAM), str(model), json.dumps({"port": 0, **options})]
        self.process = subprocess.Popen(
            ["sh", "-c", f'{limit} && exec "$@"', "sh", *program], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        assert self.url, "it did not start"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def cpu_s(self) -> float:
        """Seconds of processor time that it has taken."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@pytest.fixture
def spawn(tiny_model: Path) -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def start(**options: Any) -> Process:
        running.append(Process(tiny_model, **options))
        return running[-1]

    yield start
    for one in running:
        one.process.kill()
        one.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_service_that_is_idle_ends_soon(
    spawn: Callable[..., Process], number: signal.Signals
) -> None:
    service = spawn()
    with service.client() as client:
        assert client.get("/ready").status_code == 200
    service.process.send_signal(number)
    out, _ = service.process.communicate(timeout=10)
    assert (service.process.returncode, out) == (0, "stopped\n")


def test_sigterm_under_load(spawn: Callable[..., Process], jpeg: bytes) -> None:
    """Clients that keep their connections: every request that is sent gets its answer."""
    service = spawn(drain_s=8)
    ended: list[str] = []
    count = [0] * 8
    told: set[int] = set()

    def ask(number: int) -> None:
        with service.client() as client:
            while True:
                try:
                    answer = client.post("/detect", content=jpeg)
                except httpx.ConnectError:
                    return  # it takes no new connection any more, and no request was sent
                except httpx.HTTPError as exc:
                    ended.append(repr(exc))
                    return
                assert answer.status_code == 200
                count[number] += 1

    def watch() -> None:
        try:
            while True:
                told.add(httpx.get(f"{service.url}/ready", timeout=5, trust_env=False).status_code)
        except httpx.HTTPError:
            return

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, number) for number in range(8)]
        while sum(count) < 50:
            time.sleep(0.01)
        begin = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        out, _ = service.process.communicate(timeout=20)
        took = time.monotonic() - begin
        for one in asking:
            one.result()
    watcher.join()
    assert (service.process.returncode, out) == (0, "stopped\n")
    assert not ended
    assert told == {200, 503}  # it said that it was not ready before it went
    assert took < 10


def test_a_second_signal_cuts_it_short(spawn: Callable[..., Process]) -> None:
    service = spawn(drain_s=60, limits={"body_timeout_s": 100})
    with service.client() as client:
        assert client.get("/ready").status_code == 200
    host = ("127.0.0.1", int(service.url.rpartition(":")[2]))
    with socket.create_connection(host) as slow:
        slow.sendall(b"POST /detect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\na")
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert service.process.poll() is None
        service.process.send_signal(signal.SIGTERM)
        service.process.communicate(timeout=10)
    assert service.process.returncode == 0


def test_with_few_descriptors_load_is_shed(spawn: Callable[..., Process], jpeg: bytes) -> None:
    service = spawn(descriptors=256, limits={"header_timeout_s": 60})
    host = ("127.0.0.1", int(service.url.rpartition(":")[2]))
    sockets, refused = [], 0
    try:
        with service.client() as client:
            assert client.post("/detect", content=jpeg).status_code == 200
            sockets.extend(socket.create_connection(host, timeout=10) for _ in range(400))
            for sock in sockets[-20:]:
                answer = sock.recv(100)
                refused += answer.startswith(b"HTTP/1.1 503")
            assert refused == 20
            assert service.descriptors() < 250
            assert client.post("/detect", content=jpeg).status_code == 200  # who is in is served
        before = service.cpu_s()
        time.sleep(1.0)
        assert service.cpu_s() - before < 0.3  # it does not spin
    finally:
        for sock in sockets:
            sock.close()
    wait_for(lambda: service.descriptors() < 100)
    with service.client() as client:
        assert client.post("/detect", content=jpeg).status_code == 200


def test_a_port_that_is_taken(tiny_model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, str(PROGRAM), str(tiny_model), json.dumps({"port": port})],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode != 0
    assert f"cannot listen to 127.0.0.1 port {port}" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
@pytest.mark.parametrize("nice", [0, 3])
def test_threads_that_compute_stand_behind_the_one_that_answers(
    spawn: Callable[..., Process], nice: int
) -> None:
    service = spawn(nice=nice)
    pid = service.process.pid
    own = os.getpriority(os.PRIO_PROCESS, pid)

    def behind() -> set[int]:
        tasks = [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]
        return {os.getpriority(os.PRIO_PROCESS, task) - own for task in tasks if task != pid}

    with service.client() as client:
        assert client.get("/ready").status_code == 200
    wait_for(lambda: behind() == {nice})
    assert os.getpriority(os.PRIO_PROCESS, pid) == own
