"""What OpenAPI says of bodies that the routes read themselves."""

from __future__ import annotations

from pydantic import BaseModel

from sightline.serving.http.schemas import (
    ClassifyRequest,
    Failed,
    ManyPictures,
    OnePicture,
    OneToClassify,
    OneToSearch,
    PredictParameters,
    RequestParameters,
    SearchRequest,
)
from sightline.types import JsonObject

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
FAILURES: dict[int | str, JsonObject] = {
    status: {"model": Failed, "description": text} for status, text in _FAILED.items()
}

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


def _form(many: bool, shape: type[RequestParameters] = PredictParameters) -> JsonObject:
    file: JsonObject = {"type": "string", "format": "binary"}
    if many:
        file = {"type": "array", "items": file, "minItems": 1}
    parameters = shape.model_json_schema()["properties"]
    name = "files" if many else "file"
    return {
        "schema": {"type": "object", "required": [name], "properties": {name: file, **parameters}}
    }


def _one(
    shape: type[RequestParameters], in_json: type[BaseModel], example: JsonObject
) -> JsonObject:
    """The body of a request with one picture."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                "image/jpeg": _BINARY,
                "image/png": _BINARY,
                "multipart/form-data": _form(False, shape),
                "application/json": {
                    "schema": in_json.model_json_schema(),
                    "example": {"image": _PIXEL, **example},
                },
            },
        }
    }


ONE_BODY = _one(PredictParameters, OnePicture, {"conf": 0.4, "classes": ["person"]})
SEARCH_BODY = _one(SearchRequest, OneToSearch, {"count": 5})
CLASSIFY_BODY = _one(ClassifyRequest, OneToClassify, {"top": 3})
MANY_BODY: JsonObject = {
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
