"""What every detector must do, whatever is inside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from sightline.build import detector
from sightline.config import EngineOptions, ModelOptions, TileOptions
from sightline.engines.wrapper import EngineWrapper
from sightline.errors import EngineError
from sightline.models.composites.ensemble import EnsembleDetector, EnsembleMember
from sightline.models.composites.tiles import TiledDetector
from sightline.protocols import Detector, Engine, SharedDetector, TrackableDetector
from sightline.types import Detections, Frame, Pixels

FrameOf = Callable[..., Frame]
Make = Callable[[], Detector]


@pytest.fixture(params=["yolox", "people", "tiles", "ensemble"])
def make(request: pytest.FixtureRequest, data: Path) -> Iterator[Make]:
    """A factory of detectors, closed at the end."""
    made: list[Detector] = []

    def factory() -> Detector:
        engine = EngineOptions(threads=2, requests=2)
        yolox = str(data / "models" / "yolox_nano.onnx")
        options = {
            "people": ModelOptions(model="people"),
            "yolox": ModelOptions(model=yolox, backend="onnxruntime", engine=engine),
        }
        if request.param == "tiles":
            made.append(TiledDetector(detector(options["yolox"]), TileOptions(smallest=25)))
        elif request.param == "ensemble":
            both = [
                detector(options["yolox"].model_copy(update={"size": size})) for size in (416, 320)
            ]
            made.append(EnsembleDetector([EnsembleMember(one) for one in both]))
        else:
            made.append(detector(options[request.param]))
        return made[-1]

    yield factory
    for one in made:
        one.close()


def check(found: Detections, frame: Frame, names: tuple[str, ...]) -> None:
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.class_ids.dtype == np.int64
    assert found.track_ids is None
    assert found.class_names == names
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [frame.width, frame.height] * 2).all()
    assert (found.boxes[:, :2] <= found.boxes[:, 2:]).all()
    assert ((found.scores > 0) & (found.scores <= 1)).all()
    assert (np.diff(found.scores) <= 0).all()  # best first
    assert ((found.class_ids >= 0) & (found.class_ids < len(names))).all()


def test_one_result_for_each_frame_in_order(make: Make, bus: Pixels, frame_of: FrameOf) -> None:
    one = make()
    frames = [
        frame_of(image)
        for image in (bus, np.zeros_like(bus), bus[:, ::-1].copy(), bus[200:900, 100:600].copy())
    ]
    results = one.submit(frames).result(timeout=60)
    assert len(results) == len(frames)
    for found, frame in zip(results, frames, strict=True):
        check(found, frame, one.class_names)
    assert len(results[0]) > 0
    assert "person" in {results[0].class_name(i) for i in results[0].class_ids.tolist()}
    assert len(results[1]) == 0
    for found, frame in zip(results, frames, strict=True):
        (alone,) = one.submit([frame]).result(timeout=60)
        assert len(alone) == len(found)
        assert np.allclose(alone.boxes, found.boxes, atol=0.1)


def test_people_are_where_they_are(make: Make, bus: Pixels, frame_of: FrameOf) -> None:
    """The man on the left, roughly, whichever way the picture is turned."""
    for image, middle in ((bus, 150), (bus[:, ::-1].copy(), 810 - 150)):
        (found,) = make().submit([frame_of(image)]).result(timeout=60)
        people = found[found.class_ids == 0]
        centre = (people.boxes[:, :2] + people.boxes[:, 2:]) / 2
        assert (np.abs(centre - (middle, 650)) < (40, 40)).all(axis=1).any(), people.boxes


def test_no_frames_give_no_results(make: Make) -> None:
    assert make().submit([]).result(timeout=60) == []


@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (1, 4000), (5000, 10), (10, 5000), (33, 77), (64, 128), (2, 1)],
)
def test_odd_sizes(make: Make, frame_of: FrameOf, width: int, height: int) -> None:
    one = make()
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    frame = frame_of(noise)
    (found,) = one.submit([frame]).result(timeout=60)
    check(found, frame, one.class_names)


def test_threads_get_each_their_own_result(make: Make, bus: Pixels, frame_of: FrameOf) -> None:
    one = make()
    crops = [bus[100 * i : 100 * i + 600].copy() for i in range(4)]
    alone = [one.submit([frame_of(crop)]).result(timeout=60)[0] for crop in crops]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(3):
            (found,) = one.submit([frame_of(crops[i])]).result(timeout=60)
            same = len(found) == len(alone[i]) and np.allclose(
                found.boxes, alone[i].boxes, atol=0.1
            )
            if not same:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong
    assert len({len(found) for found in alone}) > 1 or not np.allclose(
        alone[0].boxes, alone[1].boxes
    )


class BrokenPicture:
    width, height = 640, 480

    def scaled(self, *args: object) -> Pixels:
        raise LookupError("no pixels")


def test_a_broken_picture_is_in_the_future_and_the_detector_goes_on(
    make: Make, bus: Pixels, frame_of: FrameOf
) -> None:
    one = make()
    for i in range(6):  # more often than there is room for
        future = one.submit([Frame("test", i, 0.0, 0.0, BrokenPicture())])
        with pytest.raises(LookupError, match="no pixels"):
            future.result(timeout=60)
    assert len(one.submit([frame_of(bus)]).result(timeout=60)[0]) > 0


class WaitingPicture:
    """Black, and only there once it may be."""

    width, height = 640, 128

    def __init__(self, go: threading.Event) -> None:
        self._go = go

    def scaled(self, width: int, height: int, order: str, out: Pixels | None = None) -> Pixels:
        assert self._go.wait(timeout=30)
        out = np.empty((height, width, 3), np.uint8) if out is None else out
        out[:] = 0
        return out


@pytest.fixture
def go() -> Iterator[threading.Event]:
    """What held-up pictures wait for; asked for last, so that a failed test lets them go."""
    event = threading.Event()
    yield event
    event.set()


def test_it_takes_only_a_few_frames_at_a_time(make: Make, go: threading.Event) -> None:
    one, enough = make(), threading.Event()
    taken: list[Future[list[Detections]]] = []

    def feed() -> None:
        frames = (Frame("test", i, 0.0, 0.0, WaitingPicture(go)) for i in range(16))
        taken.extend(one.submit([frame]) for frame in frames)
        enough.set()

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    assert not enough.wait(timeout=0.5)  # it waits for room
    waiting = len(taken)
    go.set()
    thread.join(timeout=60)
    assert 2 <= waiting <= 8
    assert len(taken) == 16
    assert all(len(future.result(timeout=60)[0]) == 0 for future in taken)


def test_a_closed_detector_takes_nothing_and_closes_again(
    make: Make, bus: Pixels, frame_of: FrameOf
) -> None:
    one = make()
    one.submit([frame_of(bus)]).result(timeout=60)
    one.close()
    one.close()
    for _ in range(6):
        with pytest.raises(EngineError, match="closed"):
            one.submit([frame_of(bus)])


class NotingEngine(EngineWrapper):
    """Notes the shapes of its batches."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.shapes: list[tuple[int, int, int]] = []

    def submit(self, shape, fill, read):  # type: ignore[no-untyped-def]
        self.shapes.append(shape)
        return self.engine.submit(shape, fill, read)


def test_one_around_engines_says_what_they_run(make: Make, frame_of: FrameOf) -> None:
    one = make()
    if not isinstance(one, SharedDetector):
        pytest.skip("it has no engines")
    assert isinstance(one, TrackableDetector)
    noting: list[NotingEngine] = []

    def wrap(engine: Engine) -> Engine:
        noting.append(NotingEngine(engine))
        return noting[-1]

    wrapped = one.with_engines(wrap)
    assert [noted.engine for noted in noting] == list(one.engines)
    assert list(wrapped.engines) == noting
    few = wrapped.with_aspects([(1, 1), (2, 1)])
    inputs = {batch for aspect in ((1, 1), (2, 1)) for batch in few.batches(aspect)}
    for width, height in ((64, 64), (200, 90), (90, 200), (300, 40)):
        frame = frame_of(np.zeros((height, width, 3), np.uint8))
        for model in (wrapped, few):
            for noted in noting:
                noted.shapes.clear()
            model.submit([frame]).result(timeout=60)
            ran = [shape for noted in noting for shape in noted.shapes]
            assert ran == list(model.batches((width, height)))
        assert {shape[1:] for shape in few.batches((width, height))} <= {b[1:] for b in inputs}
