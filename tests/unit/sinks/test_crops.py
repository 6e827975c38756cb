"""Pictures of the objects, cut out of the frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sightline.sinks.crops import CropSink
from sightline.types import StreamInfo

CAM = StreamInfo("cam", 96, 64)
STILL = StreamInfo("photos", 96, 64, still=True)


def write(folder: Path, stream: StreamInfo, *observations: Any, **options: Any) -> None:
    sink = CropSink(folder, **options)
    sink.open(stream)
    for observation in observations:
        sink.write(observation)
    sink.close()


def crops(folder: Path) -> dict[str, tuple[int, int]]:
    """Width and height of each file."""
    found = {}
    for path in folder.rglob("*.jpg"):
        height, width = cv2.imread(str(path)).shape[:2]
        found[path.relative_to(folder).as_posix()] = (width, height)
    return found


@pytest.mark.parametrize(
    ("box", "size"),
    [
        pytest.param([24, 16, 72, 48], (48, 32), id="inside"),
        pytest.param([24.5, 16.5, 72.5, 48.5], (49, 33), id="all pixels that it touches"),
        pytest.param([-9, -9, 10, 20], (10, 20), id="cut off at the border"),
        pytest.param([90, 60, 200, 99], (6, 4), id="at the other"),
        pytest.param([-20, 0, -5, 30], None, id="outside"),
        pytest.param([10, 10, 10, 30], None, id="no area"),
        pytest.param([30, 10, 10, 30], None, id="turned over"),
        pytest.param([10, np.nan, 20, 30], None, id="not a number"),
        pytest.param([10, 10, np.inf, 30], None, id="without an end"),
    ],
)
def test_a_box(box: Any, size: Any, observe: Any, tmp_path: Path) -> None:
    write(tmp_path, CAM, observe(index=12, boxes=[[*box, 0.9, 2, 7]]))
    assert crops(tmp_path) == ({"cam/car/7-000012.jpg": size} if size else {})


def test_the_pixels_are_those_of_the_box(observe: Any, tmp_path: Path) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    image[16:48, 24:72] = (10, 200, 60)
    write(tmp_path, CAM, observe(image=image, boxes=[[24, 16, 72, 48, 0.9, 0, 1]]))
    pixels = cv2.imread(str(tmp_path / "cam" / "person" / "1-000000.jpg"))
    assert np.abs(pixels.astype(int) - (10, 200, 60)).max() <= 6


def approach(observe: Any, frames: int = 100, fps: float = 25.0) -> list[Any]:
    """An object that grows from 4 to 40 pixels, then is the same."""
    sides = [min(40, 4 + i) for i in range(frames)]
    return [
        observe(index=i, time=i / fps, boxes=[[20, 10, 20 + s, 10 + s, 0.9, 0, 5]])
        for i, s in enumerate(sides)
    ]


def test_the_best_of_a_track_are_kept(observe: Any, tmp_path: Path) -> None:
    write(tmp_path, CAM, *approach(observe))
    found = crops(tmp_path)
    assert len(found) == 3
    # A crop takes another's place where it has 1.2 times its pixels.
    assert max(found.values())[0] ** 2 * 1.2 >= 40**2
    frames = sorted(int(name[-10:-4]) for name in found)
    assert min(np.diff(frames)) >= 0.5 * 25 - 1


@pytest.mark.parametrize(
    ("options", "count"),
    [({"per_track": 1}, 1), ({"per_track": 0}, 100), ({"per_track": 0, "every": 10}, 10)],
)
def test_how_many(options: Any, count: int, observe: Any, tmp_path: Path) -> None:
    write(tmp_path, CAM, *approach(observe), **options)
    assert len(crops(tmp_path)) == count


def test_a_crop_that_the_border_cuts_off_gives_way(observe: Any, tmp_path: Path) -> None:
    boxes = ([0, 10, 40, 50, 0.9, 0, 5], [20, 10, 56, 46, 0.9, 0, 5])
    seen = [observe(index=i, time=float(i), boxes=[box]) for i, box in enumerate(boxes)]
    write(tmp_path, CAM, *seen, per_track=1)
    assert set(crops(tmp_path)) == {"cam/person/5-000001.jpg"}


def test_frames_that_were_not_analysed_have_none(observe: Any, tmp_path: Path) -> None:
    box = [20, 10, 56, 46, 0.9, 0, 5]
    write(tmp_path, CAM, observe(boxes=[box], predicted=True))
    assert crops(tmp_path) == {}


def test_pictures_have_a_crop_of_each_object(observe: Any, tmp_path: Path) -> None:
    box = [20, 10, 56, 46, 0.9, 0, 0]
    names = ("bus.jpg", "bus.png", "car.jpg")
    seen = [observe(stream=name, boxes=[box, box], tracked=False) for name in names]
    write(tmp_path, STILL, *seen)
    assert set(crops(tmp_path)) == {
        f"photos/person/{name}.jpg"
        for name in ("bus-000000", "bus-000000-2", "bus-000000-3", "bus-000000-4",
                     "car-000000", "car-000000-2")
    }  # fmt: skip


def test_a_video_without_tracks_has_those_of_a_few_frames(observe: Any, tmp_path: Path) -> None:
    box = [20, 10, 56, 46, 0.9, 0, 0]
    seen = [observe(index=i, boxes=[box, box], tracked=False) for i in range(60)]
    write(tmp_path, CAM, *seen)
    assert set(crops(tmp_path)) == {
        f"cam/person/cam-{i:06d}{more}.jpg" for i in (0, 25, 50) for more in ("", "-2")
    }


def test_names_stay_in_the_folder(observe: Any, tmp_path: Path) -> None:
    folder = tmp_path / "o"
    box = [20, 10, 56, 46, 0.9, 0, 0]
    write(folder, STILL, observe(stream="../../x.jpg", boxes=[box], tracked=False))
    assert len(crops(folder)) == len(crops(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("cell phone", "cell phone"),
        ("../up", "up-"),
        ("a/b", "a_b-"),
        (".", "stream-"),
        ("é ", "é-"),
    ],
)
def test_a_class_is_a_plain_folder(name: str, folder: str, observe: Any, tmp_path: Path) -> None:
    seen = observe(boxes=[[20, 10, 56, 46, 0.9, 0, 5]])
    seen = replace(seen, detections=replace(seen.detections, class_names=(name,)))
    write(tmp_path, CAM, seen)
    (path,) = crops(tmp_path)
    assert path.startswith(f"cam/{folder}")
    assert path.count("/") == 2


def test_append_keeps_an_earlier_run(observe: Any, tmp_path: Path) -> None:
    for _ in range(2):
        write(tmp_path, CAM, observe(boxes=[[20, 10, 56, 46, 0.9, 0, 5]]), append=True)
    assert set(crops(tmp_path)) == {f"{s}/person/5-000000.jpg" for s in ("cam", "cam-2")}


def test_ended_tracks_are_forgotten(observe: Any, tmp_path: Path) -> None:
    sink = CropSink(tmp_path)
    sink.open(CAM)
    for i in range(200):
        sink.write(observe(index=i, time=10.0 * i, boxes=[[20, 10, 56, 46, 0.9, 0, i]]))
    assert len(sink._places["cam"].kept) <= 7
    assert len(crops(tmp_path)) == 200
