"""How long is waited for a packet, and how much may come for it, with a clock of our own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import SourceError
from sightline.sources.network import read_allowance
from sightline.sources.network.read_allowance import ReadAllowance


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(read_allowance, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def test_the_time_runs_out(clock: Clock) -> None:
    allowance = ReadAllowance(5, 1000, "cam")
    clock.now += 3
    assert allowance.left_s() == 2
    allowance.take(10)  # what comes does not help: a packet must get whole
    assert allowance.left_s() == 2
    clock.now += 2
    with pytest.raises(TimeoutError):
        allowance.left_s()


def test_a_packet_begins_both_anew(clock: Clock) -> None:
    allowance = ReadAllowance(5, 1000, "cam")
    allowance.take(1000)
    clock.now += 4
    allowance.renew()
    assert allowance.left_s() == 5
    allowance.take(1000)
    allowance.renew(timeout_s=2, limit_bytes=2000)
    allowance.take(2000)
    assert allowance.left_s() == 2
    allowance.renew()  # the new limits stay
    allowance.take(2000)
    assert allowance.left_s() == 2
    with pytest.raises(SourceError):
        allowance.take(1)


def test_too_much_is_refused_for_every_thread(clock: Clock) -> None:
    allowance = ReadAllowance(5, 3_000_000, "cam")
    allowance.check()
    with pytest.raises(SourceError, match="cam: 3 MB came without a whole picture"):
        allowance.take(3_000_001)
    with pytest.raises(SourceError, match="cam: 3 MB came"):
        allowance.check()


def test_while_ffmpeg_looks_whatever_comes_counts(clock: Clock) -> None:
    heard: list[float] = []
    allowance = ReadAllowance(5, 1000, "cam")
    allowance.look(12, lambda: heard.append(clock.now))
    for _ in range(2):
        clock.now += 4
        allowance.take(1)
    assert (heard, allowance.left_s()) == ([104, 108], 4)  # of 12 s, 8 are over
    allowance.take(0)  # the end of a file is nothing that comes
    assert heard == [104, 108]
    clock.now += 4
    with pytest.raises(SourceError, match=r"no key frame within 12 s.*live\.key_frame_timeout_s"):
        allowance.left_s()


def test_silence_while_ffmpeg_looks_is_silence(clock: Clock) -> None:
    allowance = ReadAllowance(5, 1000, "cam")
    allowance.look(12, lambda: None)
    clock.now += 5
    with pytest.raises(TimeoutError):
        allowance.left_s()


def test_after_looking_packets_count(clock: Clock) -> None:
    heard: list[float] = []
    allowance = ReadAllowance(5, 1000, "cam")
    allowance.look(12, lambda: heard.append(clock.now))
    allowance.looked(60, 100)
    clock.now += 50  # past the 12 s
    allowance.take(100)
    assert (heard, allowance.left_s()) == ([], 10)
    with pytest.raises(SourceError):
        allowance.take(1)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 400), max_size=9))
def test_refused_as_soon_as_the_sum_is_above_the_limit(counts: list[int]) -> None:
    allowance = ReadAllowance(60, 1000, "cam")
    for index, count in enumerate(counts):
        if sum(counts[: index + 1]) > 1000:
            with pytest.raises(SourceError):
                allowance.take(count)
            return
        allowance.take(count)
