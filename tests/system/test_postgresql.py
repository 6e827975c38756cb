"""Results in a real PostgreSQL that goes away and comes back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from tests.ports import free_port
from tests.waiting import wait_for

from sightline.errors import SinkError
from sightline.runtime.streams.resilient_sink import ResilientSink
from sightline.sinks.database import DatabaseSink
from sightline.types import Detections, Frame, Observation, StreamInfo

pytest.importorskip("pg8000")
CAMERA = StreamInfo("gate", 64, 48, 25.0, live=True)


def binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("initdb")
    return found[-1] if found else Path(on_path).parent if on_path else None


class Server:
    """A PostgreSQL of its own on loopback; it refuses to run as root."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"postgresql+pg8000://postgres@127.0.0.1:{port}/postgres"
        self._data, self._port = folder / "data", port
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "postgres")

    def start(self) -> None:
        options = f"-p {self._port} -h 127.0.0.1 -k {self._data} -c fsync=off"
        log = str(self._data / "log")
        self._run("pg_ctl", "-D", str(self._data), "-o", options, "-l", log, "-w", "start")

    def stop(self, how: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", how, "-w", "stop")

    def process(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def rows(self, query: str) -> list[tuple[object, ...]]:
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]

    def _run(self, program: str, *arguments: str) -> None:
        folder = binaries()
        assert folder is not None
        command = [str(folder / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(
            command, check=True, timeout=60, cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
def server() -> Iterator[Server]:
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    # Not pytest's folder: that is closed to the user that a root's server runs as.
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            if subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
                pytest.skip("PostgreSQL does not run as root, and there is no user `postgres`")
            shutil.chown(name, "postgres")
        made = Server(Path(name), free_port())
        made.start()
        try:
            yield made
        finally:
            if (made._data / "postmaster.pid").exists():
                made.stop()


def seen(index: int) -> Observation:
    box = np.array([[1, 2, 30, 40]], np.float32)
    found = Detections(
        box,
        np.ones(1, np.float32),
        np.zeros(1, np.int64),
        np.ones(1, np.int64),
        class_names=["car"],
    )
    return Observation(Frame("gate", index, index / 25, 0.0, None), found)  # type: ignore[arg-type]


def test_nothing_that_was_taken_is_lost_or_doubled_while_the_server_is_away(server: Server) -> None:
    database = DatabaseSink(server.url, patient=True)
    sink = ResilientSink(database)
    sink.open(CAMERA)
    for round_ in range(3):
        for index in range(round_ * 300, round_ * 300 + 300):
            sink.write(seen(index))
            if index % 300 == 150:
                os.kill(server.process(), signal.SIGQUIT)  # at once, connections and all
        wait_for(lambda: not (server._data / "postmaster.pid").exists())
        server.start()
    wait_for(lambda: server.rows("SELECT count(*) FROM frames") == [(900,)])
    database.state = "done"
    database.close()
    assert sink.lost == 0
    assert server.rows("SELECT count(DISTINCT frame), sum(objects) FROM frames") == [(900, 900)]
    assert server.rows("SELECT frames, first_frame, last_frame FROM tracks") == [(900, 0, 899)]
    assert server.rows("SELECT state FROM runs") == [("done",)]


def test_a_server_that_comes_later_than_the_camera(server: Server) -> None:
    server.stop("fast")
    database = DatabaseSink(server.url, patient=True)
    sink = ResilientSink(database)
    sink.open(CAMERA)
    assert sink.error is not None
    assert "postgresql+pg8000://***@127.0.0.1" in sink.error
    server.start()

    def written() -> bool:
        sink.write(seen(sink.lost))
        return sink.error is None

    wait_for(written)
    database.close()
    assert server.rows("SELECT count(*) FROM frames") == [(1,)]


def test_a_recording_fails_with_its_database(server: Server) -> None:
    database = DatabaseSink(server.url)
    sink = ResilientSink(database)
    sink.open(StreamInfo("gate", 64, 48, 25.0))
    server.stop()
    sink.write(seen(0))
    with pytest.raises(SinkError, match="cannot write postgresql"):
        database.close()
