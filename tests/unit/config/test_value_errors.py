"""Pydantic's mistakes in our words."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field, ValidationError

from sightline.config.value_errors import in_words


@pytest.mark.parametrize(
    ("kind", "context", "message", "words"),
    [
        ("missing", {}, "Field required", "it is missing"),
        ("int_from_float", {}, "…", "it must be a whole number"),
        ("greater_than", {"gt": 0.5}, "…", "it must be more than 0.5"),
        ("less_than_equal", {"le": 1.0}, "…", "it must be 1 or less"),
        ("too_short", {"min_length": 2}, "…", "it must have at least 2 items"),
        (
            "too_short",
            {"min_length": 1, "field_type": "Value"},
            "…",
            "it must have 1 characters or more",
        ),
        ("literal_error", {"expected": "'a' or 'b'"}, "…", "it must be 'a' or 'b'"),
        (
            "union_tag_invalid",
            {"expected_tags": "'a', 'b', 'c'"},
            "…",
            "it must be 'a', 'b' or 'c'",
        ),
        ("some_new_type", {}, "Input should be blue", "it must be blue"),
        ("some_new_type", {}, "Value should be blue", "it must be blue"),
        ("value_error", {}, "give 640", "give 640"),
    ],
)
def test_words(kind: str, context: dict[str, object], message: str, words: str) -> None:
    assert in_words(kind, context, message) == words


class Sample(BaseModel):
    number: int = Field(ge=1)
    share: float = Field(gt=0, lt=1)
    text: str = Field(min_length=2)
    truth: bool
    items: list[int] = Field(max_length=1)
    section: dict[str, int]


def test_mistakes_of_pydantic_as_it_is_installed() -> None:
    values = {
        "number": 0,
        "share": 1,
        "text": "a",
        "truth": "perhaps",
        "items": [1, 2],
        "section": [],
    }
    with pytest.raises(ValidationError) as caught:
        Sample(**values)  # type: ignore[arg-type]
    said = {
        str(e["loc"][0]): in_words(e["type"], e.get("ctx", {}), e["msg"])
        for e in caught.value.errors()
    }
    assert said == {
        "number": "it must be 1 or more",
        "share": "it must be less than 1",
        "text": "it must have 2 characters or more",
        "truth": "it must be true or false",
        "items": "it must have at most 1 items",
        "section": "it must be an object",
    }
