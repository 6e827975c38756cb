"""An output that fails does not end a camera: what it misses is counted, and it is tried again."""

from __future__ import annotations

import pytest

from sightline.errors import SinkError
from sightline.runtime.streams.resilient_sink import RETRY_S, ResilientSink
from sightline.types import Detections, Frame, Observation, StreamInfo


class Disk:
    """A sink that fails while it is full."""

    def __init__(self) -> None:
        self.full = False
        self.opened = self.tried = 0
        self.kept: list[int] = []

    def open(self, stream: StreamInfo) -> None:
        self._try()
        self.opened += 1

    def write(self, observation: Observation) -> None:
        self._try()
        self.kept.append(observation.frame.index)

    def close(self) -> None: ...

    def _try(self) -> None:
        self.tried += 1
        if self.full:
            raise SinkError("cannot write out.jsonl: the disk is full")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def seen(index: int) -> Observation:
    return Observation(Frame("gate", index, 0.0, 0.0, None), Detections.empty())  # type: ignore[arg-type]


def info(*, live: bool) -> StreamInfo:
    return StreamInfo("gate", 64, 48, 25.0, live=live)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_camera_goes_on_and_the_output_comes_back(
    disk: Disk, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    sink = ResilientSink(disk, clock)
    sink.open(info(live=True))
    sink.write(seen(0))
    disk.full = True
    for index in range(1, 11):
        sink.write(seen(index))
    assert (sink.lost, sink.error) == (10, "cannot write out.jsonl: the disk is full")
    assert disk.tried == 3  # opened, written, and failed once: it is left alone for a while
    clock.now += RETRY_S
    sink.write(seen(11))
    assert (sink.lost, disk.tried) == (11, 4)
    disk.full = False
    sink.write(seen(12))
    assert sink.lost == 12
    clock.now += RETRY_S
    sink.write(seen(13))
    sink.write(seen(14))
    assert (sink.lost, sink.error, disk.kept, disk.opened) == (12, None, [0, 13, 14], 1)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("cannot write out.jsonl: the disk is full; the stream goes on")
    assert said[1] == "an output works again; 12 observations were lost to it so far"


def test_an_output_that_is_away_at_the_start_is_opened_later(disk: Disk, clock: Clock) -> None:
    sink = ResilientSink(disk, clock)
    disk.full = True
    sink.open(info(live=True))
    sink.write(seen(0))
    disk.full = False
    clock.now += RETRY_S
    sink.write(seen(1))
    assert (sink.lost, sink.error, disk.kept, disk.opened) == (1, None, [1], 1)


def test_what_a_patient_output_waits_for_is_told(disk: Disk, clock: Clock) -> None:
    disk.held_up_by = None  # type: ignore[attr-defined]
    sink = ResilientSink(disk, clock)
    sink.open(info(live=True))
    disk.held_up_by = "run.db is locked"  # type: ignore[attr-defined]
    sink.write(seen(0))
    assert (sink.error, sink.lost, disk.kept) == ("run.db is locked", 0, [0])
    disk.held_up_by = None  # type: ignore[attr-defined]
    assert sink.error is None


def test_a_file_can_be_analysed_once_more_and_fails(disk: Disk) -> None:
    sink = ResilientSink(disk)
    sink.open(info(live=False))
    disk.full = True
    with pytest.raises(SinkError, match="disk is full"):
        sink.write(seen(0))
    with pytest.raises(SinkError, match="disk is full"):
        ResilientSink(disk).open(info(live=False))
    assert sink.lost == 0
