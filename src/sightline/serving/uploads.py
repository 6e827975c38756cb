"""From a request's body to pictures: a raw file, a form, or JSON."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from sightline.config import LimitOptions
from sightline.errors import InvalidRequest, Malformed, TooLarge, UnsupportedMedia
from sightline.serving import forms
from sightline.serving.failures import said_wrong
from sightline.serving.fetch import fetch
from sightline.serving.limits import MEGABYTE
from sightline.serving.parts import Parts
from sightline.serving.schemas import ManyPictures, OnePicture, Wishes
from sightline.sources.encoded import EncodedPicture
from sightline.sources.image_header import read_header
from sightline.types import Frame

_LARGE_JSON = 256 * 1024
"""Parsing more than this would hold up other requests, so a thread does it."""

_OPTIONS = 64 * 1024

SomeWishes = TypeVar("SomeWishes", bound=Wishes)


@dataclass(frozen=True)
class Upload:
    """What a request asks: encoded pictures, and how they shall be looked at."""

    pictures: Sequence[bytes]
    wishes: Wishes


def frame_of(data: bytes, limits: LimitOptions, name: str = "picture") -> Frame:
    """A frame of an encoded picture that is decoded when its turn comes.

    Raises:
        UnsupportedMedia: it is no picture of a format that is accepted.
        TooLarge: it has more pixels than allowed; nothing is decoded.
        DecodeError: it breaks off.
    """
    header = read_header(data)
    if header is None:
        raise UnsupportedMedia(f"{name} is no JPEG, PNG, WebP, BMP or TIFF picture")
    if header.width * header.height > limits.pixels:
        raise TooLarge(
            f"{name} has {header.width} x {header.height} pixels, more than the {limits.pixels} "
            "that are accepted"
        )
    picture = EncodedPicture(data, limits.pixels, name)
    return Frame(name, 0, 0.0, time.monotonic(), picture)


async def small(request: Request) -> None:
    """Of routes whose body is a few options. Raises TooLarge before they are looked at."""
    if len(await request.body()) > _OPTIONS:
        raise TooLarge(f"the body has more than {_OPTIONS} bytes, which are enough for options")


async def read_one(request: Request, parts: Parts, asked: Wishes) -> Upload:
    """The one picture of a request, and its wishes: those of the address and those of the body.

    Raises RequestError: what is wrong with it.
    """
    kind, body = _kind_of(request), await request.body()
    if kind == "multipart/form-data":
        upload = _from_form(request, body, asked, parts.options.limits)
        if len(upload.pictures) > 1:
            raise InvalidRequest("one picture is looked at here: send more to /predict/batch")
        return upload
    if kind == "application/json":
        json = await _json(OnePicture, body)
        if json.url is not None:
            limit = int(parts.options.limits.body_mb * MEGABYTE)
            data = await fetch(json.url, parts.networks, limit)
        else:
            data = _decoded(json.image or "", "image")
        return Upload([data], _merged(asked, json))
    if kind.startswith("image/") or kind in {"", "application/octet-stream"}:
        if not body:
            raise InvalidRequest("the body is empty: send a picture")
        return Upload([body], asked)
    raise _unsupported(kind)


async def read_many(request: Request, parts: Parts, asked: Wishes) -> Upload:
    """The pictures of a batch, likewise."""
    kind, body = _kind_of(request), await request.body()
    limits = parts.options.limits
    if kind == "multipart/form-data":
        return _from_form(request, body, asked, limits)
    if kind == "application/json":
        json = await _json(ManyPictures, body)
        if len(json.images) > limits.parts:
            raise TooLarge(f"a batch has {limits.parts} pictures at most")
        pictures = [_decoded(text, f"images.{i}") for i, text in enumerate(json.images)]
        return Upload(pictures, _merged(asked, json))
    raise _unsupported(kind)


def _kind_of(request: Request) -> str:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("compressed bodies are not accepted: pictures are small already")
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _unsupported(kind: str) -> UnsupportedMedia:
    return UnsupportedMedia(
        f"Content-Type {kind or 'none':.80} is not accepted: send image/*, multipart/form-data or "
        "application/json"
    )


def _from_form(request: Request, body: bytes, asked: Wishes, limits: LimitOptions) -> Upload:
    parts = forms.parse(request.headers["content-type"], body, limits.parts)
    pictures = [bytes(part.data) for part in parts if part.is_file]
    if not pictures:
        raise InvalidRequest("the form has no file: send the picture as a part with a filename")
    fields: dict[str, Any] = {}
    for part in parts:
        if part.is_file:
            continue
        if part.name in fields:
            raise InvalidRequest(f"field {part.name!r:.80} is given twice")
        fields[part.name] = part.text()
    return Upload(pictures, _merged(asked, _checked(Wishes, fields)) if fields else asked)


def _checked(model: type[SomeWishes], values: dict[str, Any]) -> SomeWishes:
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        raise InvalidRequest(said_wrong(exc)) from exc


async def _json(model: type[SomeWishes], body: bytes) -> SomeWishes:
    try:
        if len(body) > _LARGE_JSON:
            return await asyncio.to_thread(model.model_validate_json, body)
        return model.model_validate_json(body)
    except ValidationError as exc:
        if exc.error_count() == 1 and exc.errors(include_input=False)[0]["type"] == "json_invalid":
            raise Malformed("the body is no JSON") from exc
        raise InvalidRequest(said_wrong(exc)) from exc


def _decoded(text: str, name: str) -> bytes:
    """The bytes of base64, or of a ``data:`` URL (RFC 2397) in base64."""
    if text.startswith("data:"):
        head, _, text = text.partition(",")
        if not head.endswith(";base64"):
            raise InvalidRequest(f"{name}: of data: URLs only base64 is read")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidRequest(f"{name}: it is no base64") from exc


def _merged(asked: Wishes, body: Wishes) -> Wishes:
    """The wishes of the body over those of the address."""
    fields = body.model_fields_set & Wishes.model_fields.keys()
    return asked.model_copy(update={name: getattr(body, name) for name in fields})
