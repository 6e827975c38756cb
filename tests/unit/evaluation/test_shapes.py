"""Masks, turned boxes and keypoints are scored as COCO does, whatever labels tell them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.evaluation.detection import DetectionScores
from sightline.evaluation.pictures.datasets import read_dataset
from sightline.evaluation.pictures.labels import Dataset
from sightline.evaluation.pictures.predictions import read_predictions
from sightline.types import Detections, Masks

pytest.importorskip("faster_coco_eval")
SIZE = (200, 100)
BOXES = np.array([[20, 10, 80, 70], [100, 20, 160, 80]], np.float32)
POINTS = np.array([[[30, 20], [50, 40], [70, 60]], [[110, 30], [130, 50], [150, 70]]], np.float64)


def circle(box: Any, share: float = 1.0) -> np.ndarray:
    """A whole mask: the disc in a box, or one of a smaller radius."""
    picture = np.zeros(SIZE[::-1], np.uint8)
    x0, y0, x1, y1 = box
    centre = (int((x0 + x1) / 2), int((y0 + y1) / 2))
    cv2.circle(picture, centre, int((x1 - x0) / 2 * share), 1, cv2.FILLED)
    return picture > 0


def found(**fields: Any) -> Detections:
    scores = np.array([0.9, 0.8], np.float32)
    return Detections(BOXES, scores, np.zeros(2, np.int64), class_names=("thing",), **fields)


def masks(share: float = 1.0) -> Masks:
    return Masks.of(np.stack([circle(box, share) for box in BOXES]))


def polygon(mask: np.ndarray) -> list[float]:
    (outline,), _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    return outline.reshape(-1).tolist()


def coco(folder: Path, **more: Callable[[int], Any]) -> Dataset:
    annotations = [
        {
            "id": i + 1,
            "image_id": 1,
            "category_id": 1,
            "bbox": [float(b[0]), float(b[1]), float(b[2] - b[0]), float(b[3] - b[1])],
            "area": 3600,
            "iscrowd": 0,
            **{key: make(i) for key, make in more.items()},
        }
        for i, b in enumerate(BOXES)
    ]
    image = {"id": 1, "file_name": "a.png", "width": SIZE[0], "height": SIZE[1]}
    path = folder / "truth.json"
    content = {
        "images": [image],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "thing"}],
    }
    path.write_text(json.dumps(content))
    return read_dataset(path, lambda _: SIZE)


def yolo(folder: Path, lines: list[str], more: str = "") -> Dataset:
    for name in ("images", "labels"):
        (folder / name).mkdir()
    (folder / "images" / "a.png").write_bytes(b"")
    (folder / "labels" / "a.txt").write_text("\n".join(lines))
    (folder / "data.yaml").write_text(f"names: [thing]\nval: images\n{more}")
    return read_dataset(folder, lambda _: SIZE)


def outlined(folder: Path, kind: str) -> Dataset:
    """The two discs as labels of one kind."""
    discs = [circle(box) for box in BOXES]
    if kind == "polygons":
        return coco(folder, segmentation=lambda i: [polygon(discs[i])])
    if kind == "run lengths":
        return coco(folder, segmentation=lambda i: Masks.of(discs[i][None]).to_coco(0))
    if kind == "plain run lengths":
        return coco(
            folder,
            segmentation=lambda i: {
                "size": [SIZE[1], SIZE[0]],
                "counts": Masks.of(discs[i][None]).run_lengths(0).tolist(),
            },
        )
    shares = [np.array(polygon(d)).reshape(-1, 2) / SIZE for d in discs]
    return yolo(folder, ["0 " + " ".join(f"{v:.6f}" for v in s.ravel()) for s in shares])


@pytest.mark.parametrize("kind", ["polygons", "run lengths", "plain run lengths", "YOLO"])
def test_masks(tmp_path: Path, kind: str) -> None:
    dataset = outlined(tmp_path, kind)
    right = dataset.score([found(masks=masks())])
    assert right.mask_map >= 0.89  # a polygon is drawn half a pixel smaller
    assert (right.mask_map50, right.mask_map75) == (1, 1)
    # Discs of 0.8 of the radius are 0.64 of the area: found at 0.50, 0.55 and 0.60.
    smaller = dataset.score([found(masks=masks(0.8))])
    assert smaller.mask_map50 == 1
    assert smaller.per_class["thing"].mask_ap == smaller.mask_map
    assert smaller.mask_map == pytest.approx(0.3, abs=0.101)
    assert smaller.mask_map75 == 0
    assert smaller.map == right.map >= 0.8, "boxes are scored by themselves"
    assert math.isnan(right.keypoint_map)


@pytest.mark.parametrize("kind", ["JSON lines", "COCO results", "a COCO file", "plain run lengths"])
def test_masks_and_keypoints_of_files_are_scored_as_the_model_s(tmp_path: Path, kind: str) -> None:
    truth = coco(
        tmp_path,
        segmentation=lambda i: masks().to_coco(i),
        keypoints=lambda i: np.column_stack((POINTS[i], [2, 1, 2])).ravel().tolist(),
        num_keypoints=lambda _: 3,
    )
    points = np.concatenate((POINTS + 2, np.ones((2, 3, 1))), axis=2).astype(np.float32)
    one = found(masks=masks(0.8), keypoints=points)
    path = tmp_path / "found.json"
    if kind == "JSON lines":
        line = {
            "stream": "a.png",
            "frame": 0,
            "width": 200,
            "height": 100,
            "objects": one.to_dict(),
        }
        path.write_text(json.dumps(line) + "\n")
    else:
        rows = [
            {
                "image_id": 1,
                "category_id": 1,
                "bbox": [*b[:2], b[2] - b[0], b[3] - b[1]],
                "score": round(float(score), 4),
                "segmentation": masks(0.8).to_coco(i)
                if kind != "plain run lengths"
                else {"size": [100, 200], "counts": masks(0.8).run_lengths(i).tolist()},
                "keypoints": points[i].ravel().tolist(),
            }
            for i, (b, score) in enumerate(zip(BOXES.tolist(), one.scores, strict=True))
        ]
        whole = {
            "images": [{"id": 1, "file_name": "a.png"}],
            "categories": [{"id": 1, "name": "thing"}],
            "annotations": rows,
        }
        path.write_text(json.dumps(whole if kind == "a COCO file" else rows))
    scores = truth.score(read_predictions(path, truth))
    expected = truth.score([one])
    for name in ("mask_map", "mask_map50", "mask_map75", "keypoint_map", "map"):
        assert getattr(scores, name) == pytest.approx(getattr(expected, name)), name
    assert scores.mask_map == pytest.approx(0.3, abs=0.101)


def test_masks_of_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    truth = coco(tmp_path, segmentation=lambda i: masks().to_coco(i))
    small = Masks.of(np.ones((2, 10, 20), np.bool_))
    with pytest.raises(
        ConfigError, match="pictures of 20×10, and the ground truth's is of 200×100"
    ):
        truth.score([found(masks=small)])


def test_what_only_one_side_tells_is_not_scored(tmp_path: Path) -> None:
    (tmp_path / "boxes").mkdir()
    plain = coco(tmp_path / "boxes")
    assert math.isnan(plain.score([found(masks=masks())]).mask_map)
    dataset = outlined(tmp_path, "polygons")
    scores = dataset.score([found()])
    assert math.isnan(scores.mask_map)
    assert scores.map == 1
    nothing = dataset.score([Detections.empty(("thing",))])
    assert (nothing.map, math.isnan(nothing.mask_map)) == (0, True)


def test_an_outline_that_cannot_be_used_is_the_box(tmp_path: Path) -> None:
    dataset = coco(tmp_path, segmentation=lambda i: [[1, 2]] if i else [polygon(circle(BOXES[0]))])
    whole = np.zeros((2, SIZE[1], SIZE[0]), np.bool_)
    whole[0] = circle(BOXES[0])
    whole[1, 20:80, 100:160] = True
    assert dataset.score([found(masks=Masks.of(whole))]).mask_map50 == 1


def test_turned_boxes_are_scored_by_what_they_cover(tmp_path: Path) -> None:
    """Two thin ones that cross: their upright boxes are alike, and they are not."""
    box = np.array([[40, 45, 140, 55]], np.float32)
    one = Detections(
        box, np.ones(1, np.float32), np.zeros(1, np.int64), class_names=("thing",),
        angles=np.array([0.6], np.float32),
    )  # fmt: skip
    corners = one.corners[0] / SIZE
    dataset = yolo(tmp_path, ["0 " + " ".join(f"{v:.6f}" for v in corners.ravel())])
    assert dataset.score([one]).mask_map50 == 1
    assert dataset.score([one]).map50 == 1, "upright boxes are held against upright boxes"
    other = replace(one, angles=np.array([-0.6], np.float32))
    scores = dataset.score([other])
    assert scores.mask_map50 == 0
    assert scores.map50 == 1


def posed(folder: Path, kind: str, points: Any = POINTS) -> Dataset:
    if kind == "COCO":
        return coco(
            folder,
            keypoints=lambda i: np.column_stack((points[i], [2, 1, 2])).ravel().tolist(),
            num_keypoints=lambda _: 3,
        )
    lines = []
    for (x0, y0, x1, y1), own in zip(BOXES, points, strict=True):
        box = ((x0 + x1) / 2 / 200, (y0 + y1) / 2 / 100, (x1 - x0) / 200, (y1 - y0) / 100)
        rows = own / SIZE
        if kind == "YOLO":
            rows = np.column_stack((rows, [2, 1, 2]))
        lines.append("0 " + " ".join(f"{v:.6f}" for v in (*box, *rows.ravel())))
    return yolo(folder, lines, f"kpt_shape: [3, {3 if kind == 'YOLO' else 2}]")


def with_points(shift: float = 0.0, count: int = 3) -> Detections:
    points = np.concatenate((POINTS + shift, np.ones((2, 3, 1))), axis=2)[:, :count]
    return found(keypoints=points.astype(np.float32))


@pytest.mark.parametrize("kind", ["COCO", "YOLO", "YOLO without visibility"])
def test_keypoints_by_oks(tmp_path: Path, kind: str) -> None:
    dataset = posed(tmp_path, kind)
    right = dataset.score([with_points()])
    assert right.keypoint_map == pytest.approx(1)
    # OKS = exp(-d² / (2 area (2s)²)), s = 1 / 3; the area of YOLO's is 0.53 of the box'.
    area = 3600 * (1 if kind == "COCO" else 0.53)
    wanted = 0.77
    shift = math.sqrt(-math.log(wanted) * 2 * area * (2 / 3) ** 2 / 2)
    moved = dataset.score([with_points(shift)])
    assert (moved.keypoint_map50, moved.keypoint_map75) == (1, 1)
    assert moved.keypoint_map == pytest.approx(0.6)  # 0.50, 0.55 … 0.75
    assert moved.map == 1


def test_another_number_of_keypoints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ground truth has 3 keypoints, the model 2"):
        posed(tmp_path, "COCO").score([with_points(count=2)])


def test_seventeen_points_have_coco_s_deviations(tmp_path: Path) -> None:
    points = np.zeros((2, 17, 2))
    points[:, 0], points[:, 11] = BOXES[:, :2] + 10, BOXES[:, :2] + 30
    labelled = np.zeros((2, 17, 3))
    labelled[..., :2] = points
    labelled[:, [0, 11], 2] = 2
    dataset = coco(
        tmp_path, keypoints=lambda i: labelled[i].ravel().tolist(), num_keypoints=lambda _: 2
    )
    near = labelled.copy()
    near[:, 0, 0] += 4  # of the nose, whose deviation is 0.026
    near[..., 2] = 1
    oks = (math.exp(-16 / (2 * 3600 * (2 * 0.026) ** 2)) + 1) / 2
    scores = dataset.score([found(keypoints=near.astype(np.float32))])
    passed = sum(oks >= t for t in np.arange(0.5, 0.96, 0.05))
    assert 0 < passed < 10
    assert scores.keypoint_map == pytest.approx(passed / 10)


def test_classes_and_entries_of_one_name_keep_their_shapes(tmp_path: Path) -> None:
    dataset = outlined(tmp_path, "polygons")
    picture = dataset.pictures[0]
    assert len(picture.shapes.rows(np.array([False, True])).outlines) == 1
    double = Dataset(
        dataset.class_names,
        (picture, picture),
        dataset.category_ids,
        written_names=dataset.written_names,
    ).by_name()
    assert len(double.pictures[0].shapes.outlines) == 2
    assert double.score([found(masks=masks())], ["thing"]).mask_map50 == 1
    assert isinstance(double.score([found()]), DetectionScores)
