"""From options to objects: the only module that knows all interchangeable parts.

A new model family, runtime or tracker is one new file and one line in a table here.
"""

from __future__ import annotations

import importlib
import importlib.util
import platform
from pathlib import Path
from typing import Any

from sightline.config import EngineOptions, ModelOptions
from sightline.errors import ModelError
from sightline.protocols import Decoder, Detector, Engine

ENGINES = {
    "openvino": "sightline.engines.openvino_:OpenVinoEngine",
    "onnxruntime": "sightline.engines.onnxruntime_:OnnxRuntimeEngine",
}

# Tried in this order where a model does not say what it is: the surest shapes come first.
DECODERS = {
    "yolov5": "sightline.models.decoders.yolov5:YoloV5",
    "yolox": "sightline.models.decoders.yolox:YoloX",
    "yolov8": "sightline.models.decoders.yolov8:YoloV8",
    "end-to-end": "sightline.models.decoders.end_to_end:EndToEnd",
    "detr": "sightline.models.decoders.detr:Detr",
    "detr-rows": "sightline.models.decoders.detr:DetrRows",
}


def load(reference: str) -> Any:
    """The object that a table names as ``module:name``."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def decoders() -> dict[str, Decoder]:
    """Every model family."""
    return {name: load(reference)() for name, reference in DECODERS.items()}


def detector(options: ModelOptions, *, stills: bool = False) -> Detector:
    """The detector that options describe.

    Args:
        options: the model and how it is used.
        stills: only a few pictures will come, so a quick start counts more than speed later.

    Raises:
        ModelError, EngineError, ConfigError: see ``read_card``, the engines and EngineDetector.
    """
    if options.model == "people":
        from sightline.models.people import PeopleDetector

        return PeopleDetector(conf=options.conf)
    from sightline.models.card import read_card
    from sightline.models.detector import EngineDetector
    from sightline.models.file import open_model

    families = decoders()
    reading = read_card(open_model(model_path(options)), families)
    card = reading.card
    engine = build_engine(reading.file.content, card.normalization, options, stills=stills)
    try:
        return EngineDetector(
            engine,
            card,
            families[card.decoder],
            **options.model_dump(
                include={"conf", "iou", "size", "classes", "max_detections", "agnostic_nms"}
            ),
        )
    except BaseException:
        engine.close()
        raise


def model_path(options: ModelOptions) -> Path:
    """The file that a model option means: a path, else a name in the folder of pulled models."""
    path = Path(options.model).expanduser()
    if path.suffix or path.exists() or options.models_dir is None:
        return path
    from sightline.models import zoo

    found = zoo.resolve(options.model, options.models_dir)
    if found is None:
        raise ModelError(
            f"model {options.model} is not here yet: fetch it with "
            f"`sightline models pull {options.model}`"
        )
    return found


def build_engine(
    model: Path | bytes, normalization: Any, options: ModelOptions, *, stills: bool = False
) -> Engine:
    """The engine that a backend option means."""
    name = pick_backend(options.backend, options.engine, stills=stills, model=model)
    engine: Engine = load(ENGINES[name])(model, normalization, options.engine)
    return engine


def pick_backend(backend: str, options: EngineOptions, *, stills: bool, model: Path | bytes) -> str:
    """The runtime for ``auto``: OpenVINO where it is installed and fast, else ONNX Runtime.

    For a few still pictures ONNX Runtime is taken: it is ready several times sooner, and no speed
    per picture makes up for that.
    """
    if backend != "auto":
        return backend
    if isinstance(model, Path) and model.suffix == ".xml":
        return "openvino"
    if options.device.startswith("cuda"):
        return "onnxruntime"
    intel_like = platform.machine().lower() in {"x86_64", "amd64", "i386"}
    has = {name for name in ("openvino", "onnxruntime") if importlib.util.find_spec(name)}
    wants_openvino = options.device.startswith(("gpu", "npu")) or options.precision in {
        "bf16",
        "fp16",
    }
    if "openvino" in has and (wants_openvino or (intel_like and not stills)):
        return "openvino"
    return "onnxruntime" if "onnxruntime" in has or "openvino" not in has else "openvino"
