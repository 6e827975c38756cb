"""The hardest frames of each day are kept; nobody waits for a disk."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.unit.runtime.hard_frames.scenes import NAMES, seen, view
from tests.waiting import wait_for

from sightline.errors import SinkError
from sightline.runtime.hard_frames import collector as module
from sightline.runtime.hard_frames.collector import HardFrameCollector, RetentionLimits
from sightline.runtime.hard_frames.folder import HardFrameFolder
from sightline.types import Floats, Frame

DAY = 86_400.0
NOON = 20_000 * DAY + DAY / 2


class Clock:
    def __init__(self) -> None:
        self.now = NOON
        self.passed = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.passed += seconds


class Looks:
    """An embedder to which frames of the same parity look the same."""

    dimensions = 2

    def submit(self, frame: Frame, boxes: Floats) -> Future[Floats]:
        assert boxes.tolist() == [[0, 0, 64, 48]]
        done: Future[Floats] = Future()
        done.set_result(np.eye(2, dtype=np.float32)[[frame.index % 2]])
        return done


Make = Callable[..., HardFrameCollector]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(tmp_path: Path, clock: Clock) -> Make:
    def made(
        per_day: int = 3,
        days: float = 30,
        megabytes: float = 100,
        blur: tuple[int, ...] = (),
        **more: object,
    ) -> HardFrameCollector:
        kept = RetentionLimits("gate", per_day, days, int(megabytes * 1e6), blur)
        options = {"live": False, "clock": clock, "monotonic": lambda: clock.passed, **more}
        return HardFrameCollector(kept, HardFrameFolder(tmp_path, "street"), **options)  # type: ignore[arg-type]

    return made


def offer(collector: HardFrameCollector, index: int, hard: float, utc: float | None = None) -> None:
    collector.offer(seen(index, utc), {"uncertain": hard}, view(index))


def pictures(folder: Path) -> list[int]:
    return sorted(int(path.stem[-6:]) for path in (folder / "images").glob("*.jpg"))


def test_the_hardest_of_a_day_are_kept(make: Make, tmp_path: Path) -> None:
    collector = make()
    for index, hard in enumerate([0.3, 0.5, 0.1, 0.4, 0.9, 0.2]):
        offer(collector, index, hard)
    assert pictures(tmp_path) == [1, 3, 4]
    status = collector.status()
    assert (status.today, status.kept, status.collected) == (3, 3, {"uncertain": 4})
    assert status.bytes == sum(
        path.stat().st_size
        for kind in ("images", "labels", "details")
        for path in (tmp_path / kind).iterdir()
    )


def test_each_day_has_its_own_budget(make: Make, tmp_path: Path) -> None:
    collector = make(per_day=1)
    offer(collector, 0, 0.9, NOON)
    offer(collector, 1, 0.3, NOON + DAY)
    assert pictures(tmp_path) == [0, 1]
    assert (collector.status().today, collector.status().kept) == (1, 2)


def test_a_restart_goes_on_with_the_day(make: Make, tmp_path: Path) -> None:
    first = make(per_day=2)
    offer(first, 0, 0.9)
    offer(first, 1, 0.5)
    first.close()
    again = make(per_day=2)
    assert again.status().today == 2
    offer(again, 0, 0.9)  # the same picture
    offer(again, 2, 0.7)
    assert pictures(tmp_path) == [0, 2]


def test_a_stream_may_get_another_embedder_within_a_day(make: Make, tmp_path: Path) -> None:
    first = make(embedder=Looks())
    offer(first, 0, 0.5)
    first.close()
    second = make()
    offer(second, 1, 0.6)
    second.close()
    third = make(embedder=Looks())
    offer(third, 2, 0.3)  # it looks like the first, and is less hard
    offer(third, 3, 0.7)
    assert third.status().dropped == {}
    assert {0, 1, 3} <= set(pictures(tmp_path))


def test_what_an_earlier_day_shows_is_not_kept_again(make: Make, tmp_path: Path) -> None:
    collector = make()
    offer(collector, 0, 0.5, NOON)
    collector.offer(seen(7, NOON + DAY), {"uncertain": 0.5}, view(0))
    collector.offer(seen(8, NOON + DAY), {"uncertain": 0.8}, view(0))  # but it is harder now
    assert pictures(tmp_path) == [0, 8]


def test_old_frames_are_removed(make: Make, clock: Clock, tmp_path: Path) -> None:
    collector = make(days=2)
    offer(collector, 0, 0.5)
    clock.wait(3 * DAY)
    offer(collector, 1, 0.5)
    assert pictures(tmp_path) == [1]
    clock.wait(1.5 * DAY)
    offer(collector, 2, 0.5)
    clock.wait(DAY)
    collector.close()
    assert make(days=2).status().kept == 1
    assert pictures(tmp_path) == [2]


def test_old_frames_are_removed_where_no_new_ones_come(
    make: Make, clock: Clock, tmp_path: Path
) -> None:
    collector = make(days=2)
    offer(collector, 0, 0.5)
    clock.wait(3 * DAY)
    offer(collector, 1, 0.0)
    assert pictures(tmp_path) == []
    assert collector.status().kept == 0


def test_a_clock_that_was_set_removes_nothing(make: Make, clock: Clock, tmp_path: Path) -> None:
    collector = make(days=2)
    offer(collector, 0, 0.5)
    clock.now += 400 * DAY
    offer(collector, 1, 0.5)
    assert pictures(tmp_path) == [0, 1]
    clock.now -= 400 * DAY
    collector.close()
    clock.now += 400 * DAY + 3 * DAY  # it is wrong again when the service starts
    again = make(days=2)
    assert pictures(tmp_path) == [0, 1]
    clock.wait(3700)  # it is right, as it turns out
    offer(again, 2, 0.0)
    assert pictures(tmp_path) == []


def test_a_clock_that_is_set_back_does_not_end_collecting(
    make: Make, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = make()

    def full(*_: object) -> None:
        raise SinkError("cannot write it: the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(HardFrameFolder, "write", full)
        offer(collector, 0, 0.5)
    clock.now -= DAY
    clock.passed += 100
    offer(collector, 1, 0.5)
    assert pictures(tmp_path) == [1]


def test_a_folder_that_was_moved_away_is_begun_anew(
    make: Make, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = RetentionLimits("gate", 3, 30, 10**8)
    collector = HardFrameCollector(
        kept, HardFrameFolder(tmp_path / "gate", "street"), live=False, clock=clock
    )
    offer(collector, 0, 0.5)
    (tmp_path / "gate").rename(tmp_path / "done")
    collector.offer(
        seen(1), {"uncertain": 0.4}, view(0)
    )  # as the first, which is not there any more
    assert pictures(tmp_path / "gate") == [1]
    assert (tmp_path / "gate" / "data.yaml").is_file()
    assert pictures(tmp_path / "done") == [0]
    assert collector.status().kept == 1
    assert "was removed or renamed: a new one is begun" in caplog.text
    collector.close()
    HardFrameFolder(tmp_path / "gate", "street").open()  # and a restart takes it for ours


def test_the_oldest_go_where_it_is_too_much(make: Make, tmp_path: Path) -> None:
    collector = make(per_day=50)
    offer(collector, 0, 0.9, NOON)
    size = collector.status().bytes
    collector.close()
    collector = make(per_day=50, megabytes=2.5 * size / 1e6)
    for index in (1, 2, 3):
        offer(collector, index, 0.5, NOON + index)
    assert pictures(tmp_path) == [2, 3]
    assert collector.status().bytes <= 2.5 * size


def test_an_embedder_tells_what_looks_the_same(make: Make, tmp_path: Path) -> None:
    collector = make(embedder=Looks())
    for index, hard in enumerate([0.3, 0.4, 0.6, 0.2]):
        offer(collector, index, hard)
    assert pictures(tmp_path) == [1, 2]


def test_people_are_not_recognised_where_they_are_blurred(make: Make, tmp_path: Path) -> None:
    offer(make(blur=(NAMES.index("person"),)), 0, 0.5)
    picture = cv2.imread(str(next((tmp_path / "images").iterdir())))
    assert picture[8:28, 6:18].std() < 25
    assert picture[12:38, 34:60].std() > 50


def test_a_full_disk_is_told_once_and_tried_again(
    make: Make,
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    collector = make()
    write = HardFrameFolder.write

    def full(*_: object) -> None:
        raise SinkError("cannot write it: the disk is full")

    monkeypatch.setattr(HardFrameFolder, "write", full)
    for index in range(3):
        offer(collector, index, 0.5)
        clock.wait(100)
    status = collector.status()
    assert status.dropped == {"failed": 3}
    assert status.error == "cannot write it: the disk is full"
    assert len(caplog.records) == 1
    monkeypatch.setattr(HardFrameFolder, "write", write)
    clock.wait(100)
    offer(collector, 4, 0.5)
    assert pictures(tmp_path) == [4]
    assert collector.status().error is None


def test_a_live_stream_does_not_wait(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    go, begun = threading.Event(), threading.Event()
    write = HardFrameFolder.write

    def slow(*arguments: object) -> object:
        begun.set()
        assert go.wait(10)
        return write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(HardFrameFolder, "write", slow)
    collector = make(per_day=50, live=True)
    offer(collector, 0, 0.5)
    assert begun.wait(10)
    for index in range(1, 6):
        offer(collector, index, 0.5)  # two wait, the rest is left out
    assert collector.status().dropped == {"busy": 3}
    go.set()
    deadline = time.monotonic() + 10
    while collector.status().kept < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert collector.status().kept == 3
    collector.close()


def test_pictures_on_which_models_disagree_are_hard(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSE_S", 0.0)
    collector = make()
    for index, agreement in enumerate([1.0, 0.4, 0.95]):
        one = seen(index)
        collector.disagreed(one.frame, one.detections, agreement)
    assert pictures(tmp_path) == [1]
    assert collector.status().collected == {"disagreed": 1}


def test_two_programs_on_one_folder_keep_the_budget(
    make: Make, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = make(per_day=2)
    second = make(per_day=2, live=True)
    assert "another program collects hard frames into it" in caplog.text
    offer(first, 0, 0.5)
    offer(second, 1, 0.5)
    wait_for(lambda: second.status().dropped == {"failed": 1}, 10)
    assert "another program" in (second.status().error or "")
    first.close()
    clock.wait(100)
    offer(second, 2, 0.5)
    offer(second, 3, 0.9)
    wait_for(lambda: second.status().collected == {"uncertain": 2}, 10)
    assert pictures(tmp_path) == [2, 3]  # the frame of the first program gave way
    assert second.status().error is None
    assert "hard frames are kept again; 1 were not" in caplog.text
    with pytest.raises(SinkError, match="another program"):
        make()  # nobody waits for a file: it can be analysed again
    second.close()


def test_a_folder_that_cannot_be_used_ends_no_stream(
    make: Make, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "images").write_text("in the way")
    collector = make(live=True)
    assert "in the way" in (collector.status().error or "")
    offer(collector, 0, 0.5)
    wait_for(lambda: collector.status().dropped == {"failed": 1}, 10)
    (tmp_path / "images").unlink()
    clock.wait(100)
    offer(collector, 1, 0.5)
    wait_for(lambda: collector.status().kept == 1, 10)
    shutil.rmtree(tmp_path / "images")
    (tmp_path / "images").write_text("in the way")
    offer(collector, 2, 0.5)
    wait_for(lambda: collector.status().dropped == {"failed": 2}, 10)
    wait_for(lambda: collector.status().kept == 0, 10)
    assert sum(record.levelname == "ERROR" for record in caplog.records) == 2
    collector.close()
