"""What Triton's Python backend runs: the classes that ``model.py`` files of a repository name."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sightline.build.models import card_decoder
from sightline.build.toolchain.served_crops import ServedCropModel
from sightline.deploy.triton.inside import InnerTritonEngine
from sightline.engines.fixed_batch import FixedBatch
from sightline.errors import EngineError, SightlineError
from sightline.models.detector import EngineDetector
from sightline.models.model_card import ModelCard
from sightline.protocols import Engine
from sightline.sources.stills import still_frame
from sightline.types import EngineInfo, TensorSpec


def _backend() -> Any:
    """Triton's own module, which exists within its Python backend only."""
    return importlib.import_module("triton_python_backend_utils")


def _folder(arguments: dict[str, str]) -> Path:
    """The folder of the version that is loaded."""
    return Path(arguments["model_repository"]) / arguments["model_version"]


def _network(triton: object, args: dict[str, str]) -> tuple[Engine, ModelCard, bool]:
    """The network as an engine, its card, and whether its outputs are flat (see ``DeployedNetwork``)."""
    told = {
        key: value["string_value"]
        for key, value in json.loads(args["model_config"])["parameters"].items()
    }
    text = (_folder(args) / "card.yaml").read_text(encoding="utf-8")
    card = ModelCard.model_validate(yaml.safe_load(text))
    most = json.loads(told.get("most", "null"))
    if most is not None:  # Triton refuses larger batches
        card = card.model_copy(update={"max_batch": min(most, card.max_batch or most)})
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
    engine: Engine = InnerTritonEngine(triton, told["network"], int(args["model_version"]), info)
    if flat or shape[0] not in {None, 1}:
        engine = FixedBatch(engine, shape[0] or 1, rows=not flat)
    return engine, card, flat


def _refused(triton: Any, error: Exception) -> Any:
    """An answer that says what is wrong, and whose fault it is: a client sends a bad picture again in vain."""
    code = (
        None if isinstance(error, EngineError) else getattr(triton.TritonError, "INVALID_ARG", None)
    )
    told = (
        (str(error),) if code is None else (str(error), code)
    )  # servers before 23.08 know no codes
    return triton.InferenceResponse([], triton.TritonError(*told))


class TritonDetector:
    """Takes an encoded picture, answers with its objects (see ``deploy.triton.repository``)."""

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once, with the model's configuration and its folder."""
        self._triton = _backend()
        engine, card, flat = _network(self._triton, args)
        self._detector = EngineDetector(engine, card, card_decoder(card), flat=flat)

    def execute(self, requests: list[object]) -> list[Any]:
        """Called by Triton with requests of one picture each; an answer for each of them."""
        return [self._answered(request) for request in requests]

    def finalize(self) -> None:
        """Called by Triton once, at the end."""
        self._detector.close()

    def _answered(self, request: object) -> Any:
        triton = self._triton
        try:
            (picture,) = triton.get_input_tensor_by_name(request, "image").as_numpy().reshape(-1)
            (found,) = self._detector.submit([still_frame(bytes(picture))]).result()
        except (SightlineError, ValueError) as exc:
            return _refused(triton, exc)
        objects = json.dumps(found.to_dict()).encode()
        return triton.InferenceResponse(
            [
                triton.Tensor("boxes", np.ascontiguousarray(found.boxes, np.float32)),
                triton.Tensor("scores", np.ascontiguousarray(found.scores, np.float32)),
                triton.Tensor("class_ids", np.ascontiguousarray(found.class_ids, np.int64)),
                triton.Tensor("objects", np.array([objects], np.object_)),
            ]
        )


class TritonCropModel:
    """Takes an encoded picture and boxes in it, answers with names or vectors of what is in them."""

    def initialize(self, args: dict[str, str]) -> None:
        """Called by Triton once, with the model's configuration and its folder."""
        self._triton = _backend()
        engine, card, _ = _network(self._triton, args)
        self._model = ServedCropModel.of(engine, card)

    def execute(self, requests: list[object]) -> list[Any]:
        """Called by Triton with requests of one picture each; an answer for each of them."""
        return [self._answered(request) for request in requests]

    def finalize(self) -> None:
        """Called by Triton once, at the end."""
        self._model.close()

    def _answered(self, request: object) -> Any:
        triton = self._triton
        try:
            (picture,) = triton.get_input_tensor_by_name(request, "image").as_numpy().reshape(-1)
            given = triton.get_input_tensor_by_name(request, "boxes")
            answer = self._model.answer(
                still_frame(bytes(picture)), None if given is None else given.as_numpy()
            )
        except (SightlineError, ValueError) as exc:
            return _refused(triton, exc)
        tensors = [triton.Tensor(n, np.ascontiguousarray(a)) for n, a in answer.arrays.items()]
        if not self._model.embeds:
            objects = json.dumps(answer.objects).encode()
            tensors.append(triton.Tensor("objects", np.array([objects], np.object_)))
        return triton.InferenceResponse(tensors)


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

    def execute(self, requests: list[object]) -> list[Any]:
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

    def _response(self, arrays: tuple[object, ...]) -> Any:
        named = zip(self._outputs, arrays, strict=True)
        return self._triton.InferenceResponse([self._triton.Tensor(n, a) for n, a in named])
