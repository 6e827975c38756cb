"""What every Source owes to who reads it, whatever it reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sightline.errors import SourceError
from sightline.protocols import Source
from sightline.sources.file import FileSource
from sightline.sources.images import ImageSource
from sightline.sources.live import LiveSource
from sightline.sources.street.options import StreetOptions
from sightline.sources.street.source import StreetSource
from sightline.types import Pixels, SourceState

COUNT = 12
WIDTH, HEIGHT = 160, 96


def picture(index: int) -> Pixels:
    """Grey that tells the index, with a red corner, BGR."""
    pixels = np.full((HEIGHT, WIDTH, 3), 40 + 15 * index, np.uint8)
    pixels[: HEIGHT // 2, : WIDTH // 2] = (0, 0, 255)
    return pixels


def write_video(path: Path) -> Path:
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.options = {"preset": "ultrafast", "qp": "5"}
        for index in range(COUNT):
            frame = av.VideoFrame.from_ndarray(picture(index), "bgr24")
            frame.pts = index
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def a_file(folder: Path, _: str) -> Source:
    return FileSource(write_video(folder / "street.mp4"))


def a_looped_file(folder: Path, _: str) -> Source:
    return FileSource(write_video(folder / "street.mp4"), loop=2)


def a_file_over_http(folder: Path, host: str) -> Source:
    write_video(folder / "street.mp4")
    return LiveSource(f"http://{host}/street.mp4")


def a_folder(folder: Path, _: str, fps: float | None = None) -> Source:
    for index in range(COUNT):
        cv2.imwrite(str(folder / f"{index}.png"), picture(index))
    return ImageSource(folder, fps=fps)


def a_street(_: Path, __: str) -> Source:
    options = StreetOptions(width=WIDTH, height=HEIGHT, fps=25, duration=COUNT / 25)
    return StreetSource(options)


PAINTED = {
    "file": a_file,
    "looped file": a_looped_file,
    "file over http": a_file_over_http,
    "folder of pictures": a_folder,
    "frames of a film": partial(a_folder, fps=25),
}


ALL = {**PAINTED, "street": a_street}


@pytest.fixture(params=ALL.values(), ids=ALL.keys())
def source(request: pytest.FixtureRequest, tmp_path: Path, host: str) -> Iterator[Source]:
    made: Source = request.param(tmp_path, host)
    yield made
    made.close()


@pytest.fixture(params=PAINTED.values(), ids=PAINTED.keys())
def painted(request: pytest.FixtureRequest, tmp_path: Path, host: str) -> Iterator[Source]:
    """A source of the pictures that ``picture`` makes."""
    made: Source = request.param(tmp_path, host)
    yield made
    made.close()


def test_says_what_it_is(source: Source) -> None:
    assert source.status.state is SourceState.CONNECTING
    info = source.open()
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert info.frames is not None
    assert info.frames % COUNT == 0
    assert source.status.state is SourceState.RUNNING
    assert source.status.error is None


def test_frames_in_order(source: Source) -> None:
    info = source.open()
    started = time.monotonic()
    frames = list(source)
    assert len(frames) == info.frames
    assert [frame.index for frame in frames] == list(range(len(frames)))
    times = [frame.time for frame in frames]
    assert times[0] == 0
    assert times == sorted(times)
    captured = [frame.captured_at for frame in frames]
    assert captured == sorted(captured)
    assert started - 5 < captured[0] <= captured[-1] <= time.monotonic()
    if not info.still:
        assert {frame.stream for frame in frames} == {info.name}


def test_the_books_balance(source: Source) -> None:
    source.open()
    for handed, _ in enumerate(source, 1):
        status = source.status
        assert status.read == handed + sum(status.dropped.values())
    status = source.status
    assert status.state is SourceState.ENDED
    assert status.read == handed + sum(status.dropped.values())
    assert status.dropped == {}


def test_pixels(painted: Source) -> None:
    for frame in painted:
        expected = picture(frame.index % COUNT).astype(int)
        assert frame.image.shape == (HEIGHT, WIDTH, 3)
        assert np.abs(frame.image - expected)[:, :72].max() <= 8
        assert np.abs(frame.image - expected)[:, 88:].max() <= 8
        assert frame.image is frame.image


def test_scaled_into_the_middle_of_a_canvas(painted: Source) -> None:
    frame = next(iter(painted))
    canvas = np.full((64, 100, 3), 114, np.uint8)
    middle = canvas[8:56, 10:90]
    assert frame.scaled(80, 48, "rgb", middle) is middle
    assert np.abs(middle[4, 4].astype(int) - (255, 0, 0)).max() <= 8
    assert np.abs(middle[-4, -4].astype(int) - 40).max() <= 8
    middle[:] = 114
    assert (canvas == 114).all()


def test_frames_outlive_their_source(painted: Source) -> None:
    frames = list(painted)
    painted.close()
    assert np.abs(frames[5].image[-5, -5].astype(int) - (40 + 15 * 5)).max() <= 8


def test_opened_twice(source: Source) -> None:
    assert source.open() == source.open()
    assert len(list(source)) % COUNT == 0


def test_opens_itself(source: Source) -> None:
    assert next(iter(source)).index == 0


def test_read_twice(source: Source) -> None:
    next(iter(source))
    with pytest.raises(SourceError, match="already"):
        next(iter(source))


def test_closed_twice(source: Source) -> None:
    source.open()
    source.close()
    source.close()
    assert source.status.state is SourceState.ENDED
    with pytest.raises(SourceError):
        source.open()


def test_closed_before_it_was_opened(source: Source) -> None:
    source.close()
    with pytest.raises(SourceError):
        source.open()
    with pytest.raises(SourceError):
        next(iter(source))


def test_close_from_another_thread_ends_the_iteration(source: Source) -> None:
    handed = 0
    for _ in source:
        handed += 1
        thread = threading.Thread(target=source.close)
        thread.start()
        thread.join(10)
        assert not thread.is_alive()
    assert handed == 1
    assert source.status.state is SourceState.ENDED


def test_no_thread_is_left(source: Source) -> None:
    before = set(threading.enumerate())
    list(source)
    source.close()
    deadline = time.monotonic() + 5
    while new := {t for t in set(threading.enumerate()) - before if t.name.startswith("source ")}:
        assert time.monotonic() < deadline, new
        time.sleep(0.01)
