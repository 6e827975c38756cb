"""A recording in real time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from sightline.sources.paced import PacedSource
from sightline.sources.pictures import ArrayPicture
from sightline.types import Frame, SourceState, SourceStatus, StreamInfo

FPS = 50.0


class Recording:
    """Frames of a film that are there at once."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.handed = 0
        self.closed = False

    def open(self) -> StreamInfo:
        return StreamInfo("film", 8, 8, fps=FPS, frames=self.count)

    def __iter__(self) -> Iterator[Frame]:
        picture = ArrayPicture(np.zeros((8, 8, 3), np.uint8))
        while self.handed < self.count and not self.closed:
            self.handed += 1
            yield Frame("film", self.handed - 1, (self.handed - 1) / FPS, time.monotonic(), picture)

    @property
    def status(self) -> SourceStatus:
        return SourceStatus(SourceState.RUNNING, self.handed + 1, {"corrupt": 1})

    def close(self) -> None:
        self.closed = True


def test_frames_come_at_their_times() -> None:
    started = time.monotonic()
    source = PacedSource(Recording(11))
    assert source.open().live
    arrived = [(frame.time, frame.captured_at - started) for frame in source]
    assert all(at >= due - 0.001 for due, at in arrived)
    assert time.monotonic() - started >= 10 / FPS


def test_what_is_late_is_dropped_and_counted() -> None:
    source = PacedSource(Recording(40))
    handed = []
    for frame in source:
        handed.append(frame.index)
        if frame.index == 5:
            time.sleep(10 / FPS)  # the reader is slow once
    status = source.status
    assert status.dropped["corrupt"] == 1
    assert status.dropped["stale"] == 40 - len(handed) > 0
    assert status.read == len(handed) + sum(status.dropped.values())
    assert handed[:6] == list(range(6))
    assert handed == sorted(set(handed))


def test_closing_wakes_it() -> None:
    recording = Recording(1000)
    source = PacedSource(recording)
    got: list[int] = []
    thread = threading.Thread(target=lambda: got.extend(f.index for f in source))
    thread.start()
    source.close()
    thread.join(10)
    assert not thread.is_alive()
    assert recording.closed
    assert len(got) < 1000


@pytest.mark.parametrize("count", [0, 1])
def test_short_recordings(count: int) -> None:
    assert len(list(PacedSource(Recording(count)))) == count
