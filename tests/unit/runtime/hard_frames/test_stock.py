"""Which frames of a folder are too old or too much, and what they show."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sightline.monitoring.hard_frames.reasons import hardness
from sightline.runtime.hard_frames.folder import StoredFrame
from sightline.runtime.hard_frames.stock import FrameStock, day_of

DAY = 86_400.0
NOW = 20_000 * DAY + 100


@dataclass
class Clock:
    now: float = NOW
    steady: bool = True


@dataclass
class Folder:
    """A folder that a test moves away and fills."""

    folder: Path = Path("hard/gate")
    is_open: bool = False
    there: list[StoredFrame] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def open(self) -> list[StoredFrame]:
        self.is_open = True
        return list(self.there)

    def close(self) -> None:
        self.is_open = False

    def remove(self, name: str) -> None:
        self.removed.append(name)


def frame(name: str, days_ago: float, size: int = 10, look: float = 0.0, score: float = 0.5) -> Any:
    looks = np.array([look, 0.0], np.float32)
    return SimpleNamespace(
        name=name,
        utc=NOW - days_ago * DAY,
        size=size,
        appearance=looks,
        reasons={"uncertain": score},
    )


def stock(folder: Folder, days: float = 30, most_bytes: int = 1000, clock: Clock | None = None) -> FrameStock:  # fmt: skip
    return FrameStock(folder, days, most_bytes, clock or Clock())  # type: ignore[arg-type]


def names(found: FrameStock) -> list[str]:
    return [one.name for one in found.frames]


def test_nothing_is_there_before_it_is_opened() -> None:
    assert names(stock(Folder(there=[frame("a", 1)]))) == []


def test_opening_tells_whether_it_was_necessary() -> None:
    folder = Folder(there=[frame("a", 1)])
    found = stock(folder)
    assert [found.open(), found.open()] == [True, False]
    assert (names(found), found.bytes) == (["a"], 10)
    found.close()
    assert not folder.is_open


def test_a_folder_that_was_moved_away_is_begun_anew(caplog: pytest.LogCaptureFixture) -> None:
    folder = Folder(there=[frame("a", 1)])
    found = stock(folder)
    found.open()
    assert "begun" not in caplog.text
    folder.is_open, folder.there = False, []
    assert found.open()
    assert names(found) == []
    assert "hard/gate was removed or renamed: a new one is begun" in caplog.text


def test_what_is_too_old_goes_when_the_folder_is_opened() -> None:
    folder = Folder(there=[frame("new", 1), frame("old", 31)])
    found = stock(folder)
    found.open()
    assert (names(found), folder.removed) == (["new"], ["old"])


def test_where_all_seem_too_old_the_clock_may_be_wrong() -> None:
    folder = Folder(there=[frame("a", 40), frame("b", 50)])
    found = stock(folder)
    found.open()
    assert folder.removed == []
    assert [one.name for one in found.retain()] == ["b", "a"], "when it has been steady"


def test_a_clock_that_was_just_set_removes_nothing_for_its_age() -> None:
    clock = Clock()
    folder = Folder(there=[frame("a", 1), frame("b", 2)])
    found = stock(folder, clock=clock)
    found.open()
    clock.now, clock.steady = NOW + 365 * DAY, False
    assert found.retain() == []


def test_the_oldest_go_until_the_rest_fits() -> None:
    folder = Folder(there=[frame("b", 2, 40), frame("a", 3, 40), frame("c", 1, 40)])
    found = stock(folder, most_bytes=80)
    found.open()
    assert (folder.removed, names(found), found.bytes) == (["a"], ["b", "c"], 80)
    found.add(frame("d", 0, 81))
    assert [one.name for one in found.retain()] == ["b", "c", "d"], (
        "larger than all that is allowed"
    )


@pytest.mark.parametrize(("utc", "day"), [(0.0, "1970-01-01"), (86_399.9, "1970-01-01"), (86_400.0, "1970-01-02")])  # fmt: skip
def test_days_are_those_of_utc(utc: float, day: str) -> None:
    assert day_of(utc) == day


def test_frames_of_other_days_that_look_the_same_and_were_as_hard() -> None:
    folder = Folder(there=[frame("a", 1, look=0.0, score=0.6), frame("b", 0, look=50.0)])
    found = stock(folder)
    found.open()
    today, hard = day_of(NOW), hardness(folder.there[0].reasons)
    same, other = np.array([0.5, 0.0], np.float32), np.array([9.0, 0.0], np.float32)
    assert [one.name for one in found.of_day(today)] == ["b"]
    assert found.shows(same, hard, today)
    assert not found.shows(other, hard, today)
    assert not found.shows(same, hard + 0.01, today), "that one was less hard"
    assert not found.shows(same, hard, day_of(NOW - DAY)), "it is of this very day"
    assert not found.shows(np.zeros(3, np.float32), hard, today), "of another embedder"
