"""The interchangeable parts, by the words that users know them by.

A new model family, runtime or source is one new file and one line here.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

ENGINES = {
    "openvino": "sightline.engines.openvino_:OpenVinoEngine",
    "onnxruntime": "sightline.engines.onnxruntime_:OnnxRuntimeEngine",
    "torch": "sightline.engines.torch_:TorchEngine",
    "triton": "sightline.engines.triton:TritonEngine",
}

# Tried in this order where a model does not say what it is: the surest outputs come first.
DECODERS = {
    "yolov5": "sightline.models.decoders.yolov5:YoloV5",
    "yolov5-heads": "sightline.models.decoders.yolov5_heads:YoloV5Heads",
    "yolov6": "sightline.models.decoders.yolox:YoloV6",
    "nanodet": "sightline.models.decoders.nanodet:NanoDet",
    "yolox": "sightline.models.decoders.yolox:YoloX",
    "yolox-decoded": "sightline.models.decoders.yolox:YoloXDecoded",
    "yolov8": "sightline.models.decoders.yolov8:YoloV8",
    "yolov8-rows": "sightline.models.decoders.yolov8:YoloV8Rows",
    "end-to-end": "sightline.models.decoders.end_to_end:EndToEnd",
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
    "boxes-and-scores": "sightline.models.decoders.boxes_and_scores:BoxesAndScores",
    "rf-detr": "sightline.models.decoders.detr:RfDetr",
    "detr": "sightline.models.decoders.detr:Detr",
    "detr-softmax": "sightline.models.decoders.detr:DetrSoftmax",
    "detr-rows": "sightline.models.decoders.detr:DetrRows",
}

SOURCES = {
    "file": "sightline.sources.file:FileSource",
    "url": "sightline.sources.live:LiveSource",
    "sdp": "sightline.sources.live:SdpSource",
    "camera": "sightline.sources.live:CameraSource",
    "images": "sightline.sources.images:ImageSource",
    "street": "sightline.sources.street.source:StreetSource",
}

BUNDLED = Path(__file__).parent / "models" / "bundled"
"""Models that come with the package, by name."""


def load(reference: str) -> Any:
    """The object that a table names as ``module:name``."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)
