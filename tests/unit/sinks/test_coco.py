"""COCO files: what stands in them, with values worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.coco import KEYPOINT_NAMES
from sightline.errors import SinkError
from sightline.sinks.coco import Categories, CocoSink
from sightline.types import Detections, Masks, Observation, StreamInfo

Observe = Callable[..., Observation]
STREET, SITE = ("person", "car"), ("helmet", "person", "vest")


def found(names: tuple[str, ...], *class_ids: int) -> Detections:
    count = len(class_ids)
    boxes = np.tile(np.array([1, 2, 3, 4], np.float32), (count, 1))
    return Detections(
        boxes, np.ones(count, np.float32), np.array(class_ids, np.int64), class_names=names
    )


@pytest.mark.parametrize(
    ("seen", "ids", "names"),
    [
        pytest.param([found(STREET, 1, 0, 1)], [1, 0, 1], {0: "person", 1: "car"}, id="one model"),
        pytest.param([found(STREET)], [], {0: "person", 1: "car"}, id="nothing found"),
        pytest.param(
            [found(STREET, 0, 1), found(SITE, 0, 1, 2)], [0, 1, 2, 0, 3],
            {0: "person", 1: "car", 2: "helmet", 3: "vest"}, id="another model, by name",
        ),
        pytest.param(
            [found(SITE, 0, 1), found(STREET, 0, 1)], [0, 1, 1, 3],
            {0: "helmet", 1: "person", 2: "vest", 3: "car"}, id="the other way round",
        ),
        pytest.param(
            [found(("n/a", "car", "n/a"), 0, 1, 2)], [0, 1, 2],
            {0: "n/a", 1: "car", 2: "n/a"}, id="a name twice",
        ),
        pytest.param([found((), 4, 0)], [4, 0], {0: "0", 4: "4"}, id="no names"),
        pytest.param(
            [found(STREET, 5)], [5], {0: "person", 1: "car", 5: "5"}, id="a class beyond the names"
        ),
        pytest.param(
            [found(STREET, 0), found((), 0, 7)], [0, 2, 7],
            {0: "person", 1: "car", 2: "0", 7: "7"}, id="a model without names is another one",
        ),
    ],
)  # fmt: skip
def test_categories(seen: Sequence[Detections], ids: list[int], names: dict[int, str]) -> None:
    categories = Categories()
    assert [one for part in seen for one in categories.ids_of(part)] == ids
    assert dict(sorted(categories.names.items())) == names
    assert [one for part in seen for one in categories.ids_of(part)] == ids  # and again


def written(path: Path, *observations: Observation, still: bool = False) -> dict[str, Any]:
    sink = CocoSink(path)
    for name in {one.frame.stream: None for one in observations}:
        sink.open(StreamInfo(name, 96, 64, 25.0, still=still))
    for one in observations:
        sink.write(one)
    sink.close()

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    whole: dict[str, Any] = json.loads(path.read_text(), parse_constant=refuse)
    return whole


def test_images_annotations_and_categories(observe: Observe, tmp_path: Path) -> None:
    boxes = [[10, 20.25, 30.5, 40, 0.87654, 2, 7], [0, 0, 1, 1, 0.5, 0, -1]]
    assert written(
        tmp_path / "a.json", observe("cam", 12, boxes=boxes), observe("gate", 0, tracked=False)
    ) == {
        "images": [
            {"id": 1, "file_name": "cam/000012", "width": 96, "height": 64},
            {"id": 2, "file_name": "gate/000000", "width": 96, "height": 64},
        ],
        "categories": [
            {"id": number, "name": name} for number, name in enumerate(("person", "bicycle", "car"))
        ],
        "annotations": [
            {
                "id": 1, "image_id": 1, "category_id": 2, "bbox": [10.0, 20.25, 20.5, 19.75],
                "area": 404.88, "iscrowd": 0, "score": 0.8765, "track_id": 7,
            },
            {
                "id": 2, "image_id": 1, "category_id": 0, "bbox": [0.0, 0.0, 1.0, 1.0],
                "area": 1.0, "iscrowd": 0, "score": 0.5,
            },
        ],
    }  # fmt: skip


def test_pictures_keep_their_names(observe: Observe, tmp_path: Path) -> None:
    whole = written(tmp_path / "a.json", observe("a/bus.jpg"), observe("b.jpg"), still=True)
    assert [image["file_name"] for image in whole["images"]] == ["a/bus.jpg", "b.jpg"]


def shaped(observe: Observe, **fields: Any) -> Observation:
    """An observation of one object, whose names are a, b."""
    one = observe("cam", 0, 0.0, [(10, 10, 30, 20, 0.9, 1, 7)], size=(100, 50))
    return replace(one, detections=replace(one.detections, class_names=("a", "b"), **fields))


NAN, INF = float("nan"), float("inf")


def test_masks_and_keypoints(observe: Observe, tmp_path: Path) -> None:
    mask = Masks((np.ones((10, 20), np.bool_),), np.array([[10, 10]], np.int64), (100, 50))
    points = np.array([[[20, 15, 0.9], [10, 45, 0.3], [-5, 15, 0.5]]], np.float32)
    names = ("head", "middle", "tail")
    whole = written(
        tmp_path / "a.json", shaped(observe, masks=mask, keypoints=points, keypoint_names=names)
    )
    (row,) = whole["annotations"]
    assert (row["segmentation"]["size"], row["area"]) == ([50, 100], 200)
    assert (row["keypoints"], row["num_keypoints"]) == ([20, 15, 2, 10, 45, 1, -5, 15, 2], 3)
    assert whole["categories"][1] == {
        "id": 1, "name": "b", "keypoints": list(names), "skeleton": [],
    }  # fmt: skip


def test_a_keypoint_that_is_no_number_is_not_known(observe: Observe, tmp_path: Path) -> None:
    points = np.array([[[NAN, 15, 0.9], [1, INF, 0.9], [1, 2, NAN], [1, 2, 0], [3, 4, 1]]])
    whole = written(tmp_path / "a.json", shaped(observe, keypoints=points.astype(np.float32)))
    (row,) = whole["annotations"]
    assert (row["keypoints"], row["num_keypoints"]) == ([0] * 12 + [3, 4, 2], 1)


@pytest.mark.parametrize(
    ("count", "names"), [(17, list(KEYPOINT_NAMES)), (2, ["0", "1"]), (1, ["0"])]
)
def test_keypoints_without_names_have_coco_s_or_numbers(
    observe: Observe, tmp_path: Path, count: int, names: list[str]
) -> None:
    points = np.zeros((1, count, 3), np.float32)
    whole = written(tmp_path / "a.json", shaped(observe, keypoints=points))
    assert whole["categories"][0]["keypoints"] == names
    assert len(whole["categories"][0]["skeleton"]) == (19 if count == 17 else 0)
    assert whole["annotations"][0]["num_keypoints"] == 0


@pytest.mark.parametrize("box", [[NAN, 0, 9, 9, 0.5], [0, 0, INF, 9, 0.5], [0, 0, 9, 9, NAN]])
def test_what_json_does_not_know_is_refused_and_the_rest_is_whole(
    observe: Observe, tmp_path: Path, box: list[float]
) -> None:
    path = tmp_path / "a.json"
    sink = CocoSink(path)
    sink.open(StreamInfo("cam", 96, 64, 25.0))
    sink.write(observe("cam", 0, boxes=[[1, 2, 3, 4, 0.5, 0, 1]]))
    with pytest.raises(SinkError, match=r"frame 3 of cam .* not a finite number"):
        sink.write(observe("cam", 3, boxes=[[*box, 0, 1]]))
    sink.close()
    whole = json.loads(path.read_text())
    assert (len(whole["images"]), len(whole["annotations"])) == (1, 1)
