"""A model for many callers in one process: the same answers, awaited or called."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.waiting import wait_for

from sightline import api, build
from sightline.config import EngineOptions, ModelOptions, SchedulerOptions
from sightline.errors import (
    ConfigError,
    DeadlineExceeded,
    DecodeError,
    InvalidRequest,
    Overloaded,
    SourceError,
)
from sightline.models.detector import EngineDetector
from sightline.runtime.service import ModelService
from sightline.types import Pixels

PATIENT = SchedulerOptions(urgent_ms=1e4, normal_ms=1e4, batch_ms=1e4)


@pytest.fixture
def detector(constant_model: Callable[..., Path]) -> Iterator[EngineDetector]:
    rows = np.zeros((1, 25, 6), np.float32)
    rows[0, 0] = (8, 16, 32, 48, 0.9, 1)
    path = constant_model([rows], batch="batch", metadata={"names": "['person', 'car']"})
    engine = EngineOptions(requests=1, threads=1)
    made = build.detector(ModelOptions(model=str(path), backend="onnxruntime", engine=engine))
    assert isinstance(made, EngineDetector)
    yield made
    made.close()


@pytest.fixture
def picture() -> Pixels:
    return np.random.default_rng(1).integers(0, 255, (96, 128, 3), np.uint8)


def test_both_faces_see_the_same(detector: EngineDetector, picture: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(bytes(cv2.imencode(".png", picture)[1]))
    forms: list[Any] = [picture, path, str(path), path.read_bytes()]

    async def ask() -> list[Any]:
        async with ModelService(detector, PATIENT) as service:
            found = [await service.predict(form, priority="urgent") for form in forms]
            found += await service.predict_batch(forms)
            return found

    awaited = asyncio.run(ask())
    with ModelService(detector, PATIENT) as service:
        called = [service.predict_sync(form) for form in forms]
        called += service.predict_batch_sync(forms)
    whole = detector.submit([api_frame(picture)]).result()[0]
    for found in (*awaited, *called):
        assert found.to_dict() == whole.to_dict()
        assert found.plot().shape == picture.shape  # each knows its picture
        assert "<img" in found._repr_html_()


def test_without_a_context_it_starts_with_the_first_picture(
    detector: EngineDetector, picture: Pixels
) -> None:
    """As in a notebook, where several cells ask at the same time."""
    service = ModelService(detector)

    async def ask() -> list[int]:
        return [len(one) for one in await asyncio.gather(*map(service.predict, [picture] * 3))]

    try:
        assert asyncio.run(ask()) == [1, 1, 1]
        assert len(service.predict_sync(picture)) == 1
    finally:
        service.close()


def test_a_frame_of_the_callers_is_not_kept_alive(
    detector: EngineDetector, picture: Pixels
) -> None:
    with ModelService(detector, PATIENT) as service:
        frame = api_frame(picture)
        found, by_future = service.predict_sync(frame), service.submit(frame).result()
        assert (found.plot() == found.plot(picture)).all()
        del frame
        gc.collect()
        for one in (found, by_future):
            with pytest.raises(ConfigError, match=r"plot\(image\) or save\(path, image\)"):
                one.save()


def api_frame(picture: Pixels) -> Any:
    from sightline.sources.stills import still_frame

    return still_frame(picture)


def test_wishes(detector: EngineDetector, picture: Pixels) -> None:
    with ModelService(detector, PATIENT) as service:
        assert len(service.predict_sync(picture, conf=0.95)) == 0
        assert len(service.predict_sync(picture, classes=["person"])) == 0
        assert len(service.predict_sync(picture, classes=["car"], iou=0.1)) == 1
        assert len(service.predict_sync(picture, classes="car")) == 1
        with pytest.raises(ConfigError, match="'car'"):
            service.predict_sync(picture, classes=["cra"])


@pytest.mark.parametrize(
    "wishes",
    [
        pytest.param({"conf": 7}, id="no share"),
        pytest.param({"iou": float("nan")}, id="no number"),
        pytest.param({"priority": "x"}, id="no priority"),
        pytest.param({"classes": {"car": 1}}, id="no list"),
        pytest.param({"classes": [0.5]}, id="a share for a name"),
    ],
)
def test_a_wrong_wish_is_named(
    detector: EngineDetector, picture: Pixels, wishes: dict[str, Any]
) -> None:
    (name,) = wishes
    with ModelService(detector, PATIENT) as service, pytest.raises(ConfigError, match=name):
        service.submit(picture, **wishes)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        pytest.param(b"no picture", DecodeError, id="bytes"),
        pytest.param("no-such-file.jpg", SourceError, id="path"),
        pytest.param("data:image/png;base64,##", DecodeError, id="data URL"),
        pytest.param(np.zeros((4, 4, 2), np.uint8), InvalidRequest, id="two channels"),
        pytest.param(None, InvalidRequest, id="nothing"),
        pytest.param([[0, 0, 0]], InvalidRequest, id="a list"),
    ],
)
def test_what_is_no_picture(detector: EngineDetector, image: Any, error: type[Exception]) -> None:
    with ModelService(detector, PATIENT) as service:
        with pytest.raises(error):
            service.predict_sync(image)
        with pytest.raises(error):
            asyncio.run(service.predict(image))


class Held:
    """The engine of a detector, held up."""

    def __init__(self, detector: EngineDetector) -> None:
        self.go = threading.Event()
        self.go.set()
        self.started = 0
        engine = detector.engine
        submit = engine.submit

        def held(shape: Any, fill: Any, read: Any) -> Any:
            def wait(batch: Pixels) -> None:
                self.started += 1
                assert self.go.wait(20)
                fill(batch)

            return submit(shape, wait, read)

        engine.submit = held  # type: ignore[method-assign]


def test_a_batch_of_any_size_fits_a_small_queue(detector: EngineDetector, picture: Pixels) -> None:
    with ModelService(detector, SchedulerOptions(queue=3, batch_ms=1e4)) as service:
        found = service.predict_batch_sync([picture] * 40)
    assert [len(one) for one in found] == [1] * 40


def test_too_much_is_refused_and_late_is_told(detector: EngineDetector, picture: Pixels) -> None:
    held = Held(detector)
    options = SchedulerOptions(queue=1, max_batch=1, normal_ms=1e4)
    with ModelService(detector, options) as service:
        held.go.clear()
        before = held.started
        first = service.submit(picture)
        wait_for(lambda: held.started == before + 1)
        late = service.submit(picture, timeout_s=0.05)
        with pytest.raises(Overloaded):
            service.predict_sync(picture)
        with pytest.raises(DeadlineExceeded):
            late.result(10)
        held.go.set()
        assert len(first.result(10)) == 1


def test_what_is_not_awaited_any_more_is_not_run(detector: EngineDetector, picture: Pixels) -> None:
    held = Held(detector)

    async def give_up(service: ModelService) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await service.predict(picture)

    options = SchedulerOptions(max_batch=1, normal_ms=1e4)
    with ModelService(detector, options) as service:
        held.go.clear()
        before = held.started
        first = service.submit(picture)
        wait_for(lambda: held.started == before + 1)
        asyncio.run(give_up(service))
        held.go.set()
        first.result(10)
    assert held.started == before + 1
    assert service.scheduler.stats().outcomes["cancelled"] == 1


def test_whose_detector_it_is(constant_model: Callable[..., Path], picture: Pixels) -> None:
    path = constant_model([np.zeros((1, 25, 6), np.float32)])
    with api.load(path, backend="onnxruntime") as model:
        with api.Service(model) as service:
            assert len(service.predict_sync(picture)) == 0
        assert len(model.detect(picture)) == 0  # it is still the caller's
    with api.Service(path) as service:
        assert len(service.predict_sync(picture)) == 0
    with pytest.raises(Exception, match="closed"):
        service.detector.submit([api_frame(picture)]).result()


def test_people_have_no_engine() -> None:
    with pytest.raises(ConfigError, match="no engine"):
        api.Service("people")
