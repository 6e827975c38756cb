"""What a live source counts and remembers when its connection is lost."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from types import SimpleNamespace

import av
import pytest
from tests.waiting import wait_for

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.ffmpeg import DecodedFrame
from sightline.sources.live import LiveSource
from sightline.sources.network import live_connection
from sightline.sources.network.connection import RedirectError
from sightline.sources.video_track import TrackTiming
from sightline.types import SourceState

QUICK = LiveOptions(open_timeout_s=2, backoff_first_s=0.01, backoff_max_s=0.02)
PATIENT = QUICK.model_copy(update={"wait_for_camera": True})
URL = "rtsp://camera/live"


class Damaged:
    """One good frame, then damage only, until it breaks."""

    def __init__(self, damaged: int) -> None:
        self.corrupt = 0
        self.skipped, self.skipped_at = 0, 0.0
        self.sender_clock = None
        self.last_packet_at, self.waits_for_key_frame = 0.0, False
        self.container = SimpleNamespace(duration=None)
        self.stream = SimpleNamespace(frames=0)
        self.timing = TrackTiming(25.0)
        self._damaged = damaged
        self._read = False

    def read(self, timeout_s: float) -> DecodedFrame:
        if self._read:
            self.corrupt += self._damaged
            raise TimeoutError("no picture")
        self._read = True
        frame = av.VideoFrame(32, 16, "yuv420p")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        return DecodedFrame(frame, 1.0)

    def close(self) -> None:
        """Nothing is open."""


def test_what_was_damaged_before_a_loss_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = [Damaged(7), Damaged(4)]

    def connect(*_: object) -> Damaged:
        if not readers:
            raise SourceError("camera: refused")
        return readers.pop(0)

    monkeypatch.setattr(live_connection, "connect", connect)
    source = LiveSource(URL, options=QUICK)
    source.open()
    wait_for(lambda: source.status.error == "camera: refused")
    assert source.status.dropped["corrupt"] == 11
    source.close()


def test_after_a_circle_it_is_wary(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[SourceError] = [
        SourceError("refused"), RedirectError("in a circle"), RedirectError("in a circle"),
        SourceError("refused"),
    ]  # fmt: skip
    wary: list[object] = []

    def connect(*arguments: object) -> None:
        wary.append(arguments[3])
        raise errors[min(len(wary), len(errors)) - 1]

    monkeypatch.setattr(live_connection, "connect", connect)
    source = LiveSource(URL, options=PATIENT)

    def open_it() -> None:
        with pytest.raises(SourceError):
            source.open()

    opener = threading.Thread(target=open_it)
    opener.start()
    wait_for(lambda: len(wary) >= 5)
    source.close()
    opener.join(5)
    assert wary[:5] == [False, False, True, True, False]


def test_open_says_why_there_was_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    options = QUICK.model_copy(update={"open_timeout_s": 0.2})

    def connect(*_: object) -> None:
        time.sleep(0.4)  # its own limit is over, and what that means was looked into
        raise SourceError("camera: in a circle")

    monkeypatch.setattr(live_connection, "connect", connect)
    source = LiveSource(URL, options=options)
    with pytest.raises(SourceError, match="in a circle"):
        source.open()
    assert source.status.state is SourceState.FAILED
