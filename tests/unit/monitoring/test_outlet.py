"""A log that nobody reads."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from sightline.monitoring import logs, outlet

FULL = b"x" * 4096


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """Its end to read from, and the other one."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield reading, stream
        os.close(reading)  # what is buffered still goes nowhere


def fill(stream: TextIO) -> int:
    """Bytes that the pipe has taken."""
    os.set_blocking(stream.fileno(), False)
    taken = 0
    try:
        while True:
            taken += os.write(stream.fileno(), FULL)
    except BlockingIOError:
        os.set_blocking(stream.fileno(), True)
        return taken


def lines(reading: int) -> list[str]:
    return [json.loads(line)["message"] for line in os.read(reading, 1 << 20).splitlines()]


def test_a_pipe_that_nobody_reads_holds_nobody_up(
    pipe: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, stream = pipe
    monkeypatch.setattr(outlet.Outlet.__init__, "__defaults__", (0.2,))
    logs.set_up(json=True, stream=stream)
    log = logging.getLogger("sightline.test")
    log.info("before")
    assert lines(reading) == ["before"]
    taken = fill(stream)

    def write() -> None:
        for number in range(5):
            log.info("lost %d", number, extra={"stream": str(number)})

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    writing.join(20)
    assert not writing.is_alive()  # it waited once, and not for each line
    while taken:
        taken -= len(os.read(reading, taken))
    log.info("after")
    assert lines(reading) == ["5 lines of the log are lost, as nobody read them", "after"]


def test_a_slow_reader_loses_nothing(pipe: tuple[int, TextIO]) -> None:
    reading, stream = pipe
    logs.set_up(json=True, stream=stream)
    log = logging.getLogger("sightline.test")
    taken = fill(stream)

    def read() -> None:
        time.sleep(0.1)  # slow, as it is meant to be
        left = taken
        while left:
            left -= len(os.read(reading, left))

    slow = threading.Thread(target=read, daemon=True)
    slow.start()
    log.info("kept")
    slow.join(20)
    assert lines(reading) == ["kept"]


def test_a_file_is_always_written(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        assert outlet.Outlet(stream).takes_more()
