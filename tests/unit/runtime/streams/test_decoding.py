"""How many frames of a stream are decoded: groups of pictures are left off, never holes in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import sightline.runtime.streams.decoding as module
from sightline.runtime.streams.cpu_limiter import CpuLimiter
from sightline.runtime.streams.decoding import Decoding
from sightline.sources.file import FileSource

GROUP = 25


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now  # type: ignore[return-value]


def packets(decoding: Decoding, groups: int, group: int = GROUP) -> list[list[bool]]:
    """Which packets of each group of pictures are decoded."""
    return [[decoding.admits(i == 0) for i in range(group)] for _ in range(groups)]


def test_everything_is_decoded_at_first() -> None:
    assert all(map(all, packets(Decoding(CpuLimiter()), 5)))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_a_part_of_each_group_is_decoded_from_its_key_frame_on(share: float) -> None:
    decoding = Decoding(CpuLimiter())
    packets(decoding, 2)
    decoding.share = share
    taken = packets(decoding, 40)
    for group in taken:
        assert group[0]
        assert group == sorted(group, reverse=True)  # no hole
    assert sum(map(sum, taken)) / (40 * GROUP) == pytest.approx(share, abs=0.05)


def test_of_key_frames_alone_some_are_left_out() -> None:
    decoding = Decoding(CpuLimiter())
    packets(decoding, 10, group=1)
    decoding.share = 0.2
    assert sum(map(sum, packets(decoding, 100, group=1))) == pytest.approx(20, abs=2)


def test_a_stream_without_further_key_frames_is_never_left_out() -> None:
    decoding = Decoding(CpuLimiter())
    decoding.share = 0.1
    assert all(decoding.admits(i == 0) for i in range(500))


def test_a_stream_that_stops_sending_key_frames_goes_on() -> None:
    decoding = Decoding(CpuLimiter())
    packets(decoding, 3, group=10)
    decoding.share = 0.1
    packets(decoding, 3, group=10)
    decoding.share = 1.0
    taken = [decoding.admits(False) for _ in range(40)]
    assert taken[-10:] == [True] * 10


def test_a_gap_ends_with_a_key_frame_only() -> None:
    decoding = Decoding(CpuLimiter())
    packets(decoding, 2)
    decoding.share = 0.1
    packets(decoding, 4)
    assert decoding.admits(True)
    while decoding.admits(False):
        pass
    decoding.share = 1.0
    assert not decoding.admits(False)
    assert decoding.admits(True)
    assert decoding.admits(False)


def judge(
    decoding: Decoding, clock: list[float], *, fps: float, lost: float, heavy: bool = True,
    late: bool = False, seconds: int = 30,
) -> None:  # fmt: skip
    """So many seconds of a stream whose decoded frames are lost by that part."""
    turns = decoding._turns
    decoded, gone, skipped = map(float, decoding._before)
    for _ in range(seconds):
        clock[0] += 1.0
        turns.decoding_s += 0.5 * turns.cores if heavy else 0.0
        decoded += fps * decoding.share
        skipped += fps * (1 - decoding.share)
        gone += lost * fps * decoding.share
        decoding.judge(int(decoded), int(gone), int(skipped), late=late)


@pytest.mark.parametrize(
    ("heavy", "late", "less"),
    [(True, False, True), (False, True, True), (False, False, False)],
)
def test_less_is_decoded_where_that_helps(
    clock: list[float], heavy: bool, late: bool, less: bool
) -> None:
    decoding = Decoding(CpuLimiter())
    judge(decoding, clock, fps=25, lost=0.8, heavy=heavy, late=late)
    assert (decoding.share < 0.5) == less


def test_twice_as_much_is_decoded_as_comes_to_something(clock: list[float]) -> None:
    decoding = Decoding(CpuLimiter())
    decoded = lost = skipped = 0.0
    for _ in range(60):
        clock[0] += 1.0
        decoding._turns.decoding_s += decoding._turns.cores
        decoded += 25 * decoding.share
        skipped += 25 * (1 - decoding.share)
        lost += max(0.0, 25 * decoding.share - 5)  # the engine takes five a second
        decoding.judge(int(decoded), int(lost), int(skipped), late=False)
    assert decoding.share == pytest.approx(0.4, rel=0.15)


def test_everything_is_decoded_again_when_nothing_is_lost(clock: list[float]) -> None:
    decoding = Decoding(CpuLimiter())
    judge(decoding, clock, fps=25, lost=0.8)
    judge(decoding, clock, fps=25, lost=0.0, seconds=60)
    assert decoding.share == 1.0


def test_a_file_without_its_left_out_frames(data: Path) -> None:
    """Real packets: what comes out is whole, has its right time and number, and is accounted for."""
    path = data / "videos" / "one-by-one-person-detection.mp4"
    whole = {frame.index: frame for frame in FileSource(path)}
    decoding = Decoding(CpuLimiter(2))
    source = FileSource(path, turn=decoding)
    seen = 0
    for frame in source:
        seen += 1
        assert frame.time == pytest.approx(whole[frame.index].time)
        same = whole[frame.index].scaled(96, 54, "bgr")
        assert np.abs(frame.scaled(96, 54, "bgr").astype(int) - same).max() <= 1
        if seen == 20:
            decoding.share = 0.3
    status = source.status
    assert status.dropped["skipped"] > 50
    assert status.read == seen + status.dropped["skipped"] == len(whole)
    assert decoding._turns.decoding_s > 0
