"""Triton as an engine inside Triton, with a stand-in for the module that exists there only."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sightline.deploy.triton.inside import InnerTritonEngine
from sightline.errors import InferenceError
from sightline.types import EngineInfo, TensorSpec

INFO = EngineInfo("triton", "itself", "auto", 1, TensorSpec("pixels", (None, 4, 4, 3), "uint8"), (TensorSpec("sums", (None,)),))  # fmt: skip


class Backend:
    """Answers with the sum of each picture, or with an error."""

    def __init__(self, error: str = "") -> None:
        self.asked: list[dict[str, Any]] = []
        self._error = error

    @staticmethod
    def Tensor(name: str, array: Any) -> Any:  # noqa: N802 - Triton's name
        return SimpleNamespace(name=name, as_numpy=lambda: array)

    @staticmethod
    def get_output_tensor_by_name(response: Any, name: str) -> Any:
        return response.outputs[name]

    def InferenceRequest(self, **request: Any) -> Any:  # noqa: N802 - Triton's name
        self.asked.append(request)
        sums = request["inputs"][0].as_numpy().astype(np.float32).sum((1, 2, 3))
        response = SimpleNamespace(
            has_error=lambda: bool(self._error),
            error=lambda: SimpleNamespace(message=lambda: self._error),
            outputs={"sums": self.Tensor("sums", sums)},
        )
        return SimpleNamespace(exec=lambda: response)


def fill(pixels: Any) -> None:
    pixels[:] = 1
    pixels[1] = 2


def test_a_batch_is_run_by_the_network_of_the_same_version() -> None:
    backend = Backend()
    engine = InnerTritonEngine(backend, "it_network", 3, INFO)
    assert engine.submit((2, 4, 4), fill, lambda found: found[0].tolist()).result() == [48, 96]
    (asked,) = backend.asked
    assert (asked["model_name"], asked["model_version"]) == ("it_network", 3)
    assert asked["requested_output_names"] == ["sums"]


def test_what_the_network_refuses_is_raised() -> None:
    engine = InnerTritonEngine(Backend("no memory"), "it_network", 1, INFO)
    with pytest.raises(InferenceError, match="it_network refuses: no memory"):
        engine.submit((2, 4, 4), fill, len).result()
