"""Worker processes that die, hang and are told to end: real processes, streams that only say so."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import wait_for

from sightline.config import StreamOptions
from sightline.errors import Conflict, ModelError, NotFound, Overloaded
from sightline.runtime.processes import worker as worker_module
from sightline.runtime.processes.workers import ShardedFleet
from sightline.runtime.streams.feed import FeedItem
from sightline.types import StreamStats


class Told:
    """A fleet whose streams are in the state that their source names; notes what it is told."""

    def __init__(self, notes: Path) -> None:
        self._notes = notes
        self._streams: dict[str, StreamStats] = {}
        self._feed: queue.Queue[FeedItem] = queue.Queue()

    def note(self, *words: str) -> None:
        with self._notes.open("a") as file:
            file.write(" ".join(words) + "\n")

    def add(self, name: str, options: StreamOptions) -> None:
        state = options.source
        if state == "slow":
            while not self._notes.with_name("go").exists():
                time.sleep(0.01)
        self.note("add", name, *["again"] * options.outputs.append)
        self._streams[name] = StreamStats(name, state, "", "m", analyzed=7)
        self._feed.put(FeedItem(name, "{}"))

    def remove(self, name: str) -> bool:
        self.note("remove", name)
        ended = self._streams.pop(name, None)
        if ended is None:
            raise NotFound(name)
        return ended.state != "late"

    def ending(self) -> list[str]:
        """What is late has ended when somebody says so."""
        return [] if self._notes.with_name("go").exists() else ["late"]

    def pause(self, name: str) -> None:
        if name not in self._streams:
            raise NotFound(name)
        self.note("pause", name)

    def stats(self) -> dict[str, StreamStats]:
        return dict(self._streams)

    def snapshot(self, name: str, annotated: bool, quality: int) -> bytes:
        raise NotFound(name)

    @contextmanager
    def subscribe(self) -> Iterator[queue.Queue[FeedItem]]:
        yield self._feed


class TellingShard:
    def __init__(self, fleet: Told) -> None:
        self.fleet = fleet

    def reload(self, model: str) -> None:
        self.fleet.note("reload", model)

    def close(self) -> None:
        self.fleet.note("close")


def make_shard(notes: Path, _meter: object) -> Any:
    return TellingShard(Told(notes))


def fail(_meter: object) -> Any:
    raise ModelError("no such file")


class World:
    """A sharded fleet, and what its processes were told."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._notes = folder / "notes"
        self.go = folder / "go"
        self.fleet = ShardedFleet(partial(make_shard, self._notes), workers)
        self.fleet.open()

    def add(self, name: str, source: str = "running") -> None:
        self.fleet.add(name, StreamOptions(source=source))

    def notes(self) -> list[str]:
        return self._notes.read_text().splitlines() if self._notes.exists() else []

    def signal(self, number: int) -> None:
        """To the first process."""
        pid = self.fleet.pids[0]
        assert pid
        os.kill(pid, number)

    def state(self, name: str) -> str:
        return self.fleet.stats()[name].state

    def die(self) -> None:
        restarts = self.fleet.restarts
        self.signal(signal.SIGKILL)
        wait_for(lambda: self.fleet.restarts > restarts)


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Any]:
    made: list[World] = []

    def make(workers: int = 1) -> World:
        made.append(World(tmp_path, workers))
        return made[-1]

    yield make
    for world in made:
        world.fleet.close()


def test_a_worker_that_hangs_holds_up_nobody(worlds: Any, monkeypatch: Any) -> None:
    world = worlds()
    world.add("a")
    wait_for(lambda: world.fleet.version("a") == 1)
    monkeypatch.setattr(worker_module, "LATE_S", 1.0)
    world.signal(signal.SIGSTOP)
    began = time.monotonic()
    stats = world.fleet.stats()["a"]
    assert world.fleet.version("a") == 1
    assert time.monotonic() - began < 0.5
    assert (stats.state, stats.analyzed) == ("running", 7)  # as it was seen last
    with pytest.raises(Overloaded, match="does not answer"):
        world.fleet.pause("a")  # sent before anybody could know
    assert time.monotonic() - began < 5
    wait_for(lambda: world.state("a") == "restarting")
    assert "does not answer" in (world.fleet.stats()["a"].error or "")
    with pytest.raises(Overloaded, match="does not answer"):
        world.fleet.pause("a")
    began = time.monotonic()
    world.fleet.close()
    assert time.monotonic() - began < 3


def test_all_are_told_to_end_before_one_is_waited_for(worlds: Any, monkeypatch: Any) -> None:
    world = worlds(2)
    monkeypatch.setattr(worker_module, "LATE_S", 60.0)
    world.signal(signal.SIGSTOP)
    began = time.monotonic()
    world.fleet.close(timeout_s=3.0)
    assert world.notes() == ["close"]  # the other one had time
    assert 2.5 < time.monotonic() - began < 5
    assert not world.fleet.restarts


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_ends_no_worker(worlds: Any, number: int) -> None:
    world = worlds()
    world.signal(number)
    world.add("a")
    assert not world.fleet.restarts
    world.fleet.close()
    assert world.notes() == ["add a", "close"]


