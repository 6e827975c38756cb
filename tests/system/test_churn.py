"""Streams that come and go: nothing of them stays."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.waiting import wait_for

from sightline.build.application import Application
from sightline.config import Configuration, StreamOptions
from sightline.errors import Conflict, NotFound
from sightline.runtime.streams.fleet import Fleet

MEGABYTE = 2**20


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def shared_memory() -> set[str]:
    return {path.name for path in Path("/dev/shm").iterdir()}


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    site = Application(Configuration.model_validate({"models": {"street": {"model": "street"}}}))
    site.open()
    assert isinstance(site.fleet, Fleet)
    yield site.fleet
    site.close()


def cycle(fleet: Fleet, options: StreamOptions, name: str) -> None:
    """Add a stream, see it work, and remove it."""
    fleet.add(name, options)
    with pytest.raises(Conflict):
        fleet.add(name, options)
    wait_for(lambda: fleet.stats()[name].analyzed > 0)
    fleet.remove(name)
    with pytest.raises(NotFound):
        fleet.remove(name)


@pytest.mark.parametrize(
    "cycles",
    [
        pytest.param(25, id="a few"),
        pytest.param(2000, id="two thousand", marks=[pytest.mark.slow, pytest.mark.timeout(3600)]),
    ],
)
def test_nothing_stays_of_streams_that_were_removed(
    fleet: Fleet, data: Path, cycles: int, record_property: Callable[[str, object], None]
) -> None:
    video = data / "videos" / "car-detection.mp4"
    options = StreamOptions(source=str(video), realtime=True, loop=True)
    for _ in range(10):  # caches, lazily imported modules, the engine's requests
        cycle(fleet, options, "cam")
    gc.collect()
    threads, files, shared = threading.active_count(), descriptors(), shared_memory()
    grown: list[int] = []
    started = resident()
    for number in range(1, cycles + 1):
        cycle(fleet, options, "cam" if number % 2 else f"cam-{number}")
        if number % 500 == 0:
            gc.collect()
            grown.append(resident() - started)
            started = resident()
    wait_for(lambda: threading.active_count() <= threads)
    wait_for(lambda: descriptors() <= files)
    assert shared_memory() <= shared
    assert fleet.names() == []
    record_property("bytes more in each 500 cycles", grown)
    # The first ones still fill caches and arenas.
    assert all(more <= MEGABYTE for more in grown[1:])
