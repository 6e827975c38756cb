"""Each object gets one class for good, once enough detections have voted."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.tracking.bytetrack import ByteTrack
from sightline.tracking.class_votes import ClassVotes

CAR, TRUCK, BUS = 2, 7, 5


def told(votes: ClassVotes, *rows: tuple[int, int, float]) -> list[int]:
    """The classes of objects after a frame of (id, class, score)."""
    ids, classes = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
    votes.add(ids, classes, np.array([row[2] for row in rows], np.float32))
    return votes.decided(ids, classes).tolist()


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        pytest.param([(CAR, 0.5), (TRUCK, 0.4), (CAR, 0.5), (TRUCK, 0.9)], CAR, id="most votes"),
        pytest.param([(CAR, 0.3), (CAR, 0.3), (TRUCK, 0.9), (CAR, 0.9)], TRUCK, id="by score"),
        pytest.param([(CAR, 0.5)] * 3 + [(TRUCK, 0.9)] * 20, CAR, id="for good"),
    ],
)
def test_the_class_with_the_most_votes_is_kept(
    frames: list[tuple[int, float]], expected: int
) -> None:
    votes = ClassVotes(3)
    shown = [told(votes, (4, class_id, score))[0] for class_id, score in frames]
    assert shown[:2] == [class_id for class_id, _ in frames[:2]]
    assert set(shown[2:]) == {expected}


def test_objects_vote_apart() -> None:
    votes = ClassVotes(2)
    told(votes, (9, CAR, 0.5), (3, BUS, 0.5))
    assert told(votes, (3, BUS, 0.5), (9, CAR, 0.5)) == [BUS, CAR]
    assert told(votes, (5, TRUCK, 0.5), (9, BUS, 0.9), (3, CAR, 0.9)) == [TRUCK, CAR, BUS]


def test_what_is_gone_is_forgotten() -> None:
    votes = ClassVotes(1)
    told(votes, (1, CAR, 0.5), (2, BUS, 0.5))
    votes.keep(np.array([2], np.int64))
    given = np.array([TRUCK, TRUCK, TRUCK], np.int64)
    assert votes.decided(np.array([1, 2, 8], np.int64), given).tolist() == [TRUCK, BUS, TRUCK]


def test_no_object_has_no_class() -> None:
    votes = ClassVotes(1)
    nothing = np.empty(0, np.int64)
    votes.add(nothing, nothing, np.empty(0, np.float32))
    assert not len(votes.decided(nothing, nothing))


def test_so_many_votes_as_none_are_refused() -> None:
    for given in (0, 1.5, np.nan, "3"):
        with pytest.raises(ConfigError, match=f"class_votes is {given!r}: .* whole number"):
            ByteTrack(class_votes=given)  # type: ignore[arg-type]
