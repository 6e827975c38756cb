"""Segmentation, pose and oriented models end to end, in both runtimes, from a picture to the source's pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import exported_graphs as graphs
from tests.exported_graphs import ANGLE, CLASS, CLASSES, HEIGHT, KEYPOINTS, SCORE, WIDTH, Graph

from sightline.build import decoders, detector
from sightline.coco import KEYPOINT_NAMES
from sightline.config import EngineOptions, ModelOptions
from sightline.errors import ModelError
from sightline.models.card import CardReading, read_card
from sightline.models.file import open_model
from sightline.protocols import Detector
from sightline.types import Detections, Frame, Masks

FrameOf = Callable[..., Frame]
NAMES = "class_names: [a, b, c]"
SOURCE = (640, 480)  # letterboxed into 160 × 96: a fifth, and 16 pixels of border on both sides

MASKED = {
    "YOLOv8-seg": (graphs.yolov8_segment, 64),
    "YOLOv5-seg": (graphs.yolov5_segment, 64),
    "YOLO26-seg": (graphs.end_to_end_segment, 64),
    "Mask R-CNN": (graphs.mask_rcnn, 64),
    "Mask R-CNN, pasted": (lambda: graphs.mask_rcnn(whole=True), 64),
    "Mask R-CNN of MMDetection": (lambda: graphs.mmdet_masks(whole=False), 64),
    "RTMDet-Ins": (lambda: graphs.mmdet_masks(whole=True), 64),
}
TASKS = {
    "segment": graphs.yolov8_segment,
    "pose": graphs.yolov8_pose,
    "obb": graphs.yolov8_obb,
}


@pytest.fixture
def load() -> Iterator[Callable[..., Detector]]:
    made: list[Detector] = []

    def make(path: Path, backend: str, **options: Any) -> Detector:
        pytest.importorskip(backend)
        engine = EngineOptions(requests=1, threads=1, precision="fp32")
        made.append(
            detector(ModelOptions(model=str(path), backend=backend, engine=engine, **options))
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def written(graph: Graph, folder: Path, card: str = "", **metadata: str) -> Path:
    path = graph.save(folder / "export.onnx", metadata)
    if card:
        path.with_suffix(".yaml").write_text(card, encoding="utf-8")
    return path


def ultralytics(task: str, **more: str) -> dict[str, str]:
    return {"author": "Ultralytics", "task": task, "names": "{0: 'a', 1: 'b', 2: 'c'}", **more}


def read(path: Path) -> CardReading:
    return read_card(open_model(path), decoders())


def shown(one: Detector, frame: Frame) -> Detections:
    (found,) = one.submit([frame]).result(timeout=60)
    return found


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(("make", "right"), MASKED.values(), ids=MASKED.keys())
def test_masks_are_crops_in_the_source_picture(
    backend: str,
    make: Callable[[], Graph],
    right: int,
    tmp_path: Path,
    load: Callable[..., Detector],
    frame_of: FrameOf,
) -> None:
    """The object's left half: from 24 to 64 of the canvas, whose pixels are 5 of the picture's."""
    path = written(make(), tmp_path, "resize: letterbox")
    assert read(path).card.task == "segment"
    found = shown(load(path, backend), frame_of(np.zeros((480, 640, 3), np.uint8)))
    assert found.class_ids.tolist() == [CLASS]
    assert type(found.masks) is Masks
    assert found.masks.shape == (1, 480, 640)
    # 480 high is 96: five times; 640 wide is 128, with 16 on each side.
    rows, columns = np.nonzero(found.masks[0])
    assert (rows.min(), rows.max()) == pytest.approx((80, 319), abs=3)
    assert (columns.min(), columns.max()) == pytest.approx((40, (right - 16) * 5 - 1), abs=3)
    assert found.masks.areas[0] == pytest.approx(240 * 200, rel=0.03)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(graphs.yolov8_pose, ultralytics("pose", kpt_shape="[3, 3]"), id="YOLOv8-pose"),
        pytest.param(
            graphs.end_to_end_pose,
            ultralytics("pose", kpt_shape="(3, 3)", end2end="True"),
            id="YOLO26-pose",
        ),
        pytest.param(
            graphs.end_to_end_pose,
            ultralytics("pose", kpt_shape="[3, 3]", args="{'nms': True}"),
            id="with NMS",
        ),
    ],
)
def test_keypoints_are_points_of_the_source_picture(
    backend: str,
    make: Callable[[], Graph],
    told: dict[str, str],
    tmp_path: Path,
    load: Callable[..., Detector],
    frame_of: FrameOf,
) -> None:
    path = written(make(), tmp_path, **told)
    card = read(path).card
    assert (card.task, card.keypoint_shape, card.class_names) == ("pose", (3, 3), ("a", "b", "c"))
    found = shown(load(path, backend), frame_of(np.zeros((480, 640, 3), np.uint8)))
    expected = [[(x - 16) * 5, y * 5, score] for x, y, score in KEYPOINTS]
    assert found.keypoints[0] == pytest.approx(np.array(expected), abs=0.05)


def test_keypoints_without_visibility_score_one(
    tmp_path: Path, load: Callable[..., Detector], frame_of: FrameOf
) -> None:
    path = written(graphs.yolov8_pose(2), tmp_path, **ultralytics("pose", kpt_shape="[3, 2]"))
    found = shown(load(path, "onnxruntime"), frame_of(np.zeros((HEIGHT, WIDTH, 3), np.uint8)))
    assert found.keypoints[0, :, 2].tolist() == [1, 1, 1]
    assert found.keypoints[0, :, :2] == pytest.approx(np.array(KEYPOINTS)[:, :2], abs=0.01)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize(
    ("make", "more"),
    [(graphs.yolov8_obb, {}), (graphs.end_to_end_obb, {"end2end": "True"})],
    ids=["YOLOv8-OBB", "YOLO26-OBB"],
)
def test_boxes_are_turned(
    backend: str,
    make: Callable[[], Graph],
    more: dict[str, str],
    tmp_path: Path,
    load: Callable[..., Detector],
    frame_of: FrameOf,
) -> None:
    path = written(make(), tmp_path, **ultralytics("obb", **more))
    assert read(path).card.task == "obb"
    found = shown(load(path, backend), frame_of(np.zeros((480, 640, 3), np.uint8)))
    assert found.angles.tolist() == pytest.approx([ANGLE])
    # Centre 64, 40 and 80 × 48 in the canvas.
    assert found.boxes[0] == pytest.approx([240 - 200, 200 - 120, 240 + 200, 200 + 120], abs=0.1)


@pytest.mark.parametrize(("task", "make"), TASKS.items(), ids=TASKS.keys())
def test_batches_thresholds_classes_and_limits_hold(
    task: str,
    make: Callable[[], Graph],
    tmp_path: Path,
    load: Callable[..., Detector],
    frame_of: FrameOf,
) -> None:
    told = ultralytics(task, **({"kpt_shape": "[3, 3]"} if task == "pose" else {}))
    path = written(make(), tmp_path, **told)
    one = load(path, "onnxruntime")
    frames = [
        frame_of(np.zeros((height, width, 3), np.uint8))
        for width, height in ((160, 96), (96, 160), (1, 1), (1920, 1080))
    ]
    for found, frame in zip(one.submit(frames).result(timeout=60), frames, strict=True):
        assert len(found) == 1
        assert (found.masks is not None) == (task == "segment")
        assert (found.keypoints is not None) == (task == "pose")
        assert (found.angles is not None) == (task == "obb")
        if found.masks is not None:
            assert found.masks.size == (frame.width, frame.height)
    nothing = [
        one.replaced(conf=0.95),
        one.replaced(classes=["a"]),
    ]
    for other in nothing:
        assert len(shown(other, frames[0])) == 0
    assert len(shown(one.replaced(classes=["b"], conf=0.1, iou=0.9), frames[0])) == 1


def test_many_candidates_of_one_object_leave_one_mask(tmp_path: Path, load, frame_of) -> None:
    rows = np.zeros((1, 4 + CLASSES + 8, graphs.CELLS), np.float32)
    for at in range(50):
        rows[0, :4, at], rows[0, 4 + CLASS, at] = graphs.CENTRE, 0.5 + at / 200
        rows[0, 4 + CLASSES :, at] = graphs.coefficients()
    rows[0, 4 + CLASSES + 1, 49] = -3.0  # of the best one: the right half
    graph = graphs.answers(output0=rows, output1=graphs.prototypes())
    found = shown(
        load(written(graph, tmp_path), "onnxruntime"),
        frame_of(np.zeros((HEIGHT, WIDTH, 3), np.uint8)),
    )
    assert len(found) == 1
    columns = np.nonzero(found.masks[0])[1]
    assert (columns.min(), columns.max()) == pytest.approx((64, 103), abs=1)


# What cannot be told is said.


def test_five_names_decide_between_a_pose_and_many_classes(tmp_path: Path) -> None:
    people = np.zeros((1, 4 + 52, graphs.CELLS), np.float32)
    with pytest.raises(
        ModelError,
        match=r"`decoder: yolov8` \(52 classes\) or `decoder: yolov8-pose` \(keypoints\)",
    ):
        read(written(graphs.answers(output0=people), tmp_path))
    path = written(graphs.answers(output0=people), tmp_path, "class_names: [person]")
    card = read(path).card
    assert (card.decoder, card.keypoint_shape, card.keypoint_names) == (
        "yolov8-pose",
        (17, 3),
        KEYPOINT_NAMES,
    )
    many = "class_names: [" + ", ".join(f"c{i}" for i in range(52)) + "]"
    assert read(written(graphs.answers(output0=people), tmp_path, many)).card.decoder == "yolov8"


@pytest.mark.parametrize(
    ("card", "told", "decoder"),
    [
        pytest.param("task: pose", {}, "yolov8-pose", id="the card's task"),
        pytest.param("task: detect", {}, "yolov8", id="the card says that it only detects"),
        pytest.param("keypoint_shape: [17, 3]", {}, "yolov8-pose", id="the card's keypoints"),
        pytest.param("", {"task": "pose"}, "yolov8-pose", id="the file's task"),
        pytest.param("", {"kpt_shape": "[17, 3]"}, "yolov8-pose", id="the file's keypoints"),
    ],
)
def test_a_task_decides_too(card: str, told: dict[str, str], decoder: str, tmp_path: Path) -> None:
    people = graphs.answers(output0=np.zeros((1, 4 + 52, graphs.CELLS), np.float32))
    assert read(written(people, tmp_path, card, **told)).card.decoder == decoder


WRONG: dict[str, tuple[Callable[[], Graph], str, dict[str, str], str]] = {
    "masks without prototypes": (
        lambda: graphs.answers(output0=np.zeros((1, 39, graphs.CELLS), np.float32)),
        "",
        ultralytics("segment"),
        r"task is segment: masks, but none of its outputs has prototypes.*all of its outputs",
    ),
    "prototypes that are too small": (
        lambda: graphs.answers(
            output0=np.zeros((1, 15, graphs.CELLS), np.float32),
            output1=np.zeros((1, 8, 7, 11), np.float32),
        ),
        "",
        {},
        "known families",
    ),
    "a pose read as boxes": (
        graphs.yolov8_pose,
        "decoder: yolov8",
        ultralytics("pose", kpt_shape="[3, 3]"),
        r"task is pose: keypoints, which the family yolov8 does not have.*yolov8-pose",
    ),
    "an oriented model read as boxes": (
        graphs.yolov8_obb, "decoder: yolov8\ntask: obb", {}, r"task is obb.*yolov8-obb",
    ),
    "too many keypoints": (
        graphs.yolov8_pose,
        "",
        ultralytics("pose", kpt_shape="[17, 3]"),
        r"17 × 3 keypoints are 51 values, but the outputs have 12",
    ),
    "two ways to read keypoints": (
        lambda: graphs.answers(output0=np.zeros((1, 4 + 1 + 42, graphs.CELLS), np.float32)),
        "decoder: yolov8-pose\nclass_names: [hand]",
        {},
        r"`keypoint_shape: \[14, 3\]` or `keypoint_shape: \[21, 2\]`",
    ),
    "no whole keypoints": (
        lambda: graphs.answers(output0=np.zeros((1, 4 + 1 + 5, graphs.CELLS), np.float32)),
        "decoder: yolov8-pose\nclass_names: [hand]",
        {},
        "no whole keypoints",
    ),
    "a name for two of three keypoints": (
        graphs.yolov8_pose,
        "keypoint_names: [head, tail]",
        ultralytics("pose", kpt_shape="[3, 3]"),
        r"2 keypoint_names, but the model has 3 keypoints",
    ),
    "a keypoint shape of four values": (
        graphs.yolov8_pose, "keypoint_shape: [3, 4]", ultralytics("pose"), "keypoint_shape",
    ),
    "a keypoint shape that is no list": (
        graphs.yolov8_pose, "", ultralytics("pose", kpt_shape="many"), "kpt_shape='many' is unreadable",
    ),
    "keypoints for a detector": (
        graphs.yolov8, "keypoint_shape: [3, 3]", {}, "leave it out",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "card", "told", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_go_together_is_refused(
    make: Callable[[], Graph], card: str, told: dict[str, str], says: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=says):
        read(written(make(), tmp_path, card, **told))


def test_keypoints_may_have_no_names(tmp_path: Path) -> None:
    card = read(written(graphs.yolov8_pose(), tmp_path, **ultralytics("pose"))).card
    assert (card.keypoint_shape, card.keypoint_names) == ((3, 3), ())
    named = ultralytics("pose", kpt_names="{0: ['head', 'middle', 'tail']}")
    card = read(written(graphs.yolov8_pose(), tmp_path, **named)).card
    assert card.keypoint_names == ("head", "middle", "tail")


def test_one_keypoint_and_one_class(tmp_path: Path, load, frame_of) -> None:
    rows = np.zeros((1, 4 + 1 + 3, graphs.CELLS), np.float32)
    rows[0, :, 7] = (*graphs.CENTRE, SCORE, 50, 30, 0.7)
    told = {"author": "Ultralytics", "task": "pose", "names": "{0: 'ball'}", "kpt_shape": "[1, 3]"}
    path = written(graphs.answers(output0=rows), tmp_path, **told)
    found = shown(load(path, "onnxruntime"), frame_of(np.zeros((HEIGHT, WIDTH, 3), np.uint8)))
    assert found.keypoints.tolist() == [
        [[pytest.approx(50), pytest.approx(30), pytest.approx(0.7)]]
    ]
