"""Which frames of a stream are looked at: one in so many seconds, with its neighbours."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from tests.unit.runtime.estimation.looked_at import observed

from sightline.errors import Overloaded
from sightline.runtime.estimation.estimator import FrameContext
from sightline.runtime.estimation.stage import EstimateAccuracy


class Offered:
    """An estimator that takes what it is offered, or has no time."""

    def __init__(self) -> None:
        self.moments: list[tuple[int | None, ...]] = []
        self.left_out: list[str] = []
        self.busy, self.wants_moments = False, True
        self.apart_s = 0.0

    def offer(self, moment: FrameContext) -> Future[None] | None:
        if self.busy:
            return None
        around = (moment.before, moment.frame, moment.after)
        self.moments.append(tuple(None if one is None else one.index for one in around))
        return Future()

    def leave_out(self, reason: str) -> None:
        self.left_out.append(reason)


def stage(every_s: float = 2.0, *, live: bool = True, still: bool = False) -> tuple[Offered, EstimateAccuracy]:  # fmt: skip
    offered = Offered()
    return offered, EstimateAccuracy(offered, every_s, live=live, still=still)  # type: ignore[arg-type]


def test_three_frames_that_follow_one_another_every_two_seconds() -> None:
    offered, looking = stage()
    for index in range(30):  # five a second
        seen = observed(index)
        assert looking.submit(seen) is None  # nobody waits
        assert looking.settle(seen, None) is seen
    assert offered.moments == [(0, 1, 2), (10, 11, 12), (20, 21, 22)]


def test_frames_of_a_moment_are_as_far_apart_as_those_that_were_learnt_of() -> None:
    offered, looking = stage(4.0)
    offered.apart_s = 0.5
    for index in range(30):  # 0.2 s each
        looking.submit(observed(index))
    assert offered.moments == [(0, 3, 6), (20, 23, 26)]


def test_pictures_have_no_neighbours() -> None:
    offered, looking = stage(still=True, live=False)
    assert isinstance(looking.submit(observed(0)), Future)
    assert offered.moments == [(None, 0, None)]


def test_frames_that_are_not_analysed_begin_no_moment() -> None:
    offered, looking = stage()
    for index, missing in enumerate(["still", "skipped", None, "skipped", "skipped", None]):
        looking.submit(observed(index, missing))
    assert offered.moments == [(2, 3, 4)]


def test_a_pause_ends_a_moment() -> None:
    offered, looking = stage()
    looking.submit(observed(0))
    looking.submit(observed(1, "paused"))
    for index in (2, 3, 4):
        looking.submit(observed(index))
    assert offered.moments == [(2, 3, 4)]


def test_a_live_stream_leaves_out_what_finds_no_place_and_tries_again_soon() -> None:
    offered, looking = stage(8.0)
    offered.busy = True
    for index in range(12):
        looking.submit(observed(index))
    assert offered.left_out == ["busy", "busy"]  # a second apart, not eight
    offered.busy = False
    for index in range(12, 20):
        looking.submit(observed(index))
    assert offered.moments == [(10, 11, 12)]


def test_a_file_waits() -> None:
    offered, looking = stage(live=False)
    offered.busy = True
    looking.submit(observed(0))
    looking.submit(observed(1))
    third = observed(2)
    for _ in range(3):  # the pipeline comes again with the same frame
        with pytest.raises(Overloaded):
            looking.submit(third)
    offered.busy = False
    assert isinstance(looking.submit(third), Future)
    assert offered.moments == [(0, 1, 2)]
    assert not offered.left_out


def test_nothing_is_held_where_nothing_is_looked_at() -> None:
    offered, looking = stage()
    looking.submit(observed(0))
    offered.wants_moments = False
    for index in range(1, 30):
        assert looking.submit(observed(index)) is None
    assert not offered.moments
    assert not looking._held
