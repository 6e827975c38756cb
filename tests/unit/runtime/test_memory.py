"""Pictures are given back at once, not when the garbage collector comes."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.waiting import wait_for

from sightline.build.application import Application
from sightline.config import Configuration, StreamOptions
from sightline.engines.requests import Workers
from sightline.errors import InferenceError, let_go_of_frames
from sightline.runtime.streams.fleet import Fleet
from sightline.sources import ffmpeg, file, pictures


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[Any]]:
    """Every picture, reader and source that is made."""
    refs: list[weakref.ref[Any]] = []
    for kind in (pictures.VideoPicture, ffmpeg.VideoReader, file.FileSource):

        def noted(self: Any, *given: Any, _init: Any = kind.__init__, **named: Any) -> None:
            refs.append(weakref.ref(self))
            _init(self, *given, **named)

        monkeypatch.setattr(kind, "__init__", noted)
    return refs


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    street = {"model": "street", "backend": "onnxruntime", "size": 160}
    site = Application(
        Configuration.model_validate({"models": {"street": street}, "scheduler": {"max_batch": 1}})
    )
    site.open()
    assert isinstance(site.fleet, Fleet)
    yield site.fleet
    site.close()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "v.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for i in range(200):
            image = np.full((240, 320, 3), i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("how", ["removed early", "read to the end", "breaks off"])
def test_a_removed_stream_keeps_nothing(
    fleet: Fleet, video: Path, tmp_path: Path, made: list[Any], no_collector: None, how: str
) -> None:
    del no_collector
    if how == "breaks off":
        content = video.read_bytes()
        video = tmp_path / "cut.avi"
        video.write_bytes(content[: len(content) // 2])
    for number in range(3):
        name = f"{how} {number}"
        fleet.add(name, StreamOptions(source=str(video), model="street"))
        if how == "removed early":
            wait_for(lambda name=name: fleet.stats()[name].analyzed > 1)  # type: ignore[misc]
        else:
            wait_for(lambda name=name: fleet.stats()[name].state in {"ended", "failed"})  # type: ignore[misc]
        fleet.remove(name)
    assert made
    wait_for(lambda: not any(reference() is not None for reference in made))


class Pixels:
    """Stands for a picture that a job holds."""

    def fill(self, pixels: Any) -> None:
        raise ValueError("broken")


class Request:
    input = np.zeros((1, 2, 2, 3), np.uint8)

    def run(self) -> Any:
        raise InferenceError("no")


@pytest.mark.parametrize("fails", ["fill", "run"])
def test_a_job_that_failed_keeps_no_picture(no_collector: None, fails: str) -> None:
    del no_collector
    workers = Workers("test", 1, lambda _: Request())
    pictures = [Pixels()]
    gone = weakref.ref(pictures[0])

    def job(picture: Pixels) -> Any:
        return lambda pixels: picture.fill(pixels) if fails == "fill" else None

    future = workers.submit((1, 2, 2), job(pictures.pop()), len)
    assert isinstance(future.exception(20), ValueError | InferenceError)
    del future
    wait_for(lambda: gone() is None)
    workers.close()


def test_the_trace_of_an_error_holds_no_locals() -> None:
    def inner() -> None:
        picture = Pixels()
        refs.append(weakref.ref(picture))
        raise ValueError("inner")

    def outer() -> None:
        picture = Pixels()
        refs.append(weakref.ref(picture))
        try:
            inner()
        except ValueError as exc:
            raise InferenceError("outer") from exc

    refs: list[Any] = []
    try:
        outer()
    except InferenceError as exc:
        kept = exc
    assert [ref() is None for ref in refs] == [False, False]
    let_go_of_frames(kept)
    assert [ref() is None for ref in refs] == [True, True]
    assert kept.__traceback__ is not None, "where it was raised can still be told"
