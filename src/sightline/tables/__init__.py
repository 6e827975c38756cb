"""The interchangeable parts, by the words that users know them by: one literal table of each kind.

A new part is one new file and one entry here. The keys and types of the configuration, the flags of
the command line, the checks of paths and the reference pages follow from the entry. Nothing is
imported until a part is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sightline.tables.entries import (
    ExporterEntry,
    Option,
    SinkEntry,
    SourceEntry,
    TrackerEntry,
)

ENGINES = {
    "openvino": "sightline.engines.openvino_:OpenVinoEngine",
    "onnxruntime": "sightline.engines.onnxruntime_:OnnxRuntimeEngine",
    "torch": "sightline.engines.pytorch.engine:TorchEngine",
    "tensorrt": "sightline.engines.tensorrt.engine:TensorRtEngine",
    "triton": "sightline.engines.triton.engine:TritonEngine",
}

EXPORTERS = {
    "onnx": ExporterEntry(
        "sightline.optimize.export.onnx_:write_onnx", "ONNX", ".onnx",
        ("network", "program", "onnx"), backend="onnxruntime", packages=("onnx", "torch"),
    ),
    "openvino": ExporterEntry(
        "sightline.optimize.export.openvino_:write_ir", "OpenVINO IR", ".xml",
        ("network", "program", "onnx", "openvino"), backend="openvino", companions=(".bin",),
        packages=("openvino",), halves=True,
    ),
    "torchscript": ExporterEntry(
        "sightline.optimize.export.torch_programs:write_torchscript", "TorchScript", ".torchscript",
        ("network",), backend="torch", packages=("torch",),
    ),
    "program": ExporterEntry(
        "sightline.optimize.export.torch_programs:write_program", "a program of PyTorch", ".pt2",
        ("network", "program"), backend="torch", packages=("torch",),
    ),
    "coreml": ExporterEntry(
        "sightline.optimize.export.coreml:write_mlpackage", "Core ML", ".mlpackage",
        ("network", "onnx"), packages=("coremltools", "torch"), halves=True, dynamic=False,
    ),
    "tensorrt": ExporterEntry(
        "sightline.optimize.export.tensorrt_:write_engine", "TensorRT engine", ".engine", ("onnx",),
        backend="tensorrt", other_suffixes=(".plan",), packages=("tensorrt", "onnx"), halves=True,
    ),
}  # fmt: skip

# Tried in this order where a model does not say what it is: the surest outputs come first.
DECODERS = {
    "yolov5": "sightline.models.decoders.yolov5:YoloV5",
    "yolov5-segment": "sightline.models.decoders.prototypes:YoloV5Segment",
    "yolov5-heads": "sightline.models.decoders.yolov5_heads:YoloV5Heads",
    "yolov6": "sightline.models.decoders.yolox:YoloV6",
    "nanodet": "sightline.models.decoders.nanodet:NanoDet",
    "nanodet-eleven": "sightline.models.decoders.nanodet:NanoDetEleven",
    "nanodet-heads": "sightline.models.decoders.nanodet:NanoDetHeads",
    "picodet-heads": "sightline.models.decoders.nanodet:PicoDetHeads",
    "yolox": "sightline.models.decoders.yolox:YoloX",
    "yolox-decoded": "sightline.models.decoders.yolox:YoloXDecoded",
    "yolov8": "sightline.models.decoders.yolov8:YoloV8",
    "yolov8-segment": "sightline.models.decoders.prototypes:YoloV8Segment",
    "yolov8-pose": "sightline.models.decoders.keypoints:YoloV8Pose",
    "yolov8-obb": "sightline.models.decoders.oriented:YoloV8Obb",
    "yolov8-rows": "sightline.models.decoders.yolov8:YoloV8Rows",
    "end-to-end": "sightline.models.decoders.end_to_end:EndToEnd",
    "end-to-end-segment": "sightline.models.decoders.prototypes:EndToEndSegment",
    "end-to-end-pose": "sightline.models.decoders.keypoints:EndToEndPose",
    "end-to-end-obb": "sightline.models.decoders.oriented:EndToEndObb",
    "yolo-nas": "sightline.models.decoders.objects:YoloNas",
    "tensorflow": "sightline.models.decoders.objects:TensorFlow",
    "custom-vision": "sightline.models.decoders.objects:CustomVision",
    "efficient-nms": "sightline.models.decoders.objects:EfficientNms",
    "labelled-boxes": "sightline.models.decoders.objects:LabelledBoxes",
    "torchvision": "sightline.models.decoders.objects:TorchVision",
    "otx": "sightline.models.decoders.objects:Otx",
    "mmdet": "sightline.models.decoders.objects:MmDet",
    "yolo-nas-flat": "sightline.models.decoders.flat_rows:YoloNasFlat",
    "yolov7-end2end": "sightline.models.decoders.flat_rows:Yolov7EndToEnd",
    "ssd": "sightline.models.decoders.flat_rows:Ssd",
    "paddle": "sightline.models.decoders.flat_rows:Paddle",
    "damo-yolo": "sightline.models.decoders.boxes_and_scores:DamoYolo",
    "boxes-and-scores": "sightline.models.decoders.boxes_and_scores:BoxesAndScores",
    "pp-yoloe-rows": "sightline.models.decoders.boxes_and_scores:PpYoloeRows",
    "rf-detr": "sightline.models.decoders.detr:RfDetr",
    "detr": "sightline.models.decoders.detr:Detr",
    "detr-softmax": "sightline.models.decoders.detr:DetrSoftmax",
    "detr-rows": "sightline.models.decoders.detr:DetrRows",
}

# Words with a scheme of no other kind are a `url`; files, folders and numbers are told by their form.
SOURCES: Mapping[str, SourceEntry] = {
    "file": SourceEntry("sightline.sources.file:FileSource", takes=("loop", "turn")),
    "url": SourceEntry("sightline.sources.live:LiveSource", takes=("options", "turn"), live=True),
    "sdp": SourceEntry("sightline.sources.live:SdpSource", takes=("options", "turn"), live=True),
    "camera": SourceEntry(
        "sightline.sources.live:CameraSource", takes=("options", "turn"), live=True
    ),
    "images": SourceEntry("sightline.sources.images:ImageSource", takes=("fps",)),
    "street": SourceEntry("sightline.sources.street.source:StreetSource", ("street",)),
}

SINKS: Mapping[str, SinkEntry] = {
    "json_lines": SinkEntry(
        "sightline.sinks.jsonl:for_output",
        "JSON lines: a file, a folder/ with one for each stream, - for stdout",
        ".jsonl",
        flags=("--json",),
        unset="-, with no other output",
        options={
            "json_polygons": Option(
                bool, "masks in JSON lines are polygons, not COCO's run lengths", False
            ),
        },
        shared="run",
    ),
    "csv": SinkEntry(
        "sightline.sinks.csv_:for_output",
        "a row for each object: a file, or a folder/ with one for each stream",
        ".csv",
        shared="run",
    ),
    "coco": SinkEntry(
        "sightline.sinks.coco:for_output",
        "COCO JSON: a file, or a folder/ with one for each stream",
        ".json",
        companions=(".part",),
    ),
    "mot": SinkEntry(
        "sightline.sinks.mot:for_output",
        "MOT rows: a file, or a folder/ with one for each stream",
        ".txt",
        together=True,
    ),
    "yolo_txt": SinkEntry(
        "sightline.sinks.yolo_txt:for_output",
        "YOLO labels: a folder, with a file for each picture or frame",
        takes="folder",
        options={
            "yolo_scores": Option(
                bool, "YOLO labels have the score behind each box, and then the track id", False
            ),
            "yolo_pictures": Option(
                bool,
                "the pictures are written beside their YOLO labels, frames of videos too",
                False,
            ),
        },
        together=True,
        shared="model",
        inside=("data.yaml", "classes.txt"),
        folders=(("labels", r".*\.txt"), ("images", r".*\.jpg", "yolo_pictures")),
    ),
    "crops": SinkEntry(
        "sightline.sinks.crops:for_output",
        "pictures of the objects: a folder, by stream and class",
        takes="folder",
        options={
            "crops_per_track": Option(
                int, "the best so many crops of each track; 0: all of them", 3, least=0
            ),
            "crops_every": Option(
                int,
                "crops of each so many-th frame only",
                unset="all, and each 25th of videos without tracks",
                least=1,
            ),
        },
        together=True,
        folders=(("", r".*-\d{6,}(-\d+)?\.jpg"),),
    ),
    "annotated": SinkEntry(
        "sightline.sinks.annotated:for_output",
        "video (.mp4, .mov, .mkv, .avi, .webm) or picture file, or a folder/",
        ".mp4",
        flags=("--output", "-o"),
        options={
            "show_fps": Option(bool, "the rate is drawn into annotated pictures", False),
        },
        together=True,
        stills_apart=True,
        pictures=r".*-\d{6,}(-\d+)?\.(jpg|png)",
    ),
    "database": SinkEntry(
        "sightline.sinks.database:for_output",
        "SQLite file or database URL; runs are added to it",
        ".db",
        takes="database",
        flags=("--db",),
        shared="always",
        companions=("-wal", "-shm", "-journal"),
    ),
    "show": SinkEntry(
        "sightline.sinks.window:for_output",
        "a live window; q closes it",
        takes="nothing",
        together=True,
    ),
}

CAMERA_MOTIONS = ("off", "affine", "homography")
"""What trackers may take the camera's motion for; see ``tracking.camera_motion``."""

