"""What can be given to ``Model.detect``, what each picture is called, and where results go."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import pytest
from tests.fixed_detector import FixedDetector

import sightline as sl
from sightline.errors import DecodeError, InvalidRequest, SourceError

PIXELS = np.dstack([np.full((4, 6), level, np.uint8) for level in (10, 20, 30)])
GREY = np.full((4, 6), 77, np.uint8)


@pytest.fixture
def model() -> sl.Model:
    found = sl.Detections(
        np.array([[1, 1, 3, 3]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64)
    )
    return sl.Model(FixedDetector(found))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a/1.png", "b/1.png"):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / name), PIXELS)
    (tmp_path / "film.mp4").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Path2:
    """A path of another library."""

    def __fspath__(self) -> str:
        return "a/1.png"


def opened(mode: str, name: str = "a/1.png") -> IO[Any]:
    return Path(name).open(mode)


def png() -> bytes:
    return Path("a/1.png").read_bytes()


GIVEN: dict[str, tuple[Callable[[], Any], np.ndarray]] = {
    "path": (lambda: Path("a/1.png"), PIXELS),
    "another path": (Path2, PIXELS),
    "bytes": (png, PIXELS),
    "bytearray": (lambda: bytearray(png()), PIXELS),
    "memoryview": (lambda: memoryview(png()), PIXELS),
    "BytesIO": (lambda: io.BytesIO(png()), PIXELS),
    "open file": (lambda: opened("rb"), PIXELS),
    "BGR": (lambda: PIXELS, PIXELS),
    "a view": (lambda: PIXELS[::-1, ::-1][::-1, ::-1], PIXELS),
    "grey": (lambda: GREY, np.dstack([GREY] * 3)),
    "grey with an axis": (lambda: GREY[..., None], np.dstack([GREY] * 3)),
    "grey view": (lambda: np.dstack([GREY] * 2)[..., 1], np.dstack([GREY] * 3)),
    "BGRA": (lambda: np.dstack([PIXELS, GREY]), PIXELS),
    "numpy subclass": (lambda: np.ma.masked_array(GREY, GREY > 99), np.dstack([GREY] * 3)),
}


@pytest.mark.parametrize(("make", "pixels"), GIVEN.values(), ids=GIVEN.keys())
def test_what_is_a_picture(
    model: sl.Model, folder: Path, make: Callable[[], Any], pixels: np.ndarray
) -> None:
    found = model.detect(make())
    assert type(found) is sl.Detections  # one picture, also where it can be iterated
    assert found.frame is not None
    assert found.frame.image.tolist() == pixels.tolist()
    (in_list,) = model.detect([make()])
    assert in_list.frame is not None
    assert in_list.frame.image.tolist() == pixels.tolist()


class Tensor:
    """Like PyTorch's: can be iterated and made an array."""

    def __array__(self) -> np.ndarray:
        return PIXELS

    def __iter__(self) -> Iterator[int]:
        return iter([1])


def closed() -> io.BytesIO:
    file = io.BytesIO(png())
    file.close()
    return file


