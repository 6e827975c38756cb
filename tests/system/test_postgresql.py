"""Results in a real PostgreSQL that goes away and comes back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from tests.ports import free_port
from tests.waiting import wait_for

from sightline.errors import SinkError
from sightline.runtime.streams.resilient_sink import ResilientSink
from sightline.sinks.database import DatabaseSink
from sightline.sinks.schema import VERSION
from sightline.types import Detections, Event, Frame, Label, Observation, StreamInfo

pytest.importorskip("pg8000")
CAMERA = StreamInfo("gate", 64, 48, 25.0, live=True)


def binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    on_path = shutil.which("initdb")
    return found[-1] if found else Path(on_path).parent if on_path else None


class Server:
    """A PostgreSQL of its own on loopback; it refuses to run as root."""

    def __init__(self, folder: Path, port: int) -> None:
        self._root = f"postgresql+pg8000://postgres@127.0.0.1:{port}/"
        self.url = f"{self._root}postgres"
        self._data, self._port = folder / "data", port
        self._run("initdb", "-D", str(self._data), "-A", "trust", "-U", "postgres")

    def start(self) -> None:
        options = f"-p {self._port} -h 127.0.0.1 -k {self._data} -c fsync=off"
        log = str(self._data / "log")
        self._run("pg_ctl", "-D", str(self._data), "-o", options, "-l", log, "-w", "start")

    def stop(self, how: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", how, "-w", "stop")

    def begin_anew(self, database: str) -> None:
        """Run, and have an empty database, whatever the last test did."""
        if not self.running():
            self.start()
        engine = sa.create_engine(self.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {database}"))
        self.url = f"{self._root}{database}"

    def running(self) -> bool:
        return (self._data / "postmaster.pid").exists()

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


@pytest.fixture(scope="module")
def shared_server() -> Iterator[Server]:
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    # Not pytest's folder: that is closed to the user that a root's server runs as.
    with tempfile.TemporaryDirectory() as name:
        if os.geteuid() == 0:
            if subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
                pytest.skip("PostgreSQL does not run as root, and there is no user `postgres`")
            shutil.chown(name, "postgres")
        made = Server(Path(name), free_port())
        try:
            yield made
        finally:
            if made.running():
                made.stop()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """The running server, and a database that nobody has written to."""
    shared_server.begin_anew(f"test_{uuid.uuid4().hex}")
    return shared_server


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
        wait_for(lambda: not server.running())
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


def test_labels_and_events_also_in_tables_of_an_earlier_version(server: Server) -> None:
    DatabaseSink(server.url).open(CAMERA)
    engine = sa.create_engine(server.url, poolclass=sa.NullPool)
    with engine.begin() as connection:  # as version 1 left them
        connection.execute(sa.text("DROP TABLE labels, events, schema_version"))
        connection.execute(sa.text("ALTER TABLE frames DROP COLUMN utc, DROP COLUMN clock"))
    sinks = [DatabaseSink(server.url) for _ in range(4)]
    with ThreadPoolExecutor(len(sinks)) as pool:  # several programs begin at once
        list(pool.map(lambda sink: sink.open(CAMERA), sinks))
    for score, value in ((0.5, "red"), (0.75, "blue")):
        event = Event("line", 0.02, "gate", 1, {"zone": "gate", "speed": np.float32(1.5)})
        labels = {1: (Label("colour", value, score),)}
        sinks[0].write(replace(seen(int(score * 4)), labels=labels, events=(event,)))
    for sink in sinks:
        sink.close()
    assert server.rows("SELECT track_id, attribute, value, score, frame FROM labels") == [
        (1, "colour", "blue", 0.75, 3)
    ]
    assert (
        server.rows("SELECT kind, track_id, data FROM events ORDER BY id")
        == [("line", 1, {"zone": "gate", "speed": 1.5})] * 2
    )
    assert server.rows("SELECT version FROM schema_version") == [(VERSION,)]
    assert server.rows("SELECT count(*) FROM runs") == [(5,)]
