"""Pictures in, objects out: what a request asks of the model, and what is answered."""

from __future__ import annotations

import base64
import io
import time

import pytest
from PIL import Image
from tests.unit.serving.in_process import BOX, InProcess, Model, failure, jpeg

from sightline.errors import DeadlineExceeded, InferenceError, Overloaded

JPEG = jpeg()
IN_JSON = base64.b64encode(JPEG).decode()


@pytest.mark.parametrize("path", ["/detect", "/predict"])
def test_what_is_found(path: str) -> None:
    answer = InProcess().post(path, content=JPEG)
    assert answer.status_code == 200
    content = answer.json()
    assert list(content) == ["model", "width", "height", "objects", "timing"]
    assert (content["model"], content["width"], content["height"]) == ("tiny", 64, 48)
    assert content["objects"] == [{"box": list(BOX), "score": 0.5, "class_id": 2, "class": "car"}]
    assert 0 <= content["timing"]["queue_ms"] <= content["timing"]["total_ms"]


@pytest.mark.parametrize(
    "request_of",
    [
        lambda: {"content": JPEG, "params": {"conf": 0.25, "iou": 0.5, "classes": "car, bus"}},
        lambda: {"files": {"file": JPEG}, "data": {"conf": "0.25", "iou": "0.5", "classes": "car,bus"}},
        lambda: {"json": {"image": IN_JSON, "conf": 0.25, "iou": 0.5, "classes": ["car", "bus"]}},
    ],
    ids=["address", "form", "JSON"],
)  # fmt: skip
def test_what_the_request_wants_reaches_the_model(request_of: object) -> None:
    service = InProcess()
    begin = time.monotonic()
    answer = service.post("/detect", **request_of())  # type: ignore[operator]
    assert answer.status_code == 200, answer.text
    ((terms, wanted),) = service.models[0].asked
    assert wanted == {"conf": 0.25, "iou": 0.5, "classes": ["car", "bus"]}
    assert (terms.client, terms.priority, terms.key) == ("http:127.0.0.1", "normal", None)
    limits = service.state.options.limits
    assert begin < terms.deadline - limits.timeout_ms / 1e3 < time.monotonic()
    assert terms.max_wait_s == limits.queue_ms / 1e3


def test_urgency_and_patience_are_the_requests_own() -> None:
    service = InProcess()
    begin = time.monotonic()
    service.post("/detect", content=JPEG, params={"priority": "urgent", "timeout_ms": 1500})
    service.post("/predict/batch", files=[("files", JPEG)])
    (one, _), (batch, _) = service.models[0].asked
    assert (one.priority, batch.priority) == ("urgent", "batch")
    assert begin + 1.5 <= one.deadline <= time.monotonic() + 1.5


def test_another_model_is_asked_by_its_name() -> None:
    service = InProcess(Model("a"), Model("b"))
    assert service.post("/detect?model=b", content=JPEG).json()["model"] == "b"
    assert failure(service.post("/detect?model=c", content=JPEG))[0] == 404
    assert [len(model.asked) for model in service.models] == [0, 1]


def test_each_picture_of_a_batch_has_its_own_answer() -> None:
    service = InProcess()
    files = [("files", JPEG), ("files", b"no picture"), ("files", jpeg(32, 16))]
    results = service.post("/predict/batch", files=files).json()["results"]
    assert [one.get("width") for one in results] == [64, None, 32]
    assert results[1]["error"]["message"].startswith("picture 1")


def test_a_refused_picture_of_a_batch_leaves_the_others_whole() -> None:
    service = InProcess()
    service.models[0].error = InferenceError("the engine failed")
    results = service.post("/predict/batch", files=[("files", JPEG)] * 3).json()["results"]
    assert [one["error"]["code"] for one in results] == ["InternalError"] * 3


def test_a_batch_of_which_nothing_comes_in_says_so_for_each() -> None:
    service = InProcess()
    service.models[0].error = Overloaded("the queue is full")
    results = service.post("/predict/batch", files=[("files", JPEG)] * 20).json()["results"]
    assert len(results) == 20
    assert {one["error"]["message"] for one in results} == {"the queue is full"}


@pytest.mark.parametrize(("form", "kind"), [("jpeg", "image/jpeg"), ("png", "image/png")])
def test_the_picture_with_its_objects(form: str, kind: str) -> None:
    answer = InProcess().post("/detect", content=JPEG, params={"format": form})
    assert (answer.headers["content-type"], answer.headers["x-model"]) == (kind, "tiny")
    drawn = Image.open(io.BytesIO(answer.content))
    assert drawn.size == (64, 48)
    assert drawn.convert("RGB").getcolors(10_000) != Image.open(io.BytesIO(JPEG)).getcolors(10_000)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Overloaded("the queue is full"), 503, "Overloaded"),
        (DeadlineExceeded("too late"), 504, "DeadlineExceeded"),
        (InferenceError("the engine failed"), 500, "InternalError"),
        (ZeroDivisionError("secret"), 500, "InternalError"),
    ],
)
def test_why_there_is_no_answer(error: Exception, status: int, code: str) -> None:
    service = InProcess()
    service.models[0].error = error
    found = failure(service.post("/detect", content=JPEG))
    assert found[:2] == (status, code)
    assert "secret" not in found[2]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"konf": "1"}, "konf: there is no such field; did you mean conf?"),
        ([("conf", "0.1"), ("conf", "0.2")], "conf is given twice"),
        ({"conf": "1.5"}, "conf: "),
        ({"conf": "nan"}, "conf: "),
        ({"classes": "dragon"}, "this model has no class 'dragon'"),
        ({"format": "jpg"}, "format: "),
        ({"priority": "high"}, "priority: "),
    ],
)
def test_wrong_parameters_are_told_by_name(params: object, message: str) -> None:
    status, code, told = failure(InProcess().post("/detect", content=JPEG, params=params))
    assert (status, code) == (422, "InvalidRequest")
    assert message in told


def test_a_batch_is_answered_as_json_only() -> None:
    files = [("files", JPEG)]
    answer = InProcess().post("/predict/batch?format=png", files=files)
    assert failure(answer)[2] == "format: a batch is answered as JSON only"


def test_classes_may_stand_in_several_parameters() -> None:
    service = InProcess()
    service.post("/detect", content=JPEG, params=[("classes", "car"), ("classes", "bus")])
    assert service.models[0].asked[0][1]["classes"] == ["car", "bus"]
