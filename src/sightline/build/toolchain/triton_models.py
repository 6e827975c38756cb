"""What Triton's Python backend runs: the classes that ``model.py`` files of a repository name."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sightline.build.models import card_decoder
from sightline.deploy.triton.inside import InnerTritonEngine
from sightline.engines.fixed_batch import FixedBatch
from sightline.errors import SightlineError
from sightline.models.detector import EngineDetector
from sightline.models.model_card import ModelCard
from sightline.protocols import Engine
from sightline.sources.stills import still_frame
from sightline.types import EngineInfo, TensorSpec


def _backend() -> Any:
    """Triton's own module, which exists within its Python backend only."""
    return importlib.import_module("triton_python_backend_utils")


def _folder(arguments: dict[str, str]) -> Path:
    """Of the version that is loaded."""
    return Path(arguments["model_repository"]) / arguments["model_version"]


class TritonDetector:
    """Takes an encoded picture, answers with its objects (see ``deploy.triton.repository``)."""

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once, with the model's configuration and its folder."""
        self._triton = _backend()
        told = {
            key: value["string_value"]
            for key, value in json.loads(args["model_config"])["parameters"].items()
        }
        text = (_folder(args) / "card.yaml").read_text(encoding="utf-8")
        card = ModelCard.model_validate(yaml.safe_load(text))
        flat, (name, shape) = json.loads(told["flat"]), json.loads(told["input"])
        outputs = tuple(TensorSpec(n, tuple(s)) for n, s in json.loads(told["outputs"]))
        info = EngineInfo(
            backend="triton",
            device="itself",
            precision="auto",
            requests=1,
            input=TensorSpec(name, tuple(shape), "uint8"),
            outputs=outputs,
        )
        engine: Engine = InnerTritonEngine(self._triton, told["network"], info)
        if flat or shape[0] not in {None, 1}:
            engine = FixedBatch(engine, shape[0] or 1, rows=not flat)
        self._detector = EngineDetector(engine, card, card_decoder(card), flat=flat)

    def execute(self, requests: list[Any]) -> list[Any]:
        """Called by Triton with requests of one picture each; an answer for each of them."""
        return [self._answered(request) for request in requests]

    def finalize(self) -> None:
        """Called by Triton once, at the end."""
        self._detector.close()

    def _answered(self, request: Any) -> Any:
        triton = self._triton
        try:
            (picture,) = triton.get_input_tensor_by_name(request, "image").as_numpy().reshape(-1)
            (found,) = self._detector.submit([still_frame(bytes(picture))]).result()
        except (SightlineError, ValueError) as exc:
            return triton.InferenceResponse([], triton.TritonError(str(exc)))
        objects = json.dumps(found.to_dict()).encode()
        return triton.InferenceResponse(
            [
                triton.Tensor("boxes", np.ascontiguousarray(found.boxes, np.float32)),
                triton.Tensor("scores", np.ascontiguousarray(found.scores, np.float32)),
                triton.Tensor("class_ids", np.ascontiguousarray(found.class_ids, np.int64)),
                triton.Tensor("objects", np.array([objects], np.object_)),
            ]
        )


class TritonNetwork:
    """Runs ``model.onnx`` by ONNX Runtime, as Triton's own backend of that name would."""

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once, with the model's configuration and its folder."""
        import onnxruntime

        self._triton = _backend()
        self._joins = json.loads(args["model_config"])["max_batch_size"] > 0
        path = _folder(args) / "model.onnx"
        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self._outputs = [output.name for output in self._session.get_outputs()]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Called by Triton with requests that may be joined where their pictures have one size."""
        batches = [
            self._triton.get_input_tensor_by_name(request, self._input).as_numpy()
            for request in requests
        ]
        if self._joins and len({batch.shape[1:] for batch in batches}) == 1:
            ends = np.cumsum([len(batch) for batch in batches])[:-1]
            joined = self._session.run(self._outputs, {self._input: np.concatenate(batches)})
            parts = list(zip(*(np.split(output, ends) for output in joined), strict=True))
        else:
            parts = [
                tuple(self._session.run(self._outputs, {self._input: batch})) for batch in batches
            ]
        return [self._response(arrays) for arrays in parts]

    def _response(self, arrays: tuple[Any, ...]) -> Any:
        named = zip(self._outputs, arrays, strict=True)
        return self._triton.InferenceResponse([self._triton.Tensor(n, a) for n, a in named])
