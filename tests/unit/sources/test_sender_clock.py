"""The camera's wall clock, out of what FFmpeg says of its packets."""

from __future__ import annotations

import logging
import struct
import time
from fractions import Fraction
from typing import Any

import pytest

from sightline.sources.sender_clock import SenderClock

WRAP_S = 2**32 / 90_000


class Packet:
    """A packet with its time in the stream, and the sender's Unix time where it has one."""

    time_base = Fraction(1, 90_000)

    def __init__(self, at_s: float | None, utc: float | None) -> None:
        self.pts = None if at_s is None else round(at_s * 90_000)
        self.utc = utc

    def has_sidedata(self, kind: str) -> bool:
        return kind == "prft" and self.utc is not None

    def get_sidedata(self, kind: str) -> bytes:
        assert kind == "prft"
        return struct.pack("=qi4x", round(self.utc * 1e6), 24)  # type: ignore[operator]


def told(packets: list[tuple[float | None, float | None]]) -> SenderClock:
    clock = SenderClock("rtsp://cam/live")
    for at_s, utc in packets:
        packet: Any = Packet(at_s, utc)
        clock.note(packet)
    return clock


NOW = round(time.time(), 3)

CASES = {
    "no report yet": ([(0.0, None), (0.1, None)], None),
    # The parser looks ahead: the first packet has the time of the next one.
    "the first packet of a report": ([(2.2, NOW + 0.1), (2.3, NOW + 0.1)], None),
    "two that agree": ([(2.2, NOW + 0.1), (2.3, NOW + 0.1), (2.4, NOW + 0.2)], NOW + 7.8),
    "pictures out of order": ([(2.4, NOW + 0.4), (2.2, NOW + 0.2), (2.3, NOW + 0.3)], NOW + 8.0),
    "no timestamp": ([(None, NOW), (1.0, NOW), (None, NOW), (1.1, NOW + 0.1)], NOW + 9.0),
    "a clock that is set right": (
        [(0.0, NOW), (0.1, NOW + 0.1), (0.2, NOW + 3.2), (0.3, NOW + 3.3)], NOW + 13.0,
    ),
    "a timestamp that began anew": (
        [(0.0, NOW), (0.1, NOW + 0.1), (0.2, NOW + 0.2 - WRAP_S), (0.3, NOW + 0.3 - WRAP_S)],
        NOW + 10.0,
    ),
    "a clock eight hours ahead": ([(0.0, NOW + 28800), (0.1, NOW + 28800.1)], NOW + 28810.0),
    "a clock that is not set": ([(0.0, 120.0), (0.1, 120.1)], None),
    "before there was a calendar": ([(0.0, -2.2e9), (0.1, -2.2e9 + 0.1)], None),
}  # fmt: skip


@pytest.mark.parametrize(("packets", "at_ten"), CASES.values(), ids=CASES.keys())
def test_the_time_of_a_frame_ten_seconds_into_the_stream(
    packets: list[tuple[float | None, float | None]], at_ten: float | None
) -> None:
    found = told(packets).utc(10.0)
    assert found == (None if at_ten is None else pytest.approx(at_ten, abs=2e-3))
    assert told(packets).utc(None) is None


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [
        pytest.param(0.5, "", id="half a second"),
        pytest.param(60.0, " s ahead of", id="ahead"),
        pytest.param(-60.0, " s behind", id="behind"),
        pytest.param(-NOW, "is not set", id="not set"),
    ],
)
def test_a_clock_that_differs_is_told_once(
    caplog: pytest.LogCaptureFixture, ahead_s: float, said: str
) -> None:
    first = time.time() + ahead_s
    with caplog.at_level(logging.WARNING):
        told([(i / 10, first + i / 10 + (i > 5)) for i in range(10)])
    assert len(caplog.records) == bool(said)
    assert said in caplog.text
