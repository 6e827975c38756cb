"""A stream that is watched: what begins and ends becomes events, and a reference that does not fit is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.monitoring.drift.reference import Reference
from sightline.monitoring.drift.stage import WatchDrift, WatchedCamera
from sightline.monitoring.profiles.profiler import Profiler
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame, Observation


class Clock:
    """Unix seconds that are told."""

    now = 1e9

    def __call__(self) -> float:
        return self.now


class Stream:
    """A camera's observations, one a second, of textured noise with a brightness."""

    def __init__(self, size: tuple[int, int] = (64, 48)) -> None:
        self._rng = np.random.default_rng(0)
        self.size = size
        self._number = 0
        self.brightness = 110

    def next(self) -> Observation:
        width, height = self.size
        grain = self._rng.normal(self.brightness, 12, (height, width, 3))
        picture = ArrayPicture(np.clip(grain, 0, 255).astype(np.uint8))
        self._number += 1
        frame = Frame("gate", self._number, float(self._number), 0.0, picture)
        return Observation(frame, Detections.empty(("car",)))


def watch(path: Path, clock: Clock, learn_days: float = 0.005) -> WatchDrift:
    return WatchDrift(WatchedCamera("gate", "street", path, learn_days, 1.0), Profiler(1.0), clock)


def run(stage: WatchDrift, stream: Stream, clock: Clock, frames: int) -> list[str]:
    kinds = []
    for _ in range(frames):
        clock.now += 1
        kinds += [event.kind for event in stage.settle(stream.next(), None).events]
    return kinds


def test_a_camera_is_learnt_then_judged(tmp_path: Path) -> None:
    clock, stream, path = Clock(), Stream(), tmp_path / "gate.json"
    stage = watch(path, clock)
    assert run(stage, stream, clock, 300) == []
    assert stage.status().state == "learning"
    assert 0.5 < stage.status().learnt < 0.9
    run(stage, stream, clock, 150)
    assert Reference.load(path).samples >= 400
    assert run(stage, stream, clock, 200) == []
    assert stage.status().state == "usual"
    stream.brightness = 40
    assert run(stage, stream, clock, 200) == ["drift"]
    status = stage.status()
    assert status.state == "drift"
    assert status.effect > 1
    assert status.since is not None
    assert "underexposed" in status.causes
    assert status.recommendation
    stream.brightness = 110
    assert run(stage, stream, clock, 300) == ["drift_over"]
    assert stage.status().since is None


def test_a_reference_is_used_where_it_is_there(tmp_path: Path) -> None:
    clock, stream, path = Clock(), Stream(), tmp_path / "gate.json"
    run(watch(path, clock), stream, clock, 500)
    written = path.read_bytes()
    stream.brightness = 200
    assert run(watch(path, clock), stream, clock, 200) == ["drift"]
    assert path.read_bytes() == written


@pytest.mark.parametrize(
    ("what", "message"),
    [("size", "pictures of 64×48"), ("model", "with the model street"), ("text", "no reference")],
)
def test_a_reference_that_does_not_fit_is_told_and_the_stream_goes_on(
    tmp_path: Path, what: str, message: str
) -> None:
    clock, path = Clock(), tmp_path / "gate.json"
    run(watch(path, clock), Stream(), clock, 500)
    if what == "text":
        path.write_text("{}")
    model = "people" if what == "model" else "street"
    stage = WatchDrift(WatchedCamera("gate", model, path, 1.0, 1.0), Profiler(1.0), clock)
    stream = Stream((128, 96) if what == "size" else (64, 48))
    assert run(stage, stream, clock, 150) == []
    assert stage.status().state == "refused"
    assert message in str(stage.status().error)


def test_frames_that_nobody_analysed_are_passed_over(tmp_path: Path) -> None:
    clock = Clock()
    stage = watch(tmp_path / "gate.json", clock)
    seen = Stream().next().without("detect", "skipped")
    assert stage.settle(seen, None) is seen
    assert stage.status().state == "waiting"


