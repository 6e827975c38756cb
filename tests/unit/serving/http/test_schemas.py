"""What requests may ask for, where the limits lie, and how names and boxes are written."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from sightline.config import StreamOptions
from sightline.serving.http.schemas import (
    ClassifyRequest,
    ManyPictures,
    OnePicture,
    PredictParameters,
    SearchRequest,
    StreamRequest,
    TrackRequest,
)


def refused(kind: type[BaseModel], values: dict[str, Any]) -> tuple[object, ...]:
    """The place of the only mistake."""
    with pytest.raises(ValidationError) as info:
        kind(**values)
    (mistake,) = info.value.errors()
    return mistake["loc"]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("car", ["car"]),
        ("car, traffic light ,", ["car", "traffic light"]),
        (["car,bus", "dog"], ["car", "bus", "dog"]),
        ("größe,犬", ["größe", "犬"]),
        ("", []),
        (None, None),
    ],
)
def test_names_stand_in_a_list_or_between_commas(given: object, names: list[str] | None) -> None:
    assert PredictParameters(classes=given).classes == names  # type: ignore[arg-type]


def test_a_hundred_names_at_most() -> None:
    names = ",".join(f"c{i}" for i in range(100))
    assert len(PredictParameters(classes=names).classes or ()) == 100  # type: ignore[arg-type]
    assert refused(PredictParameters, {"classes": f"{names},more"}) == ("classes",)


@pytest.mark.parametrize(
    ("kind", "values", "place"),
    [
        (PredictParameters, {"conf": 1.01}, ("conf",)),
        (PredictParameters, {"conf": float("nan")}, ("conf",)),
        (PredictParameters, {"iou": -0.01}, ("iou",)),
        (PredictParameters, {"timeout_ms": 0}, ("timeout_ms",)),
        (PredictParameters, {"timeout_ms": 600_001}, ("timeout_ms",)),
        (PredictParameters, {"priority": "at once"}, ("priority",)),
        (PredictParameters, {"format": "gif"}, ("format",)),
        (PredictParameters, {"confidence": 0.5}, ("confidence",)),
        (PredictParameters, {"model": "a/b"}, ("model",)),
        (PredictParameters, {"classes": 7}, ("classes",)),
        (PredictParameters, {"classes": ["car", 7]}, ("classes", 1)),
        (ClassifyRequest, {"top": 0}, ("top",)),
        (ClassifyRequest, {"top": 1001}, ("top",)),
        (SearchRequest, {"count": 0}, ("count",)),
        (SearchRequest, {"after": "yesterday"}, ("after",)),
        (SearchRequest, {"box": "1,2,3"}, ("box",)),
        (SearchRequest, {"box": "1,2,3,x"}, ("box", 3)),
        (SearchRequest, {"box": "1,2,3,inf"}, ("box", 3)),
        (SearchRequest, {"box": {"x1": 1}}, ("box",)),
        (TrackRequest, {"stream": "a"}, ("track_id",)),
        (TrackRequest, {"stream": "a" * 1001, "track_id": 1}, ("stream",)),
        (ManyPictures, {"images": []}, ("images",)),
        (ManyPictures, {"images": [1, 2, 3]}, ("images", 0)),
        (OnePicture, {"url": "http://" + "a" * 2048}, ("url",)),
        (StreamRequest, {"source": "a.mp4"}, ("name",)),
        (StreamRequest, {"name": "a", "source": "a.mp4", "fsp": 3}, ("fsp",)),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(
    kind: type[BaseModel], values: dict[str, Any], place: tuple[object, ...]
) -> None:
    assert refused(kind, values) == place


@pytest.mark.parametrize("box", ["1,2.5,3,4", ["1,2.5,3,4"], [1, 2.5, 3, 4], (1, 2.5, 3, 4)])
def test_a_box_is_text_or_a_list(box: object) -> None:
    assert SearchRequest(box=box).box == (1.0, 2.5, 3.0, 4.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{}, {"image": "aGk=", "url": "http://a/b.jpg"}])
def test_one_picture_is_given_in_one_way(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="give either `image` or `url`"):
        OnePicture(**given)  # type: ignore[arg-type]


def test_what_is_not_asked_for_is_the_service_s_own() -> None:
    asked = OnePicture(image="aGk=")
    assert (asked.conf, asked.iou, asked.classes, asked.priority, asked.timeout_ms) == (None,) * 5
    assert (asked.model, asked.format) == ("default", "json")


def test_a_stream_s_options_are_those_without_its_name() -> None:
    options = StreamRequest(name="gate", source="a.mp4", min_fps=2).options()
    assert type(options) is StreamOptions
    assert options == StreamOptions(source="a.mp4", min_fps=2)