def test_a_stream_that_is_late_to_end_keeps_its_name_and_files(worlds: Any) -> None:
    world = worlds(2)
    world.add("prompt")
    world.add("late", "late")
    assert world.fleet.remove("prompt")
    assert not world.fleet.remove("late")
    assert set(world.fleet.options()) == {"late"}
    with pytest.raises(Conflict, match="being ended"):
        world.add("late")
    with pytest.raises(NotFound):
        world.fleet.remove("late")
    world.go.touch()
    wait_for(lambda: not world.fleet.options())
    world.add("late")
    assert world.fleet.remove("late")


@pytest.mark.parametrize("number", [signal.SIGCONT, signal.SIGKILL])
def test_a_stream_of_a_process_that_hangs_is_not_said_to_have_ended(
    worlds: Any, monkeypatch: Any, number: int
) -> None:
    world = worlds()
    world.add("a")
    monkeypatch.setattr(worker_module, "ANSWER_S", 0.5)
    world.signal(signal.SIGSTOP)
    assert not world.fleet.remove("a")
    with pytest.raises(Conflict, match="being ended"):
        world.add("a")
    world.signal(number)
    wait_for(lambda: not world.fleet.options())
    assert "add a again" not in world.notes()
    assert ("remove a" in world.notes()) == (number == signal.SIGCONT)
    wait_for(lambda: world.fleet._workers[0].up)
    world.add("a")
    assert world.fleet.remove("a")


def test_only_what_ran_is_added_again(worlds: Any) -> None:
    world = worlds()
    for name, source in (("a", "ended"), ("b", "failed"), ("c", "running"), ("d", "running")):
        world.add(name, source)
    world.fleet.pause("d")
    world.die()
    wait_for(lambda: (world.state("c"), world.state("d")) == ("running", "running"))
    wait_for(lambda: world.notes()[-1] == "pause d")
    assert world.notes()[5:] == ["add c again", "add d again", "pause d"]
    assert (world.state("a"), world.state("b")) == ("ended", "failed")
    assert world.fleet.stats()["a"].analyzed == 7
    with pytest.raises(Conflict, match="no picture"):
        world.fleet.snapshot("a")
    world.fleet.pause("a")  # nothing to do, but there is such a stream
    world.fleet.remove("a")
    with pytest.raises(NotFound):
        world.fleet.remove("a")


def test_what_is_removed_while_its_worker_starts_again_stays_away(worlds: Any) -> None:
    world = worlds()
    world.add("a")
    world.add("b")
    world.signal(signal.SIGKILL)
    wait_for(lambda: world.state("a") == "restarting")
    world.fleet.remove("a")
    wait_for(lambda: world.state("b") == "running")
    assert world.notes()[2:] == ["add b again"]
    assert world.fleet.names() == ["b"]


def test_what_is_removed_while_it_is_added_again_goes(worlds: Any) -> None:
    world = worlds()
    world.go.touch()
    world.add("a", "slow")
    world.add("c")
    world.add("b")
    world.go.unlink()
    world.die()
    wait_for(lambda: world.fleet._workers[0]._calls, "it is being added again")
    world.fleet.remove("c")  # whose turn comes after it
    removing = threading.Thread(target=world.fleet.remove, args=("a",))
    removing.start()
    wait_for(lambda: len(world.fleet._workers[0]._calls) == 2, "it is being removed")
    world.go.touch()
    removing.join(10)
    wait_for(lambda: world.state("b") == "running")
    notes = [note for note in world.notes()[3:] if note.split()[1] == "a"]
    assert notes == ["add a again", "remove a"]
    assert "add c again" not in world.notes()
    assert set(world.fleet.stats()) == {"b"}


def test_an_add_that_takes_too_long_leaves_nothing(worlds: Any, monkeypatch: Any) -> None:
    world = worlds()
    monkeypatch.setattr(worker_module, "ANSWER_S", 0.5)
    with pytest.raises(Overloaded, match="does not answer"):
        world.add("a", "slow")
    assert world.fleet.names() == []
    world.go.touch()
    wait_for(lambda: world.notes() == ["add a", "remove a"])


def test_a_model_that_fails_is_told_at_once() -> None:
    fleet = ShardedFleet(fail, 1)
    began = time.monotonic()
    with pytest.raises(ModelError, match="no such file"):
        fleet.open()
    assert time.monotonic() - began < 30


def test_a_model_is_loaded_again_in_all_processes(worlds: Any) -> None:
    world = worlds(2)
    world.fleet.reload("street")
    assert world.notes() == ["reload street"] * 2
