"""What OpenAPI says of bodies that the routes read themselves."""

from __future__ import annotations

from typing import Any

from sightline.serving.http.schemas import Failed, ManyPictures, OnePicture, PredictParameters

_FAILED = {
    400: "the request is broken",
    401: "no token, or a wrong one",
    403: "not allowed",
    404: "there is no such model",
    408: "the request came too slowly",
    413: "too many bytes, pixels or service",
    415: "no picture of a format that is accepted",
    422: "a field has a wrong value, or the picture is damaged",
    503: "too much work: try again after Retry-After seconds",
    504: "no answer within timeout_ms",
}
FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": Failed, "description": text} for status, text in _FAILED.items()
}

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


def _form(many: bool) -> dict[str, Any]:
    file: dict[str, Any] = {"type": "string", "format": "binary"}
    if many:
        file = {"type": "array", "items": file, "minItems": 1}
    parameters = PredictParameters.model_json_schema()["properties"]
    name = "files" if many else "file"
    return {
        "schema": {"type": "object", "required": [name], "properties": {name: file, **parameters}}
    }


ONE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "image/jpeg": _BINARY,
            "image/png": _BINARY,
            "multipart/form-data": _form(many=False),
            "application/json": {
                "schema": OnePicture.model_json_schema(),
                "example": {"image": _PIXEL, "conf": 0.4, "classes": ["person"]},
            },
        },
    }
}
MANY_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": _form(many=True),
            "application/json": {
                "schema": ManyPictures.model_json_schema(),
                "example": {"images": [_PIXEL, _PIXEL]},
            },
        },
    }
}
