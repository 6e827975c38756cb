"""What other libraries call the things that Sightline has, and errors that lead to our names.

Knows words only: what an option or an attribute does is told where it is defined.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

OPTIONS: Mapping[str, str] = {
    **dict.fromkeys(("imgsz", "img_size", "image_size", "input_size", "imgsize"), "size"),
    **dict.fromkeys(
        (
            "conf_thres", "conf_thresh", "conf_threshold", "confidence", "confidence_threshold",
            "min_confidence", "min_score", "score_thr", "score_thresh", "score_threshold",
            "threshold", "thresh",
        ),
        "conf",
    ),
    **dict.fromkeys(
        ("iou_thres", "iou_thresh", "iou_threshold", "nms", "nms_thr", "nms_thres", "nms_threshold"),
        "iou",
    ),
    **dict.fromkeys(("max_det", "max_dets", "max_objects"), "max_detections"),
    **dict.fromkeys(("agnostic", "class_agnostic"), "agnostic_nms"),
    **dict.fromkeys(("vid_stride", "frame_stride", "frame_skip", "skip_frames"), "every"),
    **dict.fromkeys(("weights", "model_path", "model_file", "checkpoint", "ckpt"), "model"),
    **dict.fromkeys(("class_ids", "cls", "filter_classes", "categories"), "classes"),
    **dict.fromkeys(("framework", "runtime", "provider", "providers"), "backend"),
    **dict.fromkeys(("tracker_type", "tracking_method"), "tracker"),
    **dict.fromkeys(("img", "im", "images", "picture", "frame"), "image"),
    **dict.fromkeys(("video", "stream_url", "uri"), "source"),
    **dict.fromkeys(("frame_rate", "framerate"), "fps"),
}  # fmt: skip
"""Options of other libraries that have another name here. Both commands and functions use it."""

TRACKER: Mapping[str, str] = {
    **dict.fromkeys(
        ("track_thresh", "track_high_thresh", "track_activation_threshold", "det_thresh"),
        "high_threshold",
    ),
    "track_low_thresh": "low_threshold",
    "new_track_thresh": "new_track_threshold",
    **dict.fromkeys(
        ("match_thresh", "minimum_matching_threshold", "minimum_iou_threshold"), "match_threshold"
    ),
    **dict.fromkeys(
        ("track_buffer", "lost_track_buffer", "max_age", "max_time_lost"), "lost_buffer_s"
    ),
    **dict.fromkeys(("minimum_consecutive_frames", "min_hits", "n_init"), "minimum_hits"),
    **dict.fromkeys(("max_cosine_distance", "max_dist"), "appearance_threshold"),
    **dict.fromkeys(("nn_budget", "budget"), "gallery"),
    **dict.fromkeys(("inertia", "vdc_weight", "direction_consistency_weight"), "momentum"),
    "fps": "frame_rate",
}
"""Options of other trackers."""

_HINTS: Mapping[str, str] = {
    **dict.fromkeys(("half", "fp16"), 'it is precision="fp16" of sl.load'),
    "int8": "sl.load runs a model in the precision that its file has",
    "verbose": 'messages go through logging.getLogger("sightline")',
    "stream": "detect gives a list for a list; track gives one frame after another",
    "stream_buffer": "live streams keep the newest frame, files every frame",
    "persist": "track keeps ids; by hand it is sl.ByteTrack().update(model.detect(frame))",
    **dict.fromkeys(("batch", "batch_size"), "give a list: its pictures run in batches"),
    "task": "the model's file and card tell it",
    **dict.fromkeys(
        ("names", "class_names"), "they are in the model's file, or class_names of its card"
    ),
    **dict.fromkeys(("data", "yaml"), "class names are in the model's file or its card"),
    **dict.fromkeys(("save", "save_img", "save_frames"), "results have save(path)"),
    **dict.fromkeys(("project", "name", "exist_ok", "save_dir"), "give save() a folder or file"),
    **dict.fromkeys(("save_txt", "save_conf"), "it is sightline.sinks.yolo_txt.YoloTxtSink"),
    "save_crop": "it is sightline.sinks.crops.CropSink",
    "save_json": "results have to_dict(); sightline.sinks.jsonl.JsonLinesSink writes files",
    **dict.fromkeys(("show", "view_img"), "results have plot(); sightline.sinks.window shows them"),
}
"""Options of other libraries that are no options here, and what does the same."""

_GIVEN = ("image", "source")
"""What is looked at is called either, which other libraries do not tell apart."""

SETTINGS = frozenset(("conf", "iou", "classes", "max_det", "agnostic", "imgsz", "names"))
"""What may be set on models of other libraries; here that would change nothing."""

_DETECTIONS: Mapping[str, str] = {
    **dict.fromkeys(("xyxy", "bbox", "bboxes", "xywh", "xyxyn", "xywhn"), "boxes"),
    **dict.fromkeys(("confidence", "conf", "confidences"), "scores"),
    **dict.fromkeys(("class_id", "cls", "classes", "labels"), "class_ids"),
    **dict.fromkeys(("tracker_id", "track_id", "id", "ids"), "track_ids"),
    **dict.fromkeys(("names", "data"), "class_names"),
    "mask": "masks",
    **dict.fromkeys(("xyxyxyxy", "polygons"), "corners"),
    "angle": "angles",
    **dict.fromkeys(("orig_img", "imgs", "ims"), "frame.image"),
    "orig_shape": "frame.height and frame.width",
    "path": "frame.stream",
    "show": "plot() or save(path)",
    **dict.fromkeys(("render", "draw", "annotate"), "plot()"),
    **dict.fromkeys(("pandas", "to_df"), "to_pandas()"),
    **dict.fromkeys(("summary", "tojson", "to_json"), "to_dict()"),
    "to_csv": "to_pandas().to_csv(path)",
    **dict.fromkeys(("areas", "box_area"), "area"),
    "save_txt": "sightline.sinks.yolo_txt.YoloTxtSink",
    **dict.fromkeys(("save_crop", "crop"), "sightline.sinks.crops.CropSink"),
}

ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "Detections": _DETECTIONS,
    "Detection": {
        **{
            name: ours
            for name, ours in _DETECTIONS.items()
            if name not in {"class_id", "track_id", "mask", "angle"}
        },
        **dict.fromkeys(("xyxy", "bbox", "xywh", "xyxyn", "xywhn"), "box"),
        **dict.fromkeys(("confidence", "conf"), "score"),
        "cls": "class_id",
        **dict.fromkeys(("tracker_id", "id"), "track_id"),
        **dict.fromkeys(("label", "class_"), "name"),
    },
    "Observation": {
        **{
            name: f"detections.{name}"
            for name in (
                "boxes",
                "scores",
                "class_ids",
                "track_ids",
                "masks",
                "class_names",
                "to_dict",
                "to_supervision",
            )
        },
        **{
            name: f"detections.{ours}"
            for name, ours in _DETECTIONS.items()
            if "." not in ours and name != "labels"
        },
        **dict.fromkeys(("image", "orig_img"), "frame.image"),
        **{name: f"frame.{name}" for name in ("stream", "index", "time", "utc", "width", "height")},
        "show": "plot() or save(path)",
        **dict.fromkeys(("render", "draw", "annotate"), "plot()"),
        **dict.fromkeys(("pandas", "to_df"), "to_pandas()"),
        "path": "frame.stream",
    },
    "Frame": {
        **dict.fromkeys(("pixels", "array", "data", "orig_img", "numpy", "img"), "image"),
        "shape": "image.shape",
        "size": "width and height",
        **dict.fromkeys(("number", "frame_id", "frame_number"), "index"),
        **dict.fromkeys(("timestamp", "pts"), "time (in the stream) or utc (wall clock)"),
        **dict.fromkeys(("resize", "resized"), "scaled(width, height, order)"),
        **dict.fromkeys(("path", "name", "source"), "stream"),
    },
    "Model": {
        **dict.fromkeys(("predict", "infer", "forward", "inference"), "detect"),
        **dict.fromkeys(("names", "classes", "labels"), "class_names"),
        **dict.fromkeys(("to", "cuda", "cpu"), "sl.load(..., device=...)"),
        "float": "sl.load(..., precision=...)",
        **dict.fromkeys(("val", "validate", "benchmark"), "the command `sightline evaluate`"),
        "export": "the command `sightline export`",
        **dict.fromkeys(("info", "summary"), "print(model)"),
        **dict.fromkeys(("boxes", "xyxy"), "model.detect(image).boxes"),
    },
    "Tracker": dict.fromkeys(
        ("update_with_detections", "update_with_tensors", "track", "step"), "update"
    ),
    "sightline": {
        **dict.fromkeys(("YOLO", "RTDETR", "Detector", "load_model", "hub", "pipeline"), "load"),
        **dict.fromkeys(("detect", "predict"), "load(model).detect(image)"),
        **dict.fromkeys(("Results", "Boxes"), "Detections"),
        **dict.fromkeys(("Tracker", "BYTETracker"), "ByteTrack"),
        **dict.fromkeys(("DeepSort", "DeepSORTTracker"), "DeepSORT"),
        **dict.fromkeys(("OCSort", "OCSORTTracker"), "OCSORT"),
    },
}
"""Attributes of other libraries, by our class, and ours."""


_NUMPY = "its arrays are NumPy's, in the processor's memory"
_NONE = "there are boxes, scores, class_ids, track_ids, masks, keypoints, angles and embeddings"

REMARKS: Mapping[str, Mapping[str, str]] = {
    "Detections": {
        **dict.fromkeys(("cpu", "cuda", "to", "numpy", "tolist"), _NUMPY),
        **dict.fromkeys(("probs", "obb"), _NONE),
        "speed": "`sightline bench` measures it",
    },
    "Model": {
        **dict.fromkeys(("conf", "iou"), "give it to load, or to detect and track"),
        **dict.fromkeys(
            ("max_det", "max_detections", "agnostic", "agnostic_nms", "imgsz", "size", "half"),
            "give it to load: size=, max_detections=, agnostic_nms=, precision=",
        ),
        **dict.fromkeys(("eval", "fuse", "warmup"), "a model is ready for use when it is loaded"),
        **dict.fromkeys(("train", "fit"), "Sightline runs models and does not train them"),
    },
}
"""Attributes of other libraries that have no counterpart, and what to know of them."""


def attribute_error(owner: object, kind: str, name: str) -> AttributeError:
    """The error for an attribute that is not there; it leads to ours where that is known."""
    ours = ATTRIBUTES[kind].get(name)
    remark = REMARKS.get("Detections" if kind == "Detection" else kind, {}).get(name)
    hint = f": it is called {ours} here" if ours else f": {remark}" if remark else ""
    shown = f"module {kind!r}" if kind == "sightline" else f"{type(owner).__name__!r} object"
    return AttributeError(f"{shown} has no attribute {name!r}{hint}", name=name, obj=owner)


def takes_our_names(*others: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Makes a function's error for an unknown keyword lead to our name of the option.

    Args:
        others: functions of the same module. A keyword that one of them takes is said to be of it.
    """

    def around(function: Callable[P, T]) -> Callable[P, T]:
        known = frozenset(_keywords(function))

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> T:
            if kwargs and not known.issuperset(kwargs):
                word = next(word for word in kwargs if word not in known)
                module = function.__globals__
                said = _ours(word, function, {name: module[name] for name in others})
                called = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
                raise TypeError(f"{called}() got an unexpected keyword argument {word!r}: {said}")
            return function(*args, **kwargs)

        return checked

    return around


def _keywords(function: Callable[..., object]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def _ours(
    word: str, function: Callable[..., object], others: Mapping[str, Callable[..., object]]
) -> str:
    """What to write instead of a keyword that a function does not take."""
    known, ours = _keywords(function), OPTIONS.get(word, word)
    if ours not in known and ours in _GIVEN:
        ours = next((name for name in _GIVEN if name in known), ours)
    ours = TRACKER[word] if TRACKER.get(word) in known else ours
    if ours in known:
        return f"it is called {ours} here"
    for name, other in others.items():
        if ours in _keywords(other):
            return f"it is {ours} of sl.{name}"
    if word in _HINTS:
        return _HINTS[word]
    near = difflib.get_close_matches(word, [*known, *OPTIONS], n=len(OPTIONS), cutoff=0.7)
    meant = [name for name in (OPTIONS.get(one, one) for one in near) if name in known]
    return f"did you mean {meant[0]}?" if meant else f"it takes {', '.join(known)}"
