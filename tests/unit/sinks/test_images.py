from __future__ import annotations

import threading
from pathlib import Path

import cv2
import pytest

from sightline.errors import SinkError
from sightline.sinks.images import ImageSink
from sightline.types import StreamInfo


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_names_hold_stream_and_frame(observe, tmp_path: Path):
    sink = ImageSink(tmp_path)
    sink.open(StreamInfo("cam.1", 96, 64))
    sink.write(observe("cam.1", 12))
    sink.close()
    assert names(tmp_path) == ["cam.1-000012.jpg"]
    assert cv2.imread(str(tmp_path / "cam.1-000012.jpg")).shape == (64, 96, 3)


def test_pictures_keep_their_names_and_never_replace_each_other(observe, tmp_path: Path):
    (tmp_path / "bus.jpg").write_text("the source")
    sink = ImageSink(tmp_path, kind="png")
    sink.open(StreamInfo("here", 96, 64, still=True))
    sink.open(StreamInfo("there", 96, 64, still=True))
    for name, index in (("bus.jpg", 0), ("car.png", 1), ("bus.jpg", 0)):
        sink.write(observe(name, index))
    sink.close()
    assert names(tmp_path) == ["bus-000000-2.png", "bus-000000.png", "bus.jpg", "car-000001.png"]
    assert (tmp_path / "bus.jpg").read_text() == "the source"


def test_no_picture_leaves_the_folder(observe, tmp_path: Path):
    sink = ImageSink(tmp_path / "out")
    sink.open(StreamInfo("pictures", 96, 64, still=True))
    for name in ("../evil.jpg", "/etc/evil.jpg", "..", "a/../../b.jpg"):
        sink.write(observe(name))
    sink.close()
    assert names(tmp_path) == ["out"]
    assert len(names(tmp_path / "out")) == 4


def test_the_drawing_is_on_it(observe, tmp_path: Path):
    sink = ImageSink(tmp_path, kind="png")
    sink.open(StreamInfo("cam", 96, 64))
    sink.write(observe(boxes=[[40, 30, 80, 60, 0.9, 2, 3]]))
    drawn = cv2.imread(str(tmp_path / "cam-000000.png"))
    assert (drawn[60, 45:75] != 90).any(axis=1).all()
    assert (drawn[62:] == 90).all()


def test_a_picture_too_large_for_jpeg_is_told(observe, tmp_path: Path):
    sink = ImageSink(tmp_path)
    sink.open(StreamInfo("cam", 70000, 2))
    with pytest.raises(SinkError, match=r"70000x2.*png"):
        sink.write(observe(size=(70000, 2)))
    assert names(tmp_path) == []


def test_threads_that_write_pictures_of_one_name(observe, tmp_path: Path):
    sink = ImageSink(tmp_path)
    sink.open(StreamInfo("pictures", 96, 64, still=True))
    threads = [threading.Thread(target=sink.write, args=(observe("a.jpg"),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(tmp_path)) == 8


def test_one_picture_to_one_file(observe, tmp_path: Path):
    sink = ImageSink(tmp_path / "new" / "out.png")
    sink.open(StreamInfo("pictures", 96, 64, still=True))
    sink.write(observe("bus.jpg"))
    assert names(tmp_path / "new") == ["out.png"]
    with pytest.raises(SinkError, match=r"second picture .* give a folder"):
        sink.write(observe("car.jpg"))
