"""Which frames are analysed: by number, by rate, and where something moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.config import AdaptiveOptions
from sightline.runtime.streams.record import StreamRecord
from sightline.runtime.streams.selection import AdaptiveSelection, EveryNth
from sightline.sources.pictures import ArrayPicture
from sightline.types import Frame, SourceStatus, StreamInfo

PICTURE = ArrayPicture(np.zeros((8, 8, 3), np.uint8))


def frame(index: int, time: float) -> Frame:
    return Frame("cam", index, time, 0.0, PICTURE)


def adaptive(every: int = 1, **options: Any) -> AdaptiveSelection:
    def status() -> SourceStatus:
        raise AssertionError("only a live stream is judged")

    made = AdaptiveSelection(AdaptiveOptions(**options), StreamRecord(), status, every=every)
    made.begin(StreamInfo("cam", 8, 8, 25.0))
    return made


def times(count: int, fps: float = 25.0) -> list[float]:
    return [index / fps for index in range(count)]


def chosen(selection: Any, at: Sequence[float]) -> list[int]:
    reasons = [selection.reason(frame(index, time)) for index, time in enumerate(at)]
    assert set(reasons) <= {None, "skipped", "still"}
    return [index for index, reason in enumerate(reasons) if reason is None]


@pytest.mark.parametrize(
    ("selection", "indices"),
    [
        pytest.param(EveryNth(), [0, 1, 2, 3, 4, 5, 6], id="all"),
        pytest.param(EveryNth(3), [0, 3, 6], id="each third"),
        pytest.param(adaptive(), [0, 1, 2, 3, 4, 5, 6], id="nothing wanted"),
        pytest.param(adaptive(every=3), [0, 3, 6], id="each third of it"),
    ],
)
def test_by_number(selection: Any, indices: list[int]) -> None:
    assert chosen(selection, times(7)) == indices


@pytest.mark.parametrize(
    ("fps", "most", "rate"),
    [
        pytest.param(25, 10, 10, id="no whole part"),
        pytest.param(30, 10, 10, id="each third"),
        pytest.param(25, 24, 24, id="nearly all"),
        pytest.param(30, 25, 25, id="five of six"),
        pytest.param(60, 50, 50, id="of a fast camera"),
        pytest.param(5, 10, 5, id="fewer than there may be"),
    ],
)
def test_no_more_than_so_many_a_second(fps: float, most: float, rate: float) -> None:
    assert len(chosen(adaptive(max_fps=most), times(int(20 * fps), fps))) == pytest.approx(
        20 * rate, abs=1
    )


@settings(max_examples=40)
@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.floats(0.5, 50))
def test_the_rate_holds_whatever_the_times_are(steps: list[float], most: float) -> None:
    at = np.cumsum(steps).tolist()
    found = [at[index] for index in chosen(adaptive(max_fps=most), at)]
    assert found[0] == at[0]
    assert len(found) <= (at[-1] - at[0]) * most + 3


def test_a_pause_is_not_made_up_for() -> None:
    at = [*times(50), *(100 + time for time in times(50))]
    found = chosen(adaptive(max_fps=5), at)
    assert [index - 50 for index in found if index >= 50] == [
        0,
        3,
        8,
        13,
        18,
        23,
        28,
        33,
        38,
        43,
        48,
    ]


def test_the_rate_holds_for_a_camera_that_is_not_punctual() -> None:
    late = np.random.default_rng(3).uniform(0, 0.5, 1000)
    at = ((np.arange(1000) + late) / 30).tolist()
    assert len(chosen(adaptive(max_fps=25), at)) == pytest.approx(25 * 1000 / 30, rel=0.01)


class Moves:
    """Sees something move at these times."""

    def __init__(self, *at: float) -> None:
        self._at = at

    def seen(self, seen: Frame) -> bool:
        return any(abs(seen.time - time) < 1e-6 for time in self._at)


@pytest.mark.parametrize(
    ("moves", "seconds"),
    [
        # Without motion one frame in five seconds; after it for one second.
        pytest.param([], [0, 5, 10], id="a still picture"),
        pytest.param([2.0], [0, 2, 3, 8], id="once"),
        pytest.param([2.0, 4.0], [0, 2, 3, 4, 5, 10], id="twice"),
        pytest.param([5.0], [0, 5, 6, 11], id="when it was due anyway"),
    ],
)
def test_where_something_moves(
    monkeypatch: pytest.MonkeyPatch, moves: list[float], seconds: list[int]
) -> None:
    monkeypatch.setattr("sightline.runtime.streams.selection._motion", lambda: Moves(*moves))
    selection = adaptive(motion=True, motion_hold_s=1.0, motion_refresh_s=5.0)
    assert chosen(selection, [float(second) for second in range(12)]) == seconds


def test_a_file_stays_at_the_best_level() -> None:
    selection = adaptive(max_skip=4)
    for _ in range(3):
        selection.outcome("overloaded")
    assert (selection.number, selection.level.every) == (0, 1)