# What all trackers take. Those that begin and end the list of a tracker's options are the same everywhere.
_SCORES = {
    "high_threshold": Option(
        float, "score of detections that are matched first",
        unset="the model's `conf`", least=0, most=1,
    ),
    "low_threshold": Option(
        float, "lowest score that is looked at",
        unset="0.1, or `conf` where that is lower", least=0, most=1,
    ),
    "new_track_threshold": Option(
        float, "lowest score of a new object", unset="the model's `conf`", least=0, most=1
    ),
}  # fmt: skip
_LIVES = {
    "minimum_hits": Option(int, "detections that confirm a new object", unset="2; deepsort: 3", least=1),
    "confirm_within": Option(
        int, "a new object's first frames, among which these detections must be",
        unset="as many: they follow one another", least=1,
    ),
    "lost_buffer_s": Option(
        float, "seconds out of sight after which an id is not given again",
        unset="1; deepsort: 3", least=0
    ),
    "class_aware": Option(
        bool, "join only what has the same class", unset="as the model's card says"
    ),
    "class_votes": Option(
        int, "detections after which an object keeps the class that most of them have voted for",
        unset="each detection has its own class", least=1, most=10_000,
    ),
    "camera_motion": Option(
        str, "how the picture moves when the camera shakes or turns, which is made good",
        unset="off", choices=CAMERA_MOTIONS,
    ),
}  # fmt: skip
_MATCH = Option(float, "smallest overlap (IoU) with a sure detection", unset="0.2", least=0, most=1)
_LOW_MATCH = Option(
    float, "smallest overlap (IoU) with a doubtful detection", unset="0.5", least=0, most=1
)

