"""What TorchServe calls: the detector that the handler of a model archive names."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from sightline.build.models import detector
from sightline.config import EngineOptions, ModelOptions
from sightline.errors import InvalidRequest, SightlineError
from sightline.protocols import Detector
from sightline.sources.stills import still_frame
from sightline.types import Detections


class TorchServeDetector:
    """Takes encoded pictures, answers with the objects of each, as JSON lines have them."""

    def __init__(self) -> None:
        self._detector: Detector | None = None

    def handle(self, data: list[dict[str, Any]] | None, context: Any) -> list[Any]:
        """Called by TorchServe: once without data, then with the requests of a batch.

        Args:
            data: ``{"body": bytes}`` or ``{"data": bytes}`` of each request.
            context: TorchServe's; its properties name the folder of the model.
        """
        if self._detector is None:
            properties = context.system_properties
            path = Path(properties["model_dir"]) / "model.onnx"
            gpu = properties.get("gpu_id")
            engine = EngineOptions(device="auto" if gpu is None else f"cuda:{gpu}")
            self._detector = detector(ModelOptions(model=str(path), engine=engine))
        running = [self._begun(request) for request in data or ()]
        answers: list[Any] = []
        for number, begun in enumerate(running):
            try:
                if isinstance(begun, SightlineError):
                    raise begun
                answers.append({"objects": begun.result()[0].to_dict()})
            except SightlineError as exc:
                context.set_response_status(400, "Bad Request", number)
                answers.append({"error": str(exc)})
        return answers

    def _begun(self, request: Mapping[str, Any]) -> Future[list[Detections]] | SightlineError:
        """All pictures of a batch are in flight before the first is waited for."""
        assert self._detector is not None
        content = request.get("data") or request.get("body") or b""
        if not isinstance(content, bytes | bytearray):
            return InvalidRequest(f"a picture is needed, not {type(content).__name__}")
        try:
            return self._detector.submit([still_frame(bytes(content))])
        except SightlineError as exc:
            return exc
