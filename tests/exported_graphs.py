"""Small ONNX graphs as the exporters of many projects write them, whose one answer is known.

Every graph shows ``BOX`` of class 1 of 3 with a score of 0.9 in an input of 160 × 96. Its outputs
depend on the input by adding 0 × its mean, so that no runtime folds them away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sightline.types import Floats

CANVAS = WIDTH, HEIGHT = 160, 96  # not square, so that width and height cannot be mixed up
CLASSES, CLASS, SCORE = 3, 1, 0.9
BOX = (24.0, 16.0, 104.0, 64.0)
CENTRE = (64.0, 40.0, 80.0, 48.0)
CELLS = 20 * 12 + 10 * 6 + 5 * 3
SIZES = np.array([WIDTH, HEIGHT] * 2, np.float32)

Dims = Sequence[int | str]


class Graph:
    """An ONNX graph that is written node by node."""

    def __init__(self, shape: Dims = (1, 3, HEIGHT, WIDTH), dtype: int = TensorProto.FLOAT) -> None:
        self.inputs = [helper.make_tensor_value_info("images", dtype, shape)]
        self.outputs: list[Any] = []
        self.weights: list[Any] = []
        self.nodes: list[Any] = []
        floats = self.add("Cast", "images", to=TensorProto.FLOAT)
        self._nothing = self.add("Mul", self.add("ReduceMean", floats, keepdims=0), self.value(0.0))

    def input(self, name: str, dims: Dims, dtype: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, dtype, dims))
        return name

    def value(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def answer(self, name: str, value: Any, dims: Dims | None = None) -> None:
        """An output of one array, in the array's own type; ``dims`` may leave some open."""
        array = np.asarray(value)
        self.output(name, self.value(array), dims or array.shape, array.dtype)

    def output(self, name: str, tensor: str, dims: Dims, dtype: Any = np.float32) -> None:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        summed = self.add("Add", tensor, self._nothing)
        self.nodes.append(helper.make_node("Cast", [summed], [name], to=kind))
        self.outputs.append(helper.make_tensor_value_info(name, kind, dims))

    def save(
        self,
        path: Path,
        metadata: Mapping[str, str] | None = None,
        opsets: Mapping[str, int] | None = None,
    ) -> Path:
        graph = helper.make_graph(self.nodes, "export", self.inputs, self.outputs, self.weights)
        versions = {"": 17, **(opsets or {})}
        imports = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        if metadata:
            helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        onnx.save(model, str(path))
        return path


def lists(count: int = 20, at: int = 2) -> tuple[Floats, Floats, Floats]:
    """Boxes (1, K, 4), scores (1, K) and class ids (1, K) with the object in one row."""
    boxes, scores = np.zeros((1, count, 4), np.float32), np.zeros((1, count), np.float32)
    labels = np.zeros((1, count), np.float32)
    boxes[0, at], scores[0, at], labels[0, at] = BOX, SCORE, CLASS
    return boxes, scores, labels


def logit(score: float) -> float:
    return float(np.log(score / (1 - score)))


def answers(shape: Dims = (1, 3, HEIGHT, WIDTH), **outputs: Any) -> Graph:
    """A graph of one picture input with these outputs."""
    graph = Graph(shape)
    for name, value in outputs.items():
        graph.answer(name, value)
    return graph


# One-stage detectors.


def yolov8(shape: Dims = (1, 3, HEIGHT, WIDTH), dtype: int = TensorProto.FLOAT) -> Graph:
    rows = np.zeros((1, 4 + CLASSES, CELLS), np.float32)
    rows[0, :4, 100], rows[0, 4 + CLASS, 100] = CENTRE, SCORE
    graph = Graph(shape, dtype)
    graph.answer("output0", rows)
    return graph


