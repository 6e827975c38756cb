"""The streams of a worker, whatever becomes of its process."""

from __future__ import annotations

import pytest

from sightline.config import StreamOptions
from sightline.runtime.processes.worker_streams import WorkerStreams
from sightline.types import StreamStats

OPTIONS = StreamOptions(source="rtsp://camera/live")


def stats(name: str, state: str = "running", **more: object) -> StreamStats:
    return StreamStats(name, state, "rtsp://camera/live", "default", **more)  # type: ignore[arg-type]


@pytest.fixture
def streams() -> WorkerStreams:
    made = WorkerStreams()
    made.options = {"gate": OPTIONS, "yard": OPTIONS}
    made.stated({"gate": stats("gate", fps_in=25.0), "yard": stats("yard", "ended")})
    return made


def states(streams: WorkerStreams, silence: str | None = None) -> dict[str, str]:
    return {name: one.state for name, one in streams.stats(silence).items()}


def test_they_are_as_the_process_said_last(streams: WorkerStreams) -> None:
    assert states(streams) == {"gate": "running", "yard": "ended"}
    assert streams.stats(None)["gate"].fps_in == 25.0


def test_what_is_being_added_is_not_told_yet(streams: WorkerStreams) -> None:
    streams.options["new"] = OPTIONS
    assert "new" not in states(streams)


def test_a_process_that_does_not_answer_has_streams_that_restart(streams: WorkerStreams) -> None:
    found = streams.stats("it starts again")
    assert {name: one.state for name, one in found.items()} == {
        "gate": "restarting",
        "yard": "ended",
    }
    assert (found["gate"].error, found["gate"].fps_in, found["gate"].fps_analyzed) == (
        "it starts again",
        0,
        0,
    )
    streams.died()
    assert states(streams) == {"gate": "restarting", "yard": "ended"}
    streams.stated({"gate": stats("gate")})
    assert states(streams) == {"gate": "running", "yard": "ended"}


def test_what_is_brought_back_is_what_ran(streams: WorkerStreams) -> None:
    streams.options["new"] = OPTIONS
    assert streams.unfinished() == {"gate": OPTIONS}
    streams.fail("gate", "the model is gone")
    assert streams.unfinished() == {}
    assert streams.stats(None)["gate"].error == "the model is gone"
    streams.fail("nobody", "x")


def test_pictures_are_counted_of_streams_that_there_are(streams: WorkerStreams) -> None:
    for name in ("gate", "gate", "gone"):
        streams.heard(name)
    assert streams.versions == {"gate": 2}


def test_a_stream_that_is_removed_leaves_nothing(streams: WorkerStreams) -> None:
    streams.heard("gate")
    streams.paused.add("gate")
    assert streams.forget("gate")
    assert not streams.forget("gate")
    assert (states(streams), streams.versions, streams.paused) == ({"yard": "ended"}, {}, set())
    streams.stated({"gate": stats("gate")})  # it said so before it heard of it
    assert states(streams) == {"yard": "ended"}
