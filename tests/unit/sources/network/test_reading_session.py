"""What a live source knows of its stream, and how long it waits before it connects again."""

from __future__ import annotations

import logging

import av
import pytest

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.sources.ffmpeg import DecodedFrame
from sightline.sources.network.connection import AuthenticationError, StreamTarget, url_target
from sightline.sources.network.reading_session import LiveState, TimedFrame, pause_s
from sightline.types import SourceState, StreamInfo

OPTIONS = LiveOptions(backoff_first_s=1, backoff_max_s=20, auth_retry_s=300)
INFO = StreamInfo("cam", 32, 16, 25.0, None, True)


def target() -> StreamTarget:
    return url_target("rtsp://joe:geheim@camera/live", OPTIONS)


def taken(time: float) -> TimedFrame:
    return TimedFrame(time, 0.0, None, None, DecodedFrame(av.VideoFrame(32, 16), 1.0, place=0))


@pytest.mark.parametrize(
    ("attempts", "longest"), [(0, 1), (1, 2), (2, 4), (3, 8), (5, 20), (10_000, 20)]
)
def test_pauses_grow_and_vary(attempts: int, longest: float) -> None:
    pauses = {pause_s(OPTIONS, SourceError("lost"), attempts) for _ in range(50)}
    assert len(pauses) > 40
    assert longest / 2 <= min(pauses) < max(pauses) <= longest


def test_a_wrong_password_is_tried_at_its_own_pace() -> None:
    for attempts in (0, 9):
        assert pause_s(OPTIONS, AuthenticationError("no"), attempts) == 300


def test_a_frame_that_nobody_took_is_dropped() -> None:
    live = LiveState(target(), OPTIONS)
    with live.changed:
        for time in (0.0, 0.1, 0.2):
            live.publish(taken(time))
    assert live.newest is not None
    assert (live.newest.time, dict(live.dropped)) == (0.2, {"stale": 2})


def test_states_from_the_first_attempt_to_the_end(caplog: pytest.LogCaptureFixture) -> None:
    live = LiveState(target(), OPTIONS)
    seen: list[tuple[SourceState, str | None, int]] = []

    def note() -> None:
        seen.append((live.state, live.error, live.reconnects))

    with caplog.at_level(logging.INFO, "sightline"), live.changed:
        live.mark_lost("cam: refused")  # never connected: it is still connecting
        note()
        live.info = INFO
        live.publish(taken(0.0))
        note()
        for _ in range(3):
            live.mark_lost("cam: lost")
        note()
        live.publish(taken(0.1))
        live.publish(taken(0.2))
        note()
        session = live.session
        live.end(SourceState.ENDED)
        note()
    assert seen == [
        (SourceState.CONNECTING, "cam: refused", 0),
        (SourceState.RUNNING, None, 0),
        (SourceState.RECONNECTING, "cam: lost", 0),
        (SourceState.RUNNING, None, 1),
        (SourceState.ENDED, None, 1),
    ]
    assert live.session == session + 1
    # Said once, not at each attempt; of the first connection whoever opens it hears.
    assert [(r.levelname, r.getMessage()) for r in caplog.records if "lost" in r.getMessage()] == [
        ("WARNING", "cam: lost (reconnecting)")
    ]
    assert [r.levelname for r in caplog.records if "refused" in r.getMessage()] == ["INFO"]
    assert "geheim" not in caplog.text
