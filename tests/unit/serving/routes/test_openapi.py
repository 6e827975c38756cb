"""The description of bodies that the routes read themselves, against what they read."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.serving.in_process import InProcess

from sightline.serving.routes.openapi import FAILURES

DESCRIBED = InProcess().get("/openapi.json").json()


def body(path: str) -> dict[str, Any]:
    content: dict[str, Any] = DESCRIBED["paths"][path]["post"]["requestBody"]["content"]
    return content


@pytest.mark.parametrize("path", ["/detect", "/predict", "/classify"])
def test_the_example_of_a_picture_in_json_is_answered(path: str) -> None:
    answer = InProcess().post(path, json=body(path)["application/json"]["example"])
    assert answer.status_code == 200, answer.text
    assert (answer.json()["width"], answer.json()["height"]) == (1, 1)


def test_the_example_of_a_batch_is_answered() -> None:
    answer = InProcess().post(
        "/predict/batch", json=body("/predict/batch")["application/json"]["example"]
    )
    assert [one["model"] for one in answer.json()["results"]] == ["tiny"] * 2


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/detect", {"file", "model", "conf", "iou", "classes", "format", "priority", "timeout_ms"}),
        ("/predict/batch", {"files", "model", "conf", "iou", "classes", "format", "priority", "timeout_ms"}),
        ("/classify", {"file", "model", "conf", "top", "priority", "timeout_ms"}),
        ("/search", {"file", "box", "count", "classes", "streams", "after", "before", "priority", "timeout_ms"}),
    ],
)  # fmt: skip
def test_fields_of_a_form(path: str, fields: set[str]) -> None:
    form = body(path)["multipart/form-data"]["schema"]
    assert set(form["properties"]) == fields
    assert form["required"] == [next(iter(form["properties"]))]


def test_no_reference_leads_nowhere() -> None:
    def references(at: Any) -> list[str]:
        if isinstance(at, dict):
            own = [at["$ref"]] if isinstance(at.get("$ref"), str) else []
            return own + [one for value in at.values() for one in references(value)]
        return [one for value in at for one in references(value)] if isinstance(at, list) else []

    for reference in references(DESCRIBED):
        found: Any = DESCRIBED
        for part in reference.removeprefix("#/").split("/"):
            assert part in found, reference
            found = found[part]


def test_every_failure_has_one_form() -> None:
    for path, calls in DESCRIBED["paths"].items():
        for method, call in calls.items():
            for status, answer in call["responses"].items():
                if int(status) in FAILURES and "content" in answer and answer["content"]:
                    (schema,) = {str(one["schema"]) for one in answer["content"].values()}
                    assert "Failed" in schema, (method, path)