TRACKERS: Mapping[str, TrackerEntry] = {
    "bytetrack": TrackerEntry(
        "sightline.tracking.bytetrack:ByteTrack",
        {
            **_SCORES,
            "match_threshold": _MATCH,
            "low_match_threshold": _LOW_MATCH,
            "new_match_threshold": Option(
                float, "smallest overlap (IoU) of an object that is not confirmed",
                unset="0.3", least=0, most=1,
            ),
            **_LIVES,
        },
    ),
    "ocsort": TrackerEntry(
        "sightline.tracking.ocsort:OCSORT",
        {
            **_SCORES,
            "match_threshold": replace(_MATCH, unset="0.3"),
            "low_match_threshold": _LOW_MATCH,
            "momentum": Option(
                float, "how much it counts, beside overlap, that a detection is ahead of an object",
                unset="0.2", least=0, most=1,
            ),
            **_LIVES,
        },
    ),
    "deepsort": TrackerEntry(
        "sightline.tracking.deepsort:DeepSORTTracker",
        {
            "embedder": Option(
                str, "makes vectors of what objects look like: a name under `models`, of a bundled or "
                "pulled model, or a file", unset="the one that suits the model", is_model=True,
            ),
            **_SCORES,
            "match_threshold": replace(_MATCH, unset="0.3"),
            "low_match_threshold": _LOW_MATCH,
            "appearance_threshold": Option(
                float, "largest cosine distance between an object and a detection that looks alike",
                unset="0.25", least=0, most=1,
            ),
            "gallery": Option(int, "vectors that are kept of each object", unset="30", least=1),
            "cascade": Option(
                bool, "objects that were seen last are matched first, as in the paper", unset="no"
            ),
            **_LIVES,
            "minimum_hits": replace(_LIVES["minimum_hits"], unset="3"),
            "lost_buffer_s": replace(_LIVES["lost_buffer_s"], unset="3"),
        },
    ),
}  # fmt: skip

BUNDLED = Path(__file__).parent.parent / "models" / "bundled"
"""Models that come with the package, by name."""


def flag_of(kind: str) -> str:
    """The command line's flag of an output that messages name: ``--json`` of ``json_lines``."""
    return next(iter(SINKS[kind].flags), f"--{kind.replace('_', '-')}")


def load(reference: str) -> Any:
    """The object that a table names as ``module:name``."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)
