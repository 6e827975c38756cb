"""What TorchServe calls: the classes that the handler of a model archive names."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from sightline.build.models import detector
from sightline.build.toolchain.cards import onnx_card
from sightline.build.toolchain.crops import crop_model
from sightline.build.toolchain.served_crops import ServedCropModel
from sightline.config import EngineOptions, ModelOptions
from sightline.errors import EngineError, InvalidRequest, SightlineError
from sightline.protocols import Detector
from sightline.sources.stills import still_frame
from sightline.types import Detections, Floats, Frame


class _Handler(ABC):
    """Takes encoded pictures, answers with the objects of each."""

    _loaded = False

    def handle(self, data: list[dict[str, Any]] | None, context: Any) -> list[Any]:
        """Called by TorchServe: once without data, then with the requests of a batch.

        Args:
            data: ``{"body": bytes}`` or ``{"data": bytes}`` of each request.
            context: TorchServe's; its properties name the folder of the model.
        """
        if not self._loaded:
            properties = context.system_properties
            path = Path(properties["model_dir"]) / "model.onnx"
            gpu = properties.get("gpu_id")
            engine = EngineOptions(device="auto" if gpu is None else f"cuda:{gpu}")
            self._load(ModelOptions(model=str(path), engine=engine))
            self._loaded = True
        answers: list[object] = []
        for number, answered in enumerate(self._answered(data or ())):
            if isinstance(answered, SightlineError):
                ours = isinstance(answered, EngineError)
                status = (500, "Internal Server Error") if ours else (400, "Bad Request")
                context.set_response_status(*status, number)
                answers.append({"error": str(answered)})
            else:
                answers.append({"objects": answered})
        return answers

    @abstractmethod
    def _load(self, options: ModelOptions) -> None:
        """Make the model ready."""

    @abstractmethod
    def _answered(self, requests: Sequence[Mapping[str, object]]) -> list[object]:
        """The objects of each request, or why there are none."""


class TorchServeDetector(_Handler):
    """A detector: the objects of a picture, as JSON lines have them."""

    _detector: Detector

    def _load(self, options: ModelOptions) -> None:
        self._detector = detector(options)

    def _answered(self, requests: Sequence[Mapping[str, object]]) -> list[object]:
        """All pictures of a batch are in flight before the first is waited for."""
        return [_objects(one) for one in [self._begun(request) for request in requests]]

    def _begun(self, request: Mapping[str, object]) -> Future[list[Detections]] | SightlineError:
        try:
            return self._detector.submit([_picture(request)])
        except SightlineError as exc:
            return exc


class TorchServeCropModel(_Handler):
    """A classifier or an embedder: names or vectors of the boxes of a picture, or of the whole of it."""

    _model: ServedCropModel

    def _load(self, options: ModelOptions) -> None:
        self._model = ServedCropModel(crop_model(options, onnx_card(Path(options.model)).card))

    def _answered(self, requests: Sequence[Mapping[str, object]]) -> list[object]:
        return [self._one(request) for request in requests]

    def _one(self, request: Mapping[str, object]) -> object:
        try:
            return self._model.answer(_picture(request), _boxes(request)).objects
        except SightlineError as exc:
            return exc


def _objects(begun: Future[list[Detections]] | SightlineError) -> object:
    if isinstance(begun, SightlineError):
        return begun
    try:
        return begun.result()[0].to_dict()
    except SightlineError as exc:
        return exc


def _picture(request: Mapping[str, object]) -> Frame:
    """The picture of a request. Raises InvalidRequest, DecodeError."""
    content = request.get("data") or request.get("body") or b""
    if not isinstance(content, bytes | bytearray):
        raise InvalidRequest(f"a picture is needed, not {type(content).__name__}")
    return still_frame(bytes(content))


def _boxes(request: Mapping[str, object]) -> Floats | None:
    """The field ``boxes`` of a form: rows of x1 y1 x2 y2 as JSON. Raises InvalidRequest."""
    text = request.get("boxes")
    if text is None:
        return None
    try:
        found = json.loads(text) if isinstance(text, str | bytes | bytearray) else text
        boxes: Floats = np.array(found, np.float32)
    except (ValueError, TypeError) as exc:
        raise InvalidRequest(
            "boxes must be a list of [x1, y1, x2, y2] in pixels of the picture, as JSON"
        ) from exc
    return boxes.reshape(-1, 4) if boxes.size == 0 else boxes
