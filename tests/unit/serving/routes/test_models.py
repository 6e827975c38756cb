"""The models that a client sees, and what it may do with them."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from tests.unit.serving.in_process import InProcess, Model, failure

from sightline.errors import ConfigError, EngineError
from sightline.runtime.repository.models import ModelState


def service_of(*models: Model) -> InProcess:
    service = InProcess(*models)
    for model in models:  # parts that have no one card, as an ensemble
        info = SimpleNamespace(backend="openvino", device="CPU", precision="bf16", path="/secret")
        model.class_names = model.card.class_names  # type: ignore[attr-defined]
        model.detector = SimpleNamespace(engines=[SimpleNamespace(info=info)])  # type: ignore[attr-defined]
        model.loaded_at = 12.5  # type: ignore[attr-defined]
    return service


def test_all_models_the_default_first() -> None:
    service = service_of(Model("a"), Model("b"))
    service.repository.states_of["b"] = ModelState("b", "failed", "the file is damaged")
    content = service.get("/models").json()
    assert (content["default"], content["classifiers"]) == ("a", ["colours"])
    assert content["models"] == [
        {
            "name": "a",
            "state": "ready",
            "task": "detect",
            "classes": ["person", "bicycle", "car"],
            "parts": [{"backend": "openvino", "device": "CPU", "precision": "bf16"}],
            "loaded_at": 12.5,
        },
        {"name": "b", "state": "failed", "error": "the file is damaged"},
    ]
    assert service.get("/models/default").json() == content["models"][0]


@pytest.mark.parametrize("action", ["load", "reload", "unload"])
def test_a_model_is_loaded_and_freed(action: str) -> None:
    service = service_of(Model("a"))
    answer = service.post(f"/models/a/{action}")
    assert (answer.status_code, answer.json()["name"]) == (200, "a")
    assert service.repository.done == [(action.removeprefix("re"), "a")]
    assert failure(service.post(f"/models/b/{action}"))[:2] == (404, "NotFound")


@pytest.mark.parametrize("name", ["a b", "%2e%2e", "x" * 65, ".a"])
def test_what_is_no_name(name: str) -> None:
    status, _, message = failure(service_of(Model("a")).get(f"/models/{name}"))
    assert status == 422
    assert message.startswith("name: it must be a name: letters, digits")


@dataclass
class Choosable:
    label: str


@dataclass
class Status:
    engines: list[Choosable]


class Fallback:
    def __init__(self, error: Exception | None = None) -> None:
        self.used: list[str | None] = []
        self.error = error

    def status(self) -> Status:
        return Status([Choosable("openvino:CPU"), Choosable("onnxruntime")])

    def use(self, label: str | None) -> None:
        if self.error is not None:
            raise self.error
        self.used.append(label)


@pytest.mark.parametrize("use", ["onnxruntime", None])
def test_an_engine_is_chosen_by_hand(use: str | None) -> None:
    model = Model("a")
    model.fallback = Fallback()
    assert service_of(model).post("/models/a/engine", json={"use": use}).status_code == 200
    assert model.fallback.used == [use]


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"use": "cuda"}, 422, "model a has no engine 'cuda'; it has ['openvino:CPU', 'onnxruntime']"),
        ({"use": 1}, 422, "use: "),
        ({"uses": "x"}, 422, "uses: there is no such field; did you mean use?"),
    ],
)  # fmt: skip
def test_what_is_no_engine(body: Any, status: int, message: str) -> None:
    model = Model("a")
    model.fallback = Fallback()
    found = failure(service_of(model).post("/models/a/engine", json=body))
    assert found[0] == status
    assert message in found[2]
    assert model.fallback.used == []


@pytest.mark.parametrize("error", [ConfigError("/secret/path"), EngineError("/secret/path")])
def test_an_engine_that_cannot_be_used_names_no_files(error: Exception) -> None:
    model = Model("a")
    model.fallback = Fallback(error)
    found = failure(service_of(model).post("/models/a/engine", json={"use": "onnxruntime"}))
    assert found == (409, "Conflict", "engine onnxruntime of model a cannot be used now")


def test_a_model_with_one_engine_has_no_choice() -> None:
    found = failure(service_of(Model("a")).post("/models/a/engine", json={"use": None}))
    assert found[0] == 409
    assert "`fallback` gives it others" in found[2]