def test_what_was_learnt_is_written_once_it_can_be(tmp_path: Path) -> None:
    clock, folder = Clock(), tmp_path / "away"
    stage, stream = watch(folder / "gate.json", clock), Stream()
    run(stage, stream, clock, 100)
    folder.write_text("no folder")
    run(stage, stream, clock, 400)
    assert (stage.status().state, stage.status().learnt) == ("learning", 1.0)
    assert "cannot write" in str(stage.status().error)
    folder.unlink()
    run(stage, stream, clock, 400)
    assert Reference.load(folder / "gate.json").samples >= 400
    assert (stage.status().state, stage.status().error) == ("usual", None)


def test_where_nothing_can_be_written_nothing_is_learnt(tmp_path: Path) -> None:
    clock, folder = Clock(), tmp_path / "file"
    folder.write_text("no folder")
    stage = watch(folder / "gate.json", clock)
    run(stage, Stream(), clock, 2)
    assert stage.status().state == "refused"
    assert "choose another place" in str(stage.status().error)


def test_a_clock_that_is_set_ends_no_learning(tmp_path: Path) -> None:
    """A machine that starts in 1970, and finds the time after a minute."""
    clock, path = Clock(), tmp_path / "gate.json"
    clock.now = 0.0
    stage, stream = watch(path, clock, learn_days=0.5), Stream()
    run(stage, stream, clock, 60)
    clock.now = 1.8e9
    run(stage, stream, clock, 100)
    assert (stage.status().state, stage.status().error) == ("learning", None)
    run(stage, stream, clock, 50)
    assert Reference.load(path).samples == 200  # so few that it would know nothing with less


def test_a_reference_that_appears_while_another_is_learnt_is_not_overwritten(
    tmp_path: Path,
) -> None:
    clock, stream, path = Clock(), Stream(), tmp_path / "gate.json"
    stage = watch(path, clock)
    run(stage, stream, clock, 300)
    path.write_text("{}")
    run(stage, stream, clock, 200)
    assert path.read_text() == "{}"
    assert stage.status().state == "refused"


def test_pictures_of_another_size_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock, path = Clock(), tmp_path / "gate.json"
    run(watch(path, clock), Stream(), clock, 500)
    learning = watch(tmp_path / "other.json", clock)
    for stage in (watch(path, clock), learning):
        stream = Stream()
        for size in ((64, 48), (128, 96)) * 3:
            stream.size = size
            run(stage, stream, clock, 2)
    assert len([one for one in caplog.records if "is not watched" in one.message]) == 1
    assert "have 128×96 now: what is usual is learnt from the beginning" in caplog.text


def test_what_was_learnt_is_kept_while_it_is_learnt(tmp_path: Path) -> None:
    clock, stream, path = Clock(), Stream(), tmp_path / "gate.json"
    kept = tmp_path / "gate.json.learning"
    first = watch(path, clock, learn_days=0.1)
    for _ in range(300):
        clock.now += 14  # a sample stands for more time than it takes here
        first.settle(stream.next(), None)
    assert kept.exists()
    second = watch(path, clock, learn_days=0.1)
    second.settle(stream.next(), None)
    assert second.status().learnt > 0.4
    for _ in range(400):
        clock.now += 14
        second.settle(stream.next(), None)
    assert path.exists()
    assert not kept.exists()


def test_what_was_learnt_is_kept_when_the_stream_ends(tmp_path: Path) -> None:
    clock, stream, path = Clock(), Stream(), tmp_path / "gate.json"
    first = watch(path, clock, learn_days=0.1)
    first.end()
    assert not list(tmp_path.iterdir())  # nothing was learnt
    run(first, stream, clock, 40)
    first.end()
    second = watch(path, clock, learn_days=0.1)
    run(second, stream, clock, 1)
    assert second.status().samples == 41
    assert second.status().learnt == pytest.approx(41 / 8640, rel=0.05)
