"""``sightline rollout`` where no service, or something else, answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from tests.command import in_process


@pytest.fixture(params=[b"\x00\x00\x12\x04 not HTTP\r\n", b"HTTP/1.1 200 OK\r\n\r\n<html>"])
def other(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that is none of ours: of gRPC, or of pages."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(request.param)

        thread = Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_what_is_no_service_is_named(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = in_process(tmp_path, monkeypatch, capsys)("rollout", other)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {other}/rollouts: no service answers there: something else does; give the address of "
        "`sightline run` or `serve` and its HTTP port\n"
    )
