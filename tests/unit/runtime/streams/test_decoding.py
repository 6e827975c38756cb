"""How many frames of a stream are decoded: groups of pictures are left off, never holes in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.runtime.streams.cpu_limiter import CpuLimiter
from sightline.runtime.streams.decoding import Decoding, decoding_counts
from sightline.runtime.streams.decoding_budget import DecodingBudget, DecodingCounts, DecodingLoad
from sightline.runtime.streams.record import StreamRecord
from sightline.sources.file import FileSource
from sightline.types import SourceState, SourceStatus

GROUP = 25


class BusyEngine(DecodingBudget):
    """A budget of an engine that always has enough to do. ``again`` is what lost frames give back."""

    def __init__(self, limiter: CpuLimiter | None = None) -> None:
        super().__init__(limiter or CpuLimiter(), lambda: 0.0)
        self.again = 0.0
        self.beyond: list[float] = []
        self.cuts = True

    def judge(self, load: DecodingLoad, counts: DecodingCounts) -> float:
        again, self.again = self.again, 0.0
        return again

    def leaves_out(self, beyond: float) -> bool:
        self.beyond.append(beyond)
        return self.cuts


def packets(decoding: Decoding, groups: int, group: int = GROUP) -> list[list[bool]]:
    """Which packets of each group of pictures are decoded."""
    return [[decoding.admits(i == 0) for i in range(group)] for _ in range(groups)]


def test_everything_is_decoded_at_first() -> None:
    assert all(map(all, packets(Decoding(BusyEngine()), 5)))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_a_part_of_each_group_is_decoded_from_its_key_frame_on(share: float) -> None:
    decoding = Decoding(BusyEngine())
    packets(decoding, 2)
    decoding.load.share = share
    taken = packets(decoding, 40)
    for group in taken:
        assert group[0]
        assert group == sorted(group, reverse=True)  # no hole
    assert sum(map(sum, taken)) / (40 * GROUP) == pytest.approx(share, abs=0.05)


def test_of_key_frames_alone_some_are_left_out() -> None:
    decoding = Decoding(BusyEngine())
    packets(decoding, 10, group=1)
    decoding.load.share = 0.2
    assert sum(map(sum, packets(decoding, 100, group=1))) == pytest.approx(20, abs=2)


def test_a_stream_without_further_key_frames_is_never_left_out() -> None:
    decoding = Decoding(BusyEngine())
    decoding.load.share = 0.1
    assert all(decoding.admits(i == 0) for i in range(500))


def test_a_stream_that_stops_sending_key_frames_goes_on() -> None:
    decoding = Decoding(BusyEngine())
    packets(decoding, 3, group=10)
    decoding.load.share = 0.1
    packets(decoding, 3, group=10)
    decoding.load.share = 1.0
    taken = [decoding.admits(False) for _ in range(40)]
    assert taken[-10:] == [True] * 10


def test_a_gap_ends_with_a_key_frame_only() -> None:
    decoding = Decoding(BusyEngine())
    packets(decoding, 2)
    decoding.load.share = 0.1
    packets(decoding, 4)
    assert decoding.admits(True)
    while decoding.admits(False):
        pass
    decoding.load.share = 1.0
    assert not decoding.admits(False)
    assert decoding.admits(True)
    assert decoding.admits(False)


def test_what_was_decoded_for_nothing_is_decoded_once_more() -> None:
    budget = BusyEngine()
    decoding = Decoding(budget)
    decoding.counts = DecodingCounts
    packets(decoding, 2)
    decoding.load.share = 0.2
    before = sum(packets(decoding, 4)[-1])
    decoding.admits(True)
    budget.again = 7.0
    after = 1 + sum(decoding.admits(False) for _ in range(GROUP - 1))
    assert after == pytest.approx(before + 7, abs=1)


def test_a_stream_goes_on_beyond_its_share_while_the_engine_has_too_little_to_do() -> None:
    budget = BusyEngine()
    decoding = Decoding(budget)
    packets(decoding, 2)
    decoding.load.share = 0.2
    budget.cuts = False
    assert all(map(all, packets(decoding, 1)))
    assert budget.beyond[-1] == pytest.approx(0.8 * GROUP, abs=4)  # how far beyond
    budget.cuts = True
    later = packets(decoding, 8)
    assert [sum(group) for group in later[:3]] == [
        1,
        1,
        1,
    ]  # the key frames: it gives back what it had
    assert sum(later[-1]) > 1


def test_the_time_between_two_packets_is_learnt_from_the_stream() -> None:
    decoding = Decoding(BusyEngine())
    assert decoding.interval_s is None
    for number in range(200):
        decoding.admits(number % 25 == 0, None if number % 7 == 3 else number / 5)
    for at in (3.0, 1e6):  # played from the beginning; a clock that was set
        decoding.admits(True, at)
    assert decoding.interval_s == pytest.approx(0.2, rel=0.2)


def test_frames_that_nobody_had_time_for_are_those_of_source_and_record() -> None:
    record = StreamRecord()
    for reason in ("stale", "overloaded", "still", "skipped", None):
        record.took()
        record.drop(reason) if reason else record.analyze(0.1)
    status = SourceStatus(
        SourceState.RUNNING, read=9, dropped={"stale": 3, "skipped": 1, "corrupt": 0}, reconnects=0
    )
    assert decoding_counts(status, record.counts()) == DecodingCounts(8, 1, 5, 3)


def test_a_file_without_its_left_out_frames(data: Path) -> None:
    """Real packets: what comes out is whole, has its right time and number, and is accounted for."""
    path = data / "videos" / "one-by-one-person-detection.mp4"
    whole = {frame.index: frame for frame in FileSource(path)}
    decoding = Decoding(BusyEngine(CpuLimiter(2)))
    source = FileSource(path, turn=decoding)
    seen = 0
    for frame in source:
        seen += 1
        assert frame.time == pytest.approx(whole[frame.index].time)
        same = whole[frame.index].scaled(96, 54, "bgr")
        assert np.abs(frame.scaled(96, 54, "bgr").astype(int) - same).max() <= 1
        if seen == 20:
            decoding.load.share = 0.3
    status = source.status
    assert status.dropped["skipped"] > 50
    assert status.read == seen + status.dropped["skipped"] == len(whole)
    assert decoding.load.used_s > 0
