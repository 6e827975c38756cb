"""A whole picture in, its names out."""

from __future__ import annotations

import pytest
from tests.unit.serving.in_process import InProcess, failure, jpeg

JPEG = jpeg()


def test_the_names_of_a_picture() -> None:
    service = InProcess()
    answer = service.post("/classify", content=JPEG)
    content = answer.json()
    assert (content["model"], content["width"], content["height"]) == ("colours", 64, 48)
    assert content["labels"] == [
        {"attribute": "colour", "value": "red", "score": 0.75},
        {"attribute": "kind", "value": "car", "score": 0.5},
    ]
    assert 0 <= content["timing"]["queue_ms"] <= content["timing"]["total_ms"]
    (asked,) = service.classifiers.asked
    assert (asked["name"], asked["conf"], asked["top"]) == ("colours", 0.0, 5)
    assert asked["terms"].priority == "normal"


def test_what_the_request_wants_reaches_the_classifier() -> None:
    service = InProcess()
    service.post("/classify", content=JPEG, params={"top": 2, "conf": 0.5, "priority": "batch"})
    (asked,) = service.classifiers.asked
    assert (asked["conf"], asked["top"], asked["terms"].priority) == (0.5, 2, "batch")


@pytest.mark.parametrize(
    ("params", "status", "message"),
    [
        ({"model": "tiny"}, 404, "there is no classifier 'tiny'"),
        ({"top": 0}, 422, "top: "),
        ({"classes": "car"}, 422, "classes: there is no such field"),
        ({"iou": 0.5}, 422, "iou: there is no such field"),
    ],
)
def test_wrong_parameters(params: dict[str, object], status: int, message: str) -> None:
    found = failure(InProcess().post("/classify", content=JPEG, params=params))
    assert found[0] == status
    assert message in found[2]


def test_what_is_no_picture() -> None:
    status, _, message = failure(InProcess().post("/classify", content=b"text"))
    assert status == 415
    assert "JPEG" in message