def yolov8_of(*strides: int) -> Graph:
    """The same with a head for each of other strides."""
    count = sum((WIDTH // s) * (HEIGHT // s) for s in strides)
    rows = np.zeros((1, 4 + CLASSES, count), np.float32)
    rows[0, :4, 10], rows[0, 4 + CLASS, 10] = CENTRE, SCORE
    return answers(output0=rows)


def end_to_end(*, best_pairs: bool = False, dims: Dims = (1, 20, 6)) -> Graph:
    """Rows of box, score and class; with ``best_pairs`` the box as RT-DETR's: centre, size, relative."""
    rows = np.zeros((1, 20, 6), np.float32)
    box = np.array(CENTRE) / SIZES if best_pairs else BOX
    rows[0, 2] = (*box, SCORE, CLASS)
    graph = Graph()
    graph.answer("output0", rows, dims)
    return graph


def detr_rows(classes: int = CLASSES) -> Graph:
    """RT-DETR as Ultralytics exported it until 2026: a score for each class."""
    rows = np.full((1, 30, 4 + classes), 0.01, np.float32)
    rows[0, 7, :4], rows[0, 7, 4 + CLASS] = np.array(CENTRE) / SIZES, SCORE
    return answers(output0=rows)


def yolov8_rows(classes: int = CLASSES) -> Graph:
    rows = np.zeros((1, CELLS, 4 + classes), np.float32)
    rows[0, 100, :4], rows[0, 100, 4 + CLASS] = CENTRE, SCORE
    return answers(output0=rows)


def yolov6(name: str = "outputs") -> Graph:
    rows = np.zeros((1, CELLS, 5 + CLASSES), np.float32)
    rows[0, :, 4] = 1
    rows[0, 100, :4], rows[0, 100, 5 + CLASS] = CENTRE, SCORE
    return answers(**{name: rows})


HEADS = {8: (20, 12), 16: (10, 6), 32: (5, 3)}
ANCHOR = (62, 45)
"""The second one at stride 16."""


def yolov5_heads(
    order: Sequence[int] = (8, 16, 32), flat: bool = False, anchor: tuple[int, int] = ANCHOR
) -> Graph:
    graph = Graph()
    for stride in order:
        columns, rows = HEADS[stride]
        head = np.full((1, 3, rows, columns, 5 + CLASSES), -200.0, np.float32)
        if stride == 16:
            x, y = 4, 2  # cell 64 // 16, 40 // 16
            offset = [(CENTRE[0] / 16 - x + 0.5) / 2, (CENTRE[1] / 16 - y + 0.5) / 2]
            size = [np.sqrt(CENTRE[2] / anchor[0]) / 2, np.sqrt(CENTRE[3] / anchor[1]) / 2]
            head[0, 1, y, x, :4] = [logit(v) for v in (*offset, *size)]
            head[0, 1, y, x, [4, 5 + CLASS]] = logit(0.95), logit(SCORE / 0.95)
        if flat:
            head = head.transpose(0, 1, 4, 2, 3).reshape(1, -1, rows, columns)
        graph.answer(f"head{stride}", head)
    return graph


def nanodet(plus: bool = True, bins: int = 8, classes: int = CLASSES) -> Graph:
    cells = CELLS + 3 * 2 if plus else CELLS  # stride 64, rounded up
    rows = np.zeros((1, cells, classes + 4 * bins), np.float32)
    at = 240 + 2 * 10 + 4  # stride 16: the cell at 64, 32
    rows[0, at, CLASS] = SCORE
    rows[0, at, classes:] = distances(*((64, 32) if plus else (72, 40)), bins)
    return answers(output=rows)


def distances(x: int, y: int, bins: int) -> Floats:
    """Logits of the distances from a point to the sides of the box in strides of 16, (4 × bins)."""
    sides = np.full((4, bins), -80.0, np.float32)
    for side, distance in enumerate((x - BOX[0], y - BOX[1], BOX[2] - x, BOX[3] - y)):
        low = int(distance / 16)
        part = distance / 16 - low
        sides[side, low] = np.log(1 - part)
        if part:
            sides[side, low + 1] = np.log(part)
    return sides.ravel()


def two_heads_a_level(
    strides: Sequence[int], names: str = "", bins: int = 8, classes: int = CLASSES
) -> Graph:
    """NanoDet's and PicoDet's scores and distances of each level; ``names`` has a place for what and stride."""
    graph = Graph()
    for number, (kind, columns) in enumerate((("cls", classes), ("dis", 4 * bins))):
        for stride in strides:
            across, down = -(-WIDTH // stride), -(-HEIGHT // stride)
            rows = np.zeros((1, across * down, columns), np.float32)
            if stride == 16:
                at = 2 * across + 4  # the cell whose middle is 72, 40
                rows[0, at] = distances(72, 40, bins) if number else 0
                if not number:
                    rows[0, at, CLASS] = SCORE
            name = names.format(kind, stride) if names else f"transpose_{len(graph.outputs)}.tmp_0"
            graph.answer(name, rows)
    return graph


def boxes_and_scores(*names: str, transposed: bool = False, classes: int = CLASSES) -> Graph:
    boxes = np.zeros((1, CELLS, 4), np.float32)
    scores = np.zeros((1, CELLS, classes), np.float32)
    boxes[0, 100], scores[0, 100, CLASS] = BOX, SCORE
    values = {"boxes": boxes, "scores": scores.transpose(0, 2, 1) if transposed else scores}
    return answers(**{name: values["boxes" if "b" in name else "scores"] for name in names})


def pp_yoloe_rows() -> Graph:
    """Boxes by corners and scores in one output, as ``exclude_post_process`` leaves them."""
    rows = np.zeros((1, CELLS, 4 + CLASSES), np.float32)
    rows[0, 100, :4], rows[0, 100, 4 + CLASS] = BOX, SCORE
    return answers(**{"concat_14.tmp_0": rows})


def pp_yoloe_raw() -> Graph:
    """Boxes by ``scale_factor`` (height, width) and scores with classes first, as ``exclude_nms`` leaves them."""
    boxes, scores = np.zeros((1, CELLS, 4)), np.zeros((1, CLASSES, CELLS), np.float32)
    boxes[0, 100], scores[0, CLASS, 100] = BOX, SCORE
    graph = Graph()
    factor = graph.input("scale_factor", [1, 2])
    order = graph.value([1, 0, 1, 0], np.int64)
    by = graph.add(
        "Unsqueeze", graph.add("Gather", factor, order, axis=1), graph.value([1], np.int64)
    )
    graph.output("tmp_16", graph.add("Div", graph.value(boxes), by), boxes.shape)
    graph.answer("concat_14.tmp_0", scores)
    return graph


def with_raw_heads(graph: Graph) -> Graph:
    """The same with its heads as further outputs, as training exports have them."""
    for stride, (columns, rows) in HEADS.items():
        graph.answer(f"raw{stride}", np.ones((1, 9, rows, columns), np.float32))
    return graph


def yolov7_with_nms() -> Graph:
    """YOLOv8's candidates and a real NonMaxSuppression: as many rows as there are objects.

    Candidates above a brightness of 0.5 only: a dark picture gives no rows at all.
    """
    graph = Graph()
    boxes, scores = np.zeros((1, CELLS, 4), np.float32), np.zeros((1, CLASSES, CELLS), np.float32)
    boxes[0, 100], boxes[0, 101] = BOX, np.array(BOX) + 1
    scores[0, CLASS, 100], scores[0, CLASS, 101] = 1.0, 0.95
    mean = graph.add("ReduceMean", "images", keepdims=0)
    real = graph.add("Mul", graph.value(scores), mean)
    corners = graph.value(boxes[..., [1, 0, 3, 2]])  # this node has y first
    limits = graph.value([10], np.int64), graph.value([0.45]), graph.value([0.5])
    picked = graph.add("NonMaxSuppression", corners, real, *limits)  # (K, 3) picture, class, box

    def column(at: int) -> str:
        return graph.add("Gather", picked, graph.value([at], np.int64), axis=1)

    def number(at: int) -> str:
        return graph.add("Cast", column(at), to=TensorProto.FLOAT)

    found = graph.add("GatherND", real, picked)
    rows = graph.add("Squeeze", column(2), graph.value([1], np.int64))
    kept = graph.add("Gather", graph.value(boxes[0]), rows, axis=0)
    scored = graph.add("Unsqueeze", found, graph.value([1], np.int64))
    graph.output(
        "output", graph.add("Concat", number(0), kept, number(1), scored, axis=1), ("k", 7)
    )
    return graph


# Lists of objects.


def efficient_nms(
    names: Sequence[str],
    count_shape: Sequence[int] = (1, 1),
    *,
    types: Sequence[Any] = (np.int32, np.float32, np.float32, np.int32),
    order: Sequence[int] = (0, 1, 2, 3),
    batched: bool = True,
) -> Graph:
    found = lists()
    found[0][0, 10], found[1][0, 10] = (0, 0, 9, 9), 0.99  # left over, behind the count
    values = [np.full(count_shape, 5), *(found if batched else (v[0] for v in found))]
    return answers(**{names[i]: values[i].astype(types[i]) for i in order})


def labelled(order: Sequence[str] = ("labels", "boxes", "scores"), dtype: Any = np.int64) -> Graph:
    """Boxes relative to the picture, times what the second input says."""
    graph = Graph()
    sizes = graph.input("orig_target_sizes", [1, 2], TensorProto.INT64)
    boxes, scores, labels = lists(30)
    both = graph.add("Concat", sizes, sizes, axis=1)
    times = graph.add("Unsqueeze", graph.add("Cast", both, to=1), graph.value([1], np.int64))
    scaled = graph.add("Mul", graph.value(boxes / SIZES), times)
    for name in order:
        if name == "boxes":
            graph.output("boxes", scaled, (1, 30, 4))
        else:
            graph.answer(name, scores if name == "scores" else labels.astype(dtype))
    return graph


def labelled_batch() -> Graph:
    """The same for any number of pictures; their scores are their brightness."""
    graph = Graph(("n", 3, HEIGHT, WIDTH))
    sizes = graph.input("orig_target_sizes", ["n", 2], TensorProto.INT64)
    boxes, scores, labels = lists(30)
    both = graph.add("Cast", graph.add("Concat", sizes, sizes, axis=1), to=TensorProto.FLOAT)
    times = graph.add("Unsqueeze", both, graph.value([1], np.int64))
    scaled = graph.add("Mul", graph.value(boxes / SIZES), times)
    means = graph.add("ReduceMean", "images", axes=[1, 2], keepdims=0)
    each = graph.add("ReduceMean", means, axes=[1], keepdims=1)
    none = graph.add("Mul", each, graph.value(0.0))
    ids = graph.add("Add", graph.value(labels), none)
    graph.output("labels", ids, ("n", 30), np.int64)
    graph.output("boxes", scaled, ("n", 30, 4))
    graph.output("scores", graph.add("Mul", graph.value(scores / SCORE), each), ("n", 30))
    return graph


def tensorflow(names: Sequence[str], shape: Dims, *, extra: bool = False) -> Graph:
    boxes, scores, labels = lists()
    relative = (boxes / SIZES)[..., [1, 0, 3, 2]]
    values = (relative, labels + 1, scores, np.array([5], np.float32))
    graph = Graph(shape, TensorProto.UINT8)
    for name, value in zip(names, values, strict=True):
        graph.answer(name, value)
    if extra:
        graph.answer("raw_detection_boxes", np.zeros((1, 50, 4), np.float32))
        graph.answer("raw_detection_scores", np.zeros((1, 50, 4), np.float32))
        graph.answer("detection_multiclass_scores", np.ones((1, 20, 4), np.float32))
        graph.answer("detection_anchor_indices", np.ones((1, 20), np.float32))
    return graph


def torchvision(names: Sequence[str] = ("boxes", "labels", "scores"), dims: Dims = ()) -> Graph:
    boxes, scores, labels = lists(6)
    values = dict(
        zip(("b", "s", "l"), (boxes[0], scores[0], labels[0].astype(np.int64)), strict=True)
    )
    graph = Graph(dims or (3, HEIGHT, WIDTH))
    for name, kind in zip(names, "bls", strict=True):
        graph.answer(name, values[kind])
    return graph


def mmdet(batched: bool = True, masks: bool = False, boxes_called: str = "dets") -> Graph:
    boxes, scores, labels = lists()
    dets = np.concatenate((boxes, scores[..., None]), axis=2)
    labels = labels.astype(np.int64)
    if not batched:
        dets, labels = dets[0], labels[0]
    graph = answers(**{boxes_called: dets, "labels": labels})
    if masks:
        graph.answer("masks", np.zeros((1, 20, 28, 28), np.float32))
    return graph


def custom_vision() -> Graph:
    boxes, scores, labels = lists()
    return answers(
        detected_boxes=boxes / SIZES,
        detected_classes=labels.astype(np.int64),
        detected_scores=scores,
    )


# Rows.


def yolov7(rows: int = 3, score_first: bool = False, name: str = "output") -> Graph:
    out = np.zeros((rows, 7), np.float32)
    out[0] = (0, *BOX, SCORE, CLASS) if score_first else (0, *BOX, CLASS, SCORE)
    graph = Graph()
    graph.answer(name, out, ("objects", 7))
    return graph


def ssd() -> Graph:
    out = np.zeros((1, 1, 9, 7), np.float32)
    out[0, 0, 0] = (0, CLASS, SCORE, *(np.array(BOX) / SIZES))
    out[0, 0, 1, 0] = -1
    out[0, 0, 2] = (0, CLASS, 0.99, 0, 0, 1, 1)  # left over
    return answers(detection_out=out)


def pp_doclayout() -> Graph:
    """Rows with a seventh column, the order in which a page is read; names as PaddleX gives them."""
    rows = np.zeros((4, 7), np.float32)
    rows[0] = CLASS, SCORE, *BOX, 3
    rows[1] = -1
    graph = Graph()
    graph.answer("fetch_name_0", rows, ("rows", 7))
    graph.answer("fetch_name_1", np.array([2], np.int32))
    return graph


def paddle(count: bool = True, **sizes: Dims) -> Graph:
    """Boxes relative to the picture, times ``im_shape`` and by ``scale_factor``."""
    rows = np.zeros((4, 6), np.float32)
    rows[0] = CLASS, SCORE, *(np.array(BOX) / SIZES)
    rows[1] = -1
    graph = Graph()
    given = {name: graph.input(name, dims) for name, dims in sizes.items()}
    tensor = graph.value(rows if "im_shape" in given else rows * [1, 1, *SIZES])
    if "im_shape" in given:
        shape = graph.add("Gather", given["im_shape"], graph.value([1, 0, 1, 0], np.int64), axis=1)
        ones = graph.value(np.ones((1, 2)))
        tensor = graph.add("Mul", tensor, graph.add("Concat", ones, shape, axis=1))
    if "scale_factor" in given:
        factor = graph.add(
            "Gather", given["scale_factor"], graph.value([1, 0, 1, 0], np.int64), axis=1
        )
        ones = graph.value(np.ones((1, 2)))
        tensor = graph.add("Div", tensor, graph.add("Concat", ones, factor, axis=1))
    graph.output("multiclass_nms3_0.tmp_0", tensor, ("rows", 6))
    if count:
        graph.answer("multiclass_nms3_0.tmp_2", np.array([2], np.int32))
    return graph


# DETR and its children.


def detr(
    *names: str,
    classes: int = CLASSES,
    queries: int = 50,
    softmax: bool = False,
    mask: bool = False,
    open_dims: bool = False,
) -> Graph:
    boxes = np.full((1, queries, 4), 0.5, np.float32)
    boxes[0, 7] = np.array(CENTRE) / SIZES
    logits = np.full((1, queries, classes + softmax), -9.0, np.float32)
    if softmax:
        logits[..., -1] = 9  # no object
        logits[0, 7] = -50
        logits[0, 7, [CLASS, -1]] = np.log(SCORE), np.log(1 - SCORE)
    else:
        logits[0, 7, CLASS] = logit(SCORE)
    graph = Graph()
    if mask:
        pixels = graph.input("pixel_mask", [1, 64, 64], TensorProto.INT64)
        share = graph.add("ReduceMean", graph.add("Cast", pixels, to=1), keepdims=0)
        tensor = graph.add("Mul", graph.value(boxes), share)
        graph.answer(names[0], logits)
        graph.output(names[1], tensor, boxes.shape)
        return graph
    values = {"boxes": boxes, "logits": logits}
    for name in names:
        value = values["boxes" if name in {"boxes", "pred_boxes", "dets"} else "logits"]
        graph.answer(name, value, ("n", "q", value.shape[2]) if open_dims else None)
    return graph


Make = Callable[[], Graph]


# Masks, keypoints and turned boxes.

PROTOTYPES = 8
KEYPOINTS = ((30.0, 20.0, 0.9), (64.0, 40.0, 0.5), (100.0, 60.0, 0.1))
ANGLE = 0.5


def prototypes() -> Floats:
    """(1, M, H / 4, W / 4): the second one is positive in the left half of the picture, the others noise."""
    planes = np.random.default_rng(3).normal(0, 1, (1, PROTOTYPES, HEIGHT // 4, WIDTH // 4))
    planes[0, 1] = np.clip((64 - (np.arange(WIDTH // 4) * 4 + 2)) / 8, -1, 1)
    return planes.astype(np.float32)


def coefficients() -> list[float]:
    """Of a mask that is the left half of the picture, up to x = 64, within its box."""
    return [0.0, 3.0, *[0.0] * (PROTOTYPES - 2)]


def yolov8_segment(dtype: int = TensorProto.FLOAT) -> Graph:
    rows = np.zeros((1, 4 + CLASSES + PROTOTYPES, CELLS), np.float32)
    rows[0, :4, 100], rows[0, 4 + CLASS, 100] = CENTRE, SCORE
    rows[0, 4 + CLASSES :, 100] = coefficients()
    graph = Graph(dtype=dtype)
    graph.answer("output0", rows)
    graph.answer("output1", prototypes())
    return graph


def segment_with_faint_prototypes() -> Graph:
    """Masks of what is bright, made by two layers with one faint plane beside seven that are 2,000 times as strong:
    a scale for all of them leaves nothing of the faint one, which alone makes the masks."""
    rows = np.zeros((1, 4 + CLASSES + PROTOTYPES, CELLS), np.float32)
    rows[0, :4, 100], rows[0, 4 + CLASS, 100] = CENTRE, SCORE
    rows[0, 4 + CLASSES :, 100] = coefficients()
    graph = Graph()
    graph.answer("output0", rows)
    strength = np.float32([2000, 1, *[2000] * (PROTOTYPES - 2)])
    mean = np.full((PROTOTYPES, 3, 4, 4), 1 / 48, np.float32) * strength[:, None, None, None]
    planes = graph.add("Conv", "images", graph.value(mean), strides=[4, 4])
    own = np.zeros((PROTOTYPES, PROTOTYPES, 3, 3), np.float32)
    own[range(PROTOTYPES), range(PROTOTYPES), 1, 1] = 1 / strength
    bias = graph.value(np.full(PROTOTYPES, -0.4, np.float32))
    made = graph.add("Conv", planes, graph.value(own), bias, pads=[1, 1, 1, 1])
    graph.output("output1", made, (1, PROTOTYPES, HEIGHT // 4, WIDTH // 4))
    return graph


def yolov5_segment() -> Graph:
    rows = np.zeros((1, 3 * CELLS, 5 + CLASSES + PROTOTYPES), np.float32)
    rows[0, 100, :5], rows[0, 100, 5 + CLASS] = (*CENTRE, 1.0), SCORE
    rows[0, 100, 5 + CLASSES :] = coefficients()
    return answers(output1=prototypes(), output0=rows)


def end_to_end_segment() -> Graph:
    rows = np.zeros((1, 20, 6 + PROTOTYPES), np.float32)
    rows[0, 2] = (*BOX, SCORE, CLASS, *coefficients())
    return answers(output0=rows, output1=prototypes())


def yolov8_pose(each: int = 3, classes: int = CLASSES) -> Graph:
    points = [value for point in KEYPOINTS for value in point[:each]]
    rows = np.zeros((1, 4 + classes + len(points), CELLS), np.float32)
    rows[0, :4, 100], rows[0, 4 + CLASS, 100] = CENTRE, SCORE
    rows[0, 4 + classes :, 100] = points
    return answers(output0=rows)


def end_to_end_pose() -> Graph:
    rows = np.zeros((1, 20, 6 + 3 * len(KEYPOINTS)), np.float32)
    rows[0, 2] = (*BOX, SCORE, CLASS, *np.ravel(KEYPOINTS))
    return answers(output0=rows)


def yolov8_obb() -> Graph:
    rows = np.zeros((1, 4 + CLASSES + 1, CELLS), np.float32)
    rows[0, :4, 100], rows[0, 4 + CLASS, 100], rows[0, -1, 100] = CENTRE, SCORE, ANGLE
    return answers(output0=rows)


def end_to_end_obb() -> Graph:
    rows = np.zeros((1, 20, 7), np.float32)
    rows[0, 2] = (*CENTRE, SCORE, CLASS, ANGLE)
    return answers(output0=rows)


def object_masks(whole: bool, middle: bool) -> Floats:
    """Probabilities (20, h, w), or (20, 1, h, w), of the left half of the box, or of the picture up to x = 64."""
    shape = (20, HEIGHT, WIDTH) if whole else (20, 28, 28)
    masks = np.zeros(shape, np.float32)
    masks[..., : 64 if whole else 14] = 1
    return masks[:, None] if middle else masks


def mask_rcnn(whole: bool = False) -> Graph:
    """torchvision's: lists without a batch."""
    graph = torchvision()
    graph.answer("masks", object_masks(whole, middle=True)[:6])
    return graph


def mmdet_masks(whole: bool) -> Graph:
    graph = mmdet()
    graph.answer("masks", object_masks(whole, middle=False)[None])
    return graph