def at_its_end() -> io.BytesIO:
    file = io.BytesIO()
    file.write(png())
    return file


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "floats": (lambda: PIXELS / 255, InvalidRequest, "(array * 255).astype(np.uint8) where its"),
    "16 bits": (lambda: PIXELS.astype(np.uint16), InvalidRequest, "(array >> 8).astype(np.uint8)"),
    "ints": (lambda: PIXELS.astype(int), InvalidRequest, "array.astype(np.uint8) where its values"),
    "mask": (lambda: GREY > 9, InvalidRequest, "array.astype(np.uint8) * 255"),
    "complex": (lambda: PIXELS * 1j, InvalidRequest, "make it uint8"),
    "CHW": (lambda: PIXELS.transpose(2, 0, 1), InvalidRequest, "array.transpose(1, 2, 0)"),
    "NHWC": (lambda: PIXELS[None], InvalidRequest, "list(array)"),
    "NCHW": (lambda: PIXELS.transpose(2, 0, 1)[None], InvalidRequest, "list(array.transpose(0, 2, 3, 1))"),
    "two channels": (lambda: PIXELS[..., :2], InvalidRequest, "not (4, 6, 2) uint8"),
    "nothing in it": (lambda: PIXELS[:0], InvalidRequest, "it has no pixels"),
    "one number": (lambda: np.uint8(3), InvalidRequest, "uint8 is no picture"),
    "None": (lambda: None, InvalidRequest, "cv2.imread gives it"),
    "a camera": (lambda: 0, InvalidRequest, "camera 0 is sl.track(0, model)"),
    "a tensor": (Tensor, InvalidRequest, "tensor.permute(1, 2, 0).cpu().numpy()"),
    "a mapping": (lambda: {"image": PIXELS}, InvalidRequest, "dict is no picture: give a path"),
    "a set": (lambda: {"a/1.png"}, InvalidRequest, "set is no picture"),
    "a result": (sl.Detections.empty, InvalidRequest, "Detections is no picture"),
    "text mode": (lambda: io.StringIO("x"), InvalidRequest, "binary mode, 'rb'"),
    "text file": (lambda: opened("r"), SourceError, "a/1.png cannot be read"),
    "closed": (closed, SourceError, "leave it open"),
    "at its end": (at_its_end, DecodeError, "seek(0)"),
    "a folder": (lambda: "a", SourceError, "a is a folder, not one picture: sl.track(source, model)"),
    "an empty path": (lambda: "", InvalidRequest, "the path is empty"),
    "a pattern": (lambda: "*/1.png", SourceError, "*/1.png is a pattern, not one picture"),
    "an array of paths": (lambda: np.array(["a/1.png"]), InvalidRequest, "array.tolist()"),
    "an encoded array": (lambda: np.frombuffer(png(), np.uint8), InvalidRequest, "array.tobytes()"),
    "an open film": (lambda: opened("rb", "film.mp4"), DecodeError, "film.mp4 is no JPEG"),
    "a film": (lambda: "film.mp4", DecodeError, "film.mp4 is a video or a stream"),
    "a camera's address": (lambda: "rtsp://u:geheim@h/1", SourceError, "is a video or a stream"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "error", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_picture(
    model: sl.Model, folder: Path, make: Callable[[], Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=re.escape(said)) as caught:
        model.detect(make())
    assert "geheim" not in str(caught.value)
    with pytest.raises(error, match=rf"^picture 1 of the list: .*{re.escape(said)}"):
        model.detect([PIXELS, make()])


def test_pictures_of_one_call_are_told_apart(model: sl.Model, folder: Path) -> None:
    image = pytest.importorskip("PIL.Image").open("b/1.png")
    given = ["a/1.png", Path("b/1.png"), PIXELS, PIXELS, png(), opened("rb"), image]
    found = model.detect(given)
    assert [(one.frame.stream, one.frame.index) for one in found] == [
        ("a/1.png", 0), ("b/1.png", 1), ("image", 2), ("image", 3), ("image", 4), ("a/1.png", 5),
        (image.filename, 6),
    ]  # fmt: skip
    saved = [one.save() for one in found]
    assert len(set(saved)) == len(given)
    assert saved[:3] == [
        Path("1-000000-annotated.jpg"), Path("1-000001-annotated.jpg"),
        Path("image-000002-annotated.jpg"),
    ]  # fmt: skip
    assert all(path.is_file() for path in saved)


@pytest.mark.parametrize("given", [["a/1.png", "b/1.png"], [PIXELS, PIXELS.copy(), GREY]])
def test_results_of_a_loop_do_not_overwrite_each_other(
    model: sl.Model, folder: Path, given: list[Any]
) -> None:
    saved = [model.detect(one).save("out/") for one in given]
    assert len({path.read_bytes() for path in saved}) <= len(set(saved)) == len(given)


def test_pictures_behind_addresses_are_called_by_them(model: sl.Model, folder: Path) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    place = f"127.0.0.1:{server.server_address[1]}"
    try:
        found = model.detect([f"http://joe:geheim@{place}/{x}/1.png?token=t{x}" for x in "ab"])
    finally:
        server.shutdown()
        server.server_close()
    names = [one.frame.stream for one in found]
    assert [name.rpartition("@")[2] for name in names] == [f"{place}/a/1.png", f"{place}/b/1.png"]
    assert "geheim" not in "".join(names)
    assert [one.save().name for one in found] == [
        "1-000000-annotated.jpg",
        "1-000001-annotated.jpg",
    ]
