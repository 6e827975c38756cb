"""Exports as people have them: each is recognised, and both runtimes read the same object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests import exported_graphs as graphs
from tests.exported_graphs import BOX, CLASS, HEIGHT, SCORE, WIDTH, Graph

from sightline.build import decoders, detector
from sightline.config import EngineOptions, ModelOptions
from sightline.engines.openvino_ import save_ir
from sightline.errors import ModelError
from sightline.models.card import CardReading, read_card
from sightline.models.file import open_model
from sightline.models.model_card import write_card
from sightline.protocols import Detector
from sightline.types import Detections, Frame, Pixels

FrameOf = Callable[..., Frame]
EFFICIENT = ("num_dets", "det_boxes", "det_scores", "det_classes")
NAS = ("graph2_num_predictions", "graph2_pred_boxes", "graph2_pred_scores", "graph2_pred_classes")
TENSORFLOW = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
SCOPED = tuple(f"detect/{name}:0" for name in TENSORFLOW)
NHWC = (1, HEIGHT, WIDTH, 3)
NAMES = "class_names: [a, b, c]"
HEADS = (8, 16, 32)
STRIDE_NAMES = "{}_pred_stride_{}"
END = "decoder: end-to-end"
POSE = f"decoder: yolov8-pose\n{NAMES}"

Case = tuple[str, str, Callable[[], Graph], str]
CASES: list[Case] = [
    # What it is, the family, the graph, the card.
    ("YOLOv8, channels last", "yolov8", lambda: graphs.yolov8(NHWC), ""),
    ("YOLOv8, grey", "yolov8", lambda: graphs.yolov8((1, 1, HEIGHT, WIDTH)), ""),
    ("YOLOv8, grey, channels last", "yolov8", lambda: graphs.yolov8((1, HEIGHT, WIDTH, 1)), ""),
    ("YOLOv8, bytes", "yolov8", lambda: graphs.yolov8(dtype=TensorProto.UINT8), ""),
    (
        "YOLOv8, grey bytes",
        "yolov8",
        lambda: graphs.yolov8((1, 1, HEIGHT, WIDTH), TensorProto.UINT8),
        "",
    ),
    ("YOLOv8, half", "yolov8", lambda: graphs.yolov8(dtype=TensorProto.FLOAT16), ""),
    ("YOLOv8, rows", "yolov8-rows", graphs.yolov8_rows, NAMES),
    ("YOLOv8, rows of COCO", "yolov8-rows", lambda: graphs.yolov8_rows(80), ""),
    (
        "YOLOv8 with its raw heads",
        "yolov8",
        lambda: graphs.with_raw_heads(graphs.yolov8()),
        "",
    ),
    ("YOLOv8 with a head at stride 4", "yolov8", lambda: graphs.yolov8_of(4, 8, 16, 32), ""),
    ("YOLOv3-tiny of Ultralytics", "yolov8", lambda: graphs.yolov8_of(16, 32), ""),
    ("YOLOv10 of any size", "end-to-end", lambda: graphs.end_to_end(dims=("n", "k", "c")), END),
    ("RT-DETR of Ultralytics, until 2026", "detr-rows", graphs.detr_rows, NAMES),
    (
        "RT-DETR of Ultralytics with two classes",
        "detr-rows",
        lambda: graphs.detr_rows(2),
        "decoder: detr-rows",
    ),
    (
        "RT-DETR of Ultralytics, best pairs",
        "detr-rows",
        lambda: graphs.end_to_end(best_pairs=True),
        "decoder: detr-rows",
    ),
    ("YOLOv6", "yolov6", graphs.yolov6, ""),
    ("GOLD-YOLO end2end", "efficient-nms", lambda: graphs.efficient_nms(EFFICIENT), ""),
    (
        "YOLOv7, three heads",
        "yolov5-heads",
        lambda: graphs.yolov5_heads(anchor=(76, 55)),
        "anchors: yolov7",
    ),
    ("YOLOv5, three heads", "yolov5-heads", graphs.yolov5_heads, ""),
    ("YOLOv5, heads mixed up", "yolov5-heads", lambda: graphs.yolov5_heads((32, 8, 16)), ""),
    (
        "YOLOv5, heads of four axes",
        "yolov5-heads",
        lambda: graphs.yolov5_heads(flat=True),
        "decoder: yolov5-heads",
    ),
    (
        "YOLOv5, anchors of its own",
        "yolov5-heads",
        lambda: graphs.yolov5_heads(anchor=(50, 40)),
        "anchors: [[[1, 1], [1, 1], [1, 1]], [[9, 9], [50, 40], [9, 9]], [[1, 1], [1, 1], [1, 1]]]",
    ),
    ("NanoDet-Plus", "nanodet", graphs.nanodet, NAMES),
    ("NanoDet-Plus without a card", "nanodet", graphs.nanodet, ""),
    ("NanoDet of three levels", "nanodet", lambda: graphs.nanodet(plus=False), NAMES),
    (
        "NanoDet-g of COCO",
        "nanodet-eleven",
        lambda: graphs.nanodet(plus=False, bins=11, classes=80),
        "",
    ),
    (
        "NanoDet-EfficientNet-Lite2",
        "nanodet-eleven",
        lambda: graphs.nanodet(plus=False, bins=11),
        NAMES,
    ),
    ("NanoDet-Plus of 11 bins", "nanodet-eleven", lambda: graphs.nanodet(bins=11), NAMES),
    (
        "NanoDet, heads by name",
        "nanodet-heads",
        lambda: graphs.two_heads_a_level(HEADS, STRIDE_NAMES),
        "",
    ),
    (
        "NanoDet, heads of 32 classes, largest first",
        "nanodet-heads",
        lambda: graphs.two_heads_a_level(HEADS[::-1], STRIDE_NAMES, classes=32),
        "",
    ),
    (
        "NanoDet-g, heads of COCO",
        "nanodet-heads",
        lambda: graphs.two_heads_a_level(HEADS, STRIDE_NAMES, 11, 80),
        "",
    ),
    ("PicoDet, raw", "picodet-heads", lambda: graphs.two_heads_a_level((*HEADS, 64)), ""),
    (
        "PicoDet of 44 classes, raw",
        "picodet-heads",
        lambda: graphs.two_heads_a_level((*HEADS, 64), classes=44),
        "",
    ),
    ("DAMO-YOLO", "damo-yolo", lambda: graphs.boxes_and_scores("output", "b2414"), ""),
    (
        "DAMO-YOLO, renamed",
        "damo-yolo",
        lambda: graphs.boxes_and_scores("scores", "boxes"),
        "decoder: damo-yolo",
    ),
    (
        "DAMO-YOLO end2end",
        "efficient-nms",
        lambda: graphs.efficient_nms(EFFICIENT),
        "scale: 1\nresize: letterbox-top-left",
    ),
    ("MMDeploy, raw", "boxes-and-scores", lambda: graphs.boxes_and_scores("scores", "boxes"), ""),
    ("YOLO-NAS, raw", "boxes-and-scores", lambda: graphs.boxes_and_scores("b904", "s913"), ""),
    (
        "PP-YOLOE+, raw",
        "boxes-and-scores",
        lambda: graphs.boxes_and_scores("tmp_b", "tmp_s", transposed=True),
        "",
    ),
    (
        "four classes",
        "boxes-and-scores",
        lambda: graphs.boxes_and_scores("scores", "boxes", classes=4),
        "",
    ),
    ("EfficientNMS", "efficient-nms", lambda: graphs.efficient_nms(EFFICIENT), ""),
    ("EfficientNMS, (N,)", "efficient-nms", lambda: graphs.efficient_nms(EFFICIENT, (1,)), ""),
    (
        "MMYOLO",
        "efficient-nms",
        lambda: graphs.efficient_nms(("num_dets", "boxes", "scores", "labels")),
        "",
    ),
    ("EfficientNMS, ()", "efficient-nms", lambda: graphs.efficient_nms(EFFICIENT, ()), ""),
    (
        "EfficientNMS, halves and long numbers",
        "efficient-nms",
        lambda: graphs.efficient_nms(EFFICIENT, types=(np.int64, np.float16, np.float16, np.int64)),
        "",
    ),
    (
        "EfficientNMS, no batch",
        "efficient-nms",
        lambda: graphs.efficient_nms(EFFICIENT, (1,), batched=False),
        "",
    ),
    (
        "EfficientNMS, all floats, another order",
        "efficient-nms",
        lambda: graphs.efficient_nms(EFFICIENT, types=(np.float32,) * 4, order=(3, 0, 2, 1)),
        "",
    ),
    ("YOLO-NAS, batch", "yolo-nas", lambda: graphs.efficient_nms(NAS), ""),
    (
        "YOLO-NAS, flat",
        "yolo-nas-flat",
        lambda: graphs.yolov7(score_first=True, name="graph2_flat_predictions"),
        "",
    ),
    ("YOLOv7 end2end", "yolov7-end2end", graphs.yolov7, ""),
    ("D-FINE", "labelled-boxes", graphs.labelled, ""),
    ("D-FINE, int32", "labelled-boxes", lambda: graphs.labelled(dtype=np.int32), ""),
    (
        "RT-DETR, another order",
        "labelled-boxes",
        lambda: graphs.labelled(("scores", "labels", "boxes")),
        "",
    ),
    ("TensorFlow", "tensorflow", lambda: graphs.tensorflow(TENSORFLOW, NHWC), ""),
    ("TensorFlow, scoped", "tensorflow", lambda: graphs.tensorflow(SCOPED, NHWC), ""),
    (
        "TensorFlow, more outputs",
        "tensorflow",
        lambda: graphs.tensorflow(TENSORFLOW, (1, "h", "w", 3), extra=True),
        f"size: [{WIDTH}, {HEIGHT}]",
    ),
    ("Custom Vision", "custom-vision", graphs.custom_vision, ""),
    ("torchvision", "torchvision", graphs.torchvision, ""),
    (
        "torchvision, open",
        "torchvision",
        lambda: graphs.torchvision(dims=(3, "h", "w")),
        f"size: [{WIDTH}, {HEIGHT}]",
    ),
    (
        "Faster R-CNN of numbers",
        "torchvision",
        lambda: graphs.torchvision(("6379", "6381", "6383")),
        "",
    ),
    ("channels last, no batch", "torchvision", lambda: graphs.torchvision(dims=NHWC[1:]), ""),
    ("MMDeploy", "mmdet", graphs.mmdet, ""),
    ("MMDeploy with masks", "mmdet", lambda: graphs.mmdet(masks=True), ""),
    ("OTX", "otx", lambda: graphs.mmdet(batched=False, boxes_called="boxes"), ""),
    ("MMDetection, no batch", "mmdet", lambda: graphs.mmdet(batched=False), ""),
    ("SSD", "ssd", graphs.ssd, ""),
    (
        "PaddleDetection",
        "paddle",
        lambda: graphs.paddle(im_shape=(1, 2), scale_factor=(1, 2)),
        "",
    ),
    ("PP-YOLOE+", "paddle", lambda: graphs.paddle(scale_factor=("n", 2)), ""),
    ("PP-YOLOE+ without NMS", "boxes-and-scores", graphs.pp_yoloe_raw, ""),
    (
        "PP-YOLOE+ without post-processing",
        "pp-yoloe-rows",
        graphs.pp_yoloe_rows,
        "decoder: pp-yoloe-rows",
    ),
    ("PP-DocLayout", "paddle", graphs.pp_doclayout, ""),
    ("Paddle, no count", "paddle", lambda: graphs.paddle(count=False), "decoder: paddle"),
    ("RF-DETR", "rf-detr", lambda: graphs.detr("dets", "labels"), ""),
    ("RF-DETR, four classes", "rf-detr", lambda: graphs.detr("labels", "dets", classes=4), ""),
    ("RT-DETR, raw", "detr", lambda: graphs.detr("pred_logits", "pred_boxes"), ""),
    ("four classes, boxes first", "detr", lambda: graphs.detr("boxes", "logits", classes=4), ""),
    (
        "DETR with more outputs",
        "detr",
        lambda: graphs.detr("logits", "last_hidden_state", "pred_boxes", "encoder_logits"),
        "",
    ),
    (
        "DETR of COCO",
        "detr-softmax",
        lambda: graphs.detr("logits", "pred_boxes", classes=91, queries=100, softmax=True),
        "",
    ),
    (
        "DETR by its names",
        "detr-softmax",
        lambda: graphs.detr("logits", "pred_boxes", queries=100, softmax=True),
        NAMES,
    ),
    (
        "DETR by its card",
        "detr-softmax",
        lambda: graphs.detr("logits", "pred_boxes", softmax=True),
        "decoder: detr-softmax",
    ),
    (
        "DETR with a mask",
        "detr-softmax",
        lambda: graphs.detr("logits", "pred_boxes", softmax=True, mask=True),
        NAMES,
    ),
    ("YOLOv8-seg", "yolov8-segment", graphs.yolov8_segment, ""),
    ("YOLOv8-seg, half", "yolov8-segment", lambda: graphs.yolov8_segment(TensorProto.FLOAT16), ""),
    ("YOLOv5-seg, prototypes first", "yolov5-segment", graphs.yolov5_segment, ""),
    ("YOLO26-seg", "end-to-end-segment", graphs.end_to_end_segment, ""),
    ("YOLOv8-pose", "yolov8-pose", graphs.yolov8_pose, POSE),
    (
        "YOLOv8-pose of two values",
        "yolov8-pose",
        lambda: graphs.yolov8_pose(2),
        f"decoder: yolov8-pose\nkeypoint_shape: [3, 2]\n{NAMES}",
    ),
    ("YOLO26-pose", "end-to-end-pose", graphs.end_to_end_pose, "decoder: end-to-end-pose"),
    ("YOLOv8-OBB", "yolov8-obb", graphs.yolov8_obb, "decoder: yolov8-obb"),
    ("YOLO26-OBB", "end-to-end-obb", graphs.end_to_end_obb, "decoder: end-to-end-obb"),
    ("Mask R-CNN of torchvision", "torchvision", graphs.mask_rcnn, ""),
    ("Mask R-CNN of torchvision, pasted", "torchvision", lambda: graphs.mask_rcnn(True), ""),
    ("Mask R-CNN of MMDetection", "mmdet", lambda: graphs.mmdet_masks(False), ""),
    ("RTMDet-Ins", "mmdet", lambda: graphs.mmdet_masks(True), ""),
]
every_case = pytest.mark.parametrize(
    ("family", "make", "card"), [pytest.param(*rest, id=name) for name, *rest in CASES]
)
RUNTIMES = ("onnxruntime", "openvino")
IN_IR = {
    "YOLOv8, grey bytes", "YOLOv8, grey, channels last", "D-FINE", "TensorFlow", "torchvision",
    "YOLOv8-seg", "YOLOv8-pose", "YOLOv8-OBB", "channels last, no batch", "SSD", "PaddleDetection", "DETR with a mask", "YOLOv5, three heads",
}  # fmt: skip


def _unnamed() -> Graph:
    """Boxes and two lists of floats, of which no name tells anything."""
    boxes, scores, labels = graphs.lists()
    return graphs.answers(x=labels, y=boxes, z=scores)


def written(make: Callable[[], Graph], card: str, folder: Path) -> Path:
    path = make().save(folder / "export.onnx")
    if card:
        path.with_suffix(".yaml").write_text(card, encoding="utf-8")
    return path


def read(path: Path) -> CardReading:
    return read_card(open_model(path), decoders())


@pytest.fixture(params=RUNTIMES)
def backend(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def load() -> Iterator[Callable[..., Detector]]:
    """A factory of detectors, closed at the end."""
    made: list[Detector] = []

    def make(path: Path, backend: str, **options: Any) -> Detector:
        engine = EngineOptions(requests=1, threads=1, precision="fp32")
        made.append(
            detector(ModelOptions(model=str(path), backend=backend, engine=engine, **options))
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def shown(one: Detector, frames: Sequence[Frame]) -> list[Detections]:
    return one.submit(frames).result(timeout=60)


def noise() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def check(found: Detections, score: float = SCORE) -> None:
    assert found.class_ids.tolist() == [CLASS]
    assert found.scores.tolist() == pytest.approx([score], abs=2e-3)
    assert np.abs(found.boxes - np.array([BOX])).max() < 0.1, found.boxes


@every_case
def test_the_object_is_found(
    family: str,
    make: Callable[[], Graph],
    card: str,
    backend: str,
    tmp_path: Path,
    load: Callable[..., Detector],
    frame_of: FrameOf,
) -> None:
    path = written(make, card, tmp_path)
    assert read(path).card.decoder == family
    one = load(path, backend)
    black, found = shown(one, [frame_of(np.zeros((HEIGHT, WIDTH, 3), np.uint8)), frame_of(noise())])
    check(found)
    check(black)


@pytest.mark.parametrize(
    ("family", "make", "card"),
    [pytest.param(*rest, id=name) for name, *rest in CASES if name in IN_IR],
)
def test_an_ir_of_another_tool_is_given_the_same_inputs(
    family: str,
    make: Callable[[], Graph],
    card: str,
    tmp_path: Path,
    load: Callable[..., Detector],
    frame_of: FrameOf,
) -> None:
    openvino = pytest.importorskip("openvino")
    path = written(make, card, tmp_path).with_suffix(".xml")
    openvino.save_model(openvino.Core().read_model(str(path.with_suffix(".onnx"))), str(path))
    assert read(path).card.decoder == family
    (found,) = shown(load(path, "openvino"), [frame_of(noise())])
    check(found)


def test_rows_of_a_real_nms_are_as_many_as_objects(
    tmp_path: Path, backend: str, load: Callable[..., Detector], frame_of: FrameOf
) -> None:
    path = written(graphs.yolov7_with_nms, "", tmp_path)
    assert read(path).card.decoder == "yolov7-end2end"
    dark = np.full((HEIGHT, WIDTH, 3), 20, np.uint8)
    bright = np.full_like(dark, 230)  # 0.9
    one = load(path, backend)
    first, second, third = shown(one, [frame_of(dark), frame_of(bright), frame_of(dark)])
    check(second)
    assert len(first) == len(third) == 0


@pytest.mark.parametrize("name", ["yolov7-end2end", "ssd", "paddle", "torchvision"])
def test_a_program_that_tells_no_outputs_may_have_flat_ones(name: str, tmp_path: Path) -> None:
    program = tmp_path / "program.torchscript"
    program.write_bytes(b"PK")
    program.with_suffix(".yaml").write_text(f"decoder: {name}\nsize: 640")
    assert read(program).flat
    program.with_suffix(".yaml").write_text("decoder: yolov8\nsize: 640")
    assert not read(program).flat


def test_pixels_do_not_fit_into_signed_bytes(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"its input is int8.*floats or of uint8"):
        read(written(lambda: graphs.yolov8(dtype=TensorProto.INT8), "", tmp_path))


def test_an_export_to_ir_keeps_its_card(
    tmp_path: Path, load: Callable[..., Detector], frame_of: FrameOf
) -> None:
    """The graph that is converted has one picture input already, and the card names its outputs."""
    pytest.importorskip("openvino")
    reading = read(written(graphs.labelled, "", tmp_path))
    path = tmp_path / "ir" / "export.xml"
    save_ir(reading.file.content, path)
    write_card(reading.card, path)
    assert [i.name for i in open_model(path).inputs] == ["images"]
    assert read(path).card == reading.card
    (found,) = shown(load(path, "openvino"), [frame_of(noise())])
    check(found)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(graphs.labelled, ("rgb", 1 / 255, "stretch"), id="D-FINE"),
        pytest.param(
            lambda: graphs.efficient_nms(EFFICIENT),
            ("rgb", 1 / 255, "letterbox"),
            id="EfficientNMS",
        ),
        pytest.param(
            lambda: graphs.efficient_nms(NAS), ("rgb", 1 / 255, "letterbox"), id="YOLO-NAS"
        ),
        pytest.param(
            lambda: graphs.tensorflow(TENSORFLOW, NHWC), ("rgb", 1.0, "stretch"), id="TensorFlow"
        ),
        pytest.param(
            lambda: graphs.tensorflow(TENSORFLOW, (1, "h", "w", 3)),
            ("rgb", 1.0, "letterbox"),
            id="TensorFlow of any size resizes its pictures itself",
        ),
        pytest.param(
            lambda: graphs.torchvision(dims=(3, "h", "w")),
            ("rgb", 1 / 255, "letterbox"),
            id="torchvision",
        ),
        pytest.param(graphs.mmdet, ("rgb", 1.0, "letterbox-top-left"), id="MMDeploy"),
        pytest.param(graphs.ssd, ("bgr", 1.0, "stretch"), id="SSD"),
        pytest.param(graphs.paddle, ("rgb", 1 / 255, "stretch"), id="Paddle"),
        pytest.param(graphs.nanodet, ("bgr", 1.0, "stretch"), id="NanoDet"),
        pytest.param(
            lambda: graphs.two_heads_a_level((*HEADS, 64)),
            ("rgb", 1 / 255, "stretch"),
            id="PicoDet",
        ),
        pytest.param(
            lambda: graphs.boxes_and_scores("output", "b2414"),
            ("rgb", 1.0, "letterbox-top-left"),
            id="DAMO-YOLO",
        ),
        pytest.param(
            lambda: graphs.yolov8((1, 1, HEIGHT, WIDTH)), ("rgb", 1 / 255, "letterbox"), id="grey"
        ),
        pytest.param(
            lambda: graphs.yolov8(dtype=TensorProto.UINT8), ("rgb", 1.0, "letterbox"), id="bytes"
        ),
    ],
)
def test_pixels_come_as_the_family_learnt_them(
    make: Callable[[], Graph], expected: tuple[str, float, str], tmp_path: Path
) -> None:
    card = read(written(make, "", tmp_path)).card
    assert (card.order, card.scale, card.resize) == expected


def test_the_mean_and_deviation_of_a_family(tmp_path: Path) -> None:
    rf_detr = read(written(lambda: graphs.detr("dets", "labels"), "", tmp_path)).card
    assert (rf_detr.scale, rf_detr.mean[0], rf_detr.std[2]) == (
        pytest.approx(1 / 255),
        0.485,
        0.225,
    )
    rt_detr = read(written(lambda: graphs.detr("logits", "boxes"), "", tmp_path)).card
    assert (rt_detr.mean, rt_detr.std) == ((0, 0, 0), (1, 1, 1))
    mmdet = read(written(graphs.mmdet, "", tmp_path)).card
    assert (mmdet.mean[0], mmdet.std[2], mmdet.pad) == (123.675, 57.375, 0)
    grey = written(lambda: graphs.yolov8((1, 1, HEIGHT, WIDTH)), "mean: 0.4\nstd: [0.2]", tmp_path)
    assert (read(grey).card.mean, read(grey).card.std) == ((0.4,) * 3, (0.2,) * 3)


@pytest.mark.parametrize(
    ("make", "card", "message"),
    [
        pytest.param(
            graphs.yolov8,
            "class_names: [a, b]",
            r"export\.yaml: there are 2 class_names, but the outputs are those of 3 classes \(yolov8",
            id="too few",
        ),
        pytest.param(graphs.yolov8, "class_names: [a, b, c, d]", "4 class_names.*3", id="too many"),
        pytest.param(
            graphs.yolov8, "class_names: {0: a, 1: b}", "2 class_names.*3", id="too few by id"
        ),
        pytest.param(
            graphs.yolov8, "class_names: {1: a, 3: b}", "4 class_names.*3", id="id 3 of 3"
        ),
        pytest.param(
            lambda: graphs.detr("dets", "labels", classes=91),
            "class_names: [a, b]",
            "2 class_names.*91 classes",
            id="a list for RF-DETR",
        ),
        pytest.param(
            lambda: graphs.detr("logits", "pred_boxes", queries=100),
            "",
            r"export\.onnx: .*logits 1×100×3, pred_boxes 1×100×4.*write a card export\.yaml.*"
            "`decoder: detr` or `decoder: detr-softmax`",
            id="softmax or sigmoid",
        ),
        pytest.param(
            lambda: graphs.yolov5_heads(flat=True), "", "`decoder: yolov5-heads`", id="four axes"
        ),
        pytest.param(
            lambda: graphs.paddle(count=False),
            "",
            "`decoder: end-to-end` or `decoder: paddle`",
            id="rows of six",
        ),
        pytest.param(
            lambda: graphs.yolov5_heads((8, 16)), "", "known families", id="a level is missing"
        ),
        pytest.param(
            graphs.yolov5_heads,
            "anchors: [[[1, 1], [1, 1], [1, 1]]]",
            r"3 heads with 3 anchors each, and anchors are known for \[3\]",
            id="anchors of one level",
        ),
        pytest.param(
            graphs.yolov5_heads,
            "anchors: yolov9",
            r"export\.yaml: anchors: known anchors are yolov5, yolov5-p6, yolov7",
            id="anchors of an unknown model",
        ),
        pytest.param(
            graphs.yolov5_heads,
            "anchors: yolov5-p6",
            "3 heads with 3 anchors each",
            id="P6 anchors",
        ),
        pytest.param(
            lambda: graphs.nanodet(plus=False, bins=11, classes=5),
            "class_names: [a, b]",
            "there are 2 class_names, but",
            id="bins that nothing tells",
        ),
        pytest.param(
            graphs.yolov8,
            "anchors: [[[1, 1]]]",
            "the family yolov8 has no anchors",
            id="anchors of a family that has none",
        ),
        pytest.param(
            _unnamed,
            "",
            r"`outputs: \[NAME, …\]` in the order",
            id="scores or classes",
        ),
        pytest.param(
            _unnamed,
            "decoder: labelled-boxes\noutputs: [x, y, q]",
            r"outputs: the model has none called 'q'; it has x, y, z",
            id="an output that is not there",
        ),
    ],
)
def test_what_shapes_do_not_tell_is_asked_for(
    make: Callable[[], Graph], card: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        read(written(make, card, tmp_path))


def test_a_card_says_which_output_is_which(
    tmp_path: Path, backend: str, load: Callable[..., Detector], frame_of: FrameOf
) -> None:
    path = written(_unnamed, "decoder: labelled-boxes\noutputs: [y, z, x]", tmp_path)
    (found,) = shown(load(path, backend), [frame_of(noise())])
    check(found)


@pytest.mark.parametrize(
    ("card", "names"),
    [
        pytest.param("class_names: {1: a, 2: b}", ("a", "b"), id="the model's own ids"),
        pytest.param("class_names: {0: a, 1: b}", ("a", "b"), id="from 0"),
        pytest.param("class_names: [a, b]", ("a", "b"), id="a list"),
        pytest.param("{first_class: 0, class_names: {1: a, 2: b}}", ("0", "a", "b"), id="as it is"),
    ],
)
def test_names_of_classes_that_are_counted_from_one(
    card: str, names: tuple[str, ...], tmp_path: Path
) -> None:
    path = written(lambda: graphs.tensorflow(TENSORFLOW, NHWC), card, tmp_path)
    assert read(path).card.class_names == names


def test_a_class_counted_from_one_is_the_card_s(
    tmp_path: Path, load: Callable[..., Detector], frame_of: FrameOf
) -> None:
    path = written(
        lambda: graphs.tensorflow(TENSORFLOW, NHWC),
        "{first_class: 0, class_names: [n, a, b]}",
        tmp_path,
    )
    (found,) = shown(load(path, "onnxruntime"), [frame_of(noise())])
    assert found.class_name(int(found.class_ids[0])) == "b"  # the model says 2


def test_a_class_beyond_the_names_is_said_once(
    tmp_path: Path, load: Callable[..., Detector], frame_of: FrameOf, caplog: Any
) -> None:
    path = written(graphs.torchvision, "class_names: [a]", tmp_path)
    one = load(path, "onnxruntime")
    with caplog.at_level("WARNING", "sightline.models.detector"):
        for _ in range(2):
            (found,) = shown(one, [frame_of(noise())])
    check(found)
    (said,) = [r.getMessage() for r in caplog.records]
    assert "found class 1, and its 1 class names" in said
    assert "first_class: 1" in said


def test_each_picture_of_an_open_batch_is_told_its_size(
    tmp_path: Path, backend: str, load: Callable[..., Detector], frame_of: FrameOf
) -> None:
    """D-FINE with an open batch: three pictures, whose scores are their brightness."""
    path = written(graphs.labelled_batch, "", tmp_path)
    one = load(path, backend, conf=0.1)
    levels = (60, 120, 180)
    found = shown(one, [frame_of(np.full((HEIGHT, WIDTH, 3), n, np.uint8)) for n in levels])
    for level, each in zip(levels, found, strict=True):
        check(each, level / 255)


def test_rf_detr_may_have_logits_that_are_never_used(tmp_path: Path) -> None:
    path = written(
        lambda: graphs.detr("dets", "labels", classes=91), "class_names: {1: a, 2: b}", tmp_path
    )
    assert read(path).card.class_names == ("0", "a", "b")
    path.with_suffix(".yaml").unlink()
    names = read(path).card.class_names
    assert (len(names), names[1], names[90]) == (91, "person", "toothbrush")


def test_the_grey_of_a_picture_is_its_luma(
    tmp_path: Path, backend: str, load: Callable[..., Detector], frame_of: FrameOf
) -> None:
    """A model that answers with the mean of its grey input as the score."""
    graph = Graph((1, 1, HEIGHT, WIDTH))
    mean = graph.add("ReduceMean", "images", keepdims=0)
    boxes, scores, labels = graphs.lists()
    graph.answer("boxes", boxes)
    graph.output("scores", graph.add("Mul", graph.value(scores / SCORE), mean), scores.shape)
    graph.answer("labels", labels)
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 2] = 255  # BGR
    one = load(graph.save(tmp_path / "grey.onnx"), backend, conf=0.1)
    check(*shown(one, [frame_of(red)]), score=0.299)
    check(*shown(one, [frame_of(np.full_like(red, 128))]), score=128 / 255)


@pytest.mark.parametrize(
    ("make", "card", "said"),
    [
        pytest.param(
            lambda: graphs.detr("logits", "pred_boxes", softmax=True),
            "",
            "write `decoder: detr-softmax`",
            id="a softmax read as sigmoids",
        ),
        pytest.param(
            lambda: graphs.yolov6("output"), "", "write `decoder: yolox-decoded`", id="decoded rows"
        ),
        pytest.param(
            lambda: graphs.nanodet(plus=False, bins=11, classes=5),
            "",
            "`decoder: nanodet`, or `nanodet-eleven`",
            id="NanoDet read as YOLOX",
        ),
        pytest.param(lambda: graphs.detr("logits", "pred_boxes"), "", None, id="sigmoids"),
        pytest.param(
            lambda: graphs.yolov6("output"), "decoder: yolov6", None, id="rows that a card names"
        ),
    ],
)
def test_what_looks_like_another_family_is_said_once(
    make: Callable[[], Graph],
    card: str,
    said: str | None,
    tmp_path: Path,
    load: Callable[..., Detector],
    frame_of: FrameOf,
    caplog: Any,
) -> None:
    one = load(written(make, card, tmp_path), "onnxruntime")
    with caplog.at_level("WARNING", "sightline.models.decoders"):
        for _ in range(2):
            shown(one, [frame_of(noise())])
    messages = [r.getMessage() for r in caplog.records]
    assert len(messages) == (said is not None)
    assert said is None or said in messages[0]


@pytest.mark.parametrize(
    ("anchors", "said"), [("", True), ("anchors: yolov5", False), ("anchors: yolov7", False)]
)
def test_anchors_that_nobody_told_are_said_to_be_a_guess(
    anchors: str, said: bool, tmp_path: Path, caplog: Any
) -> None:
    with caplog.at_level("WARNING", "sightline.models.card"):
        read(written(graphs.yolov5_heads, anchors, tmp_path))
    assert ("`anchors: yolov7`" in caplog.text) == said


@pytest.mark.parametrize("plugin", ["EfficientNMS_TRT", "TRTBatchedNMS"])
def test_plugins_of_tensorrt_are_named_with_a_way_out(
    plugin: str, backend: str, tmp_path: Path, load: Callable[..., Detector]
) -> None:
    graph = graphs.efficient_nms(EFFICIENT)
    graph.nodes.append(helper.make_node(plugin, ["num_dets"], ["spare"], domain="TRT"))
    graph.outputs.append(helper.make_tensor_value_info("spare", TensorProto.INT32, (1, 1)))
    path = graph.save(tmp_path / "export.onnx", opsets={"TRT": 1})
    with pytest.raises(ModelError, match=f"{plugin} is a plugin of TensorRT.*Export the model"):
        load(path, backend)
