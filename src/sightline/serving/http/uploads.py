"""From a request's body to pictures: a raw file, a form, or JSON."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from pydantic import ValidationError
from starlette.requests import Request

from sightline.config import LimitOptions
from sightline.errors import InvalidRequest, TooLarge, UnsupportedMedia
from sightline.serving.http import forms
from sightline.serving.http.fetch import fetch
from sightline.serving.http.limits import MEGABYTE
from sightline.serving.http.schemas import (
    ManyPictures,
    OnePicture,
    OneToClassify,
    OneToSearch,
    PredictParameters,
    RequestParameters,
)
from sightline.serving.http.state import ServiceState
from sightline.serving.http.validation import content_type, is_json, read_json, validation_message
from sightline.sources.encoded import EncodedPicture
from sightline.sources.image_header import no_picture, read_header
from sightline.types import Frame

_FORM, _JSON, _PICTURE = "multipart/form-data", "application/json", "picture"

_URL_ENCODED = "application/x-www-form-urlencoded"
_CURL = "with curl: --data-binary @picture.jpg, or -F file=@picture.jpg; -d damages a picture"
_DEFAULTS = {
    "", "application/octet-stream", _URL_ENCODED, "binary/octet-stream", "text/plain",
}  # fmt: skip
"""Media types that tools send where their user has said none."""

_BLANKS = {ord(blank): None for blank in " \t\r\n\f\v"}
_URL_SAFE = str.maketrans("-_", "+/")

P = TypeVar("P", bound=RequestParameters)


@dataclass(frozen=True)
class Upload(Generic[P]):
    """What a request asks: encoded pictures, and how they shall be looked at."""

    pictures: Sequence[bytes]
    parameters: P


def frame_of(data: bytes, limits: LimitOptions, name: str = "picture") -> Frame:
    """A frame of an encoded picture that is decoded when its turn comes.

    Raises:
        UnsupportedMedia: it is no picture of a format that is accepted.
        TooLarge: it has more pixels than allowed; nothing is decoded.
        DecodeError: it breaks off.
    """
    header = read_header(data)
    if header is None:
        raise UnsupportedMedia(f"{name} is {no_picture(data)}")
    if header.width * header.height > limits.pixels:
        raise TooLarge(
            f"{name} has {header.width} x {header.height} pixels, more than the {limits.pixels} "
            "that are accepted"
        )
    picture = EncodedPicture(data, limits.pixels, name)
    return Frame(name, 0, 0.0, time.monotonic(), picture)


async def read_one(
    request: Request,
    service: ServiceState,
    asked: P,
    in_json: type[OnePicture | OneToClassify | OneToSearch] = OnePicture,
) -> Upload[P]:
    """The one picture of a request, and its parameters: those of the address and those of the body.

    Args:
        asked: the parameters of the address.
        in_json: the form of a body of JSON: a picture and parameters of the same kind.

    Raises RequestError (InvalidRequest and others): what is wrong with it.
    """
    body = await request.body()
    kind = _kind(request, body)
    if kind == _FORM:
        upload = _from_form(request, body, asked, service.options.limits)
        if len(upload.pictures) > 1:
            raise InvalidRequest(
                "one picture is looked at here: send each in a request of its own, or those to detect in to "
                "/predict/batch"
            )
        return upload
    if kind == _JSON:
        found = await read_json(in_json, body)
        if found.url is not None:
            limit = int(service.options.limits.body_mb * MEGABYTE)
            address = request.client.host if request.client else "local"
            data = await fetch(found.url, service.networks, limit, service.fetching, address)
        else:
            data = picture_bytes(found.image or "", "image")
        return Upload([data], _merged(asked, found))
    if kind == _PICTURE:
        if not body:
            raise InvalidRequest("the body is empty: send a picture")
        return Upload([body], asked)
    raise _unsupported(kind)


async def read_many(
    request: Request, service: ServiceState, asked: PredictParameters
) -> Upload[PredictParameters]:
    """The pictures of a batch, likewise. Raises RequestError; TooLarge: there are too many."""
    body = await request.body()
    kind = _kind(request, body)
    limits = service.options.limits
    if kind == _FORM:
        return _from_form(request, body, asked, limits)
    if kind == _JSON:
        found = await read_json(ManyPictures, body)
        if len(found.images) > limits.parts:
            raise TooLarge(f"a batch has {limits.parts} pictures at most")
        pictures = [picture_bytes(text, f"images.{i}") for i, text in enumerate(found.images)]
        return Upload(pictures, _merged(asked, found))
    raise _unsupported("image/*" if kind == _PICTURE else kind)


def _kind(request: Request, body: bytes) -> str:
    """What a body is: ``_FORM``, ``_JSON``, ``_PICTURE``, or a media type that is not accepted.

    Where the client does not say, or says what its tool says by default (``curl --data-binary``),
    the first bytes decide.
    """
    kind = content_type(request)
    if kind == _FORM or kind.startswith("image/"):
        return _FORM if kind == _FORM else _PICTURE
    if is_json(kind):
        return _JSON
    if kind in _DEFAULTS:
        start = body[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
        if start.startswith(b"{") and kind != "application/octet-stream":
            return _JSON
        if kind in {"", "application/octet-stream"}:
            return _PICTURE
        if read_header(body) is not None and not _is_mangled(kind, body):
            return _PICTURE
    return kind


def _unsupported(kind: str) -> UnsupportedMedia:
    remedy = f" ({_CURL})" if kind == _URL_ENCODED else ""
    return UnsupportedMedia(
        f"Content-Type {kind or 'none':.80} is not accepted: send image/*, multipart/form-data or "
        f"application/json{remedy}"
    )


def _is_mangled(kind: str, body: bytes) -> bool:
    """Whether ``curl -d @picture`` has sent this: it leaves line breaks and zeros out, and every
    picture has some."""
    return kind == _URL_ENCODED and not any(byte in body for byte in (b"\0", b"\r", b"\n"))


def _from_form(request: Request, body: bytes, asked: P, limits: LimitOptions) -> Upload[P]:
    parts = forms.parse(request.headers["content-type"], body, limits.parts)
    pictures = [bytes(part.data) for part in parts if part.is_file and not part.is_unchosen]
    fields: dict[str, Any] = {}
    for part in parts:
        if part.is_file or part.name == "_charset_":  # which browsers add (RFC 7578, 4.6)
            continue
        if part.name == "classes":
            fields.setdefault("classes", []).append(part.text())
        elif part.name in fields:
            raise InvalidRequest(f"field {part.name!r:.80} is given twice")
        else:
            fields[part.name or ""] = part.text()
    if not pictures:
        names = ", ".join(repr(name)[:80] for name in fields)
        only = f"; {names} came without a filename" if names else ""
        raise InvalidRequest(
            f"the form has no file: send the picture as a part with a filename{only}"
        )
    return Upload(pictures, _merged(asked, _checked(type(asked), fields)) if fields else asked)


def _checked(model: type[P], values: dict[str, object]) -> P:
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        raise InvalidRequest(validation_message(exc, model)) from exc


def picture_bytes(text: str, name: str) -> bytes:
    """The bytes of base64 (RFC 4648), or of a ``data:`` URL (RFC 2397) in base64.

    Accepted are line breaks, the URL-safe alphabet, and padding that is left out.

    Raises InvalidRequest: it is neither; ``name`` says which field.
    """
    if text[:5].lower() == "data:":
        head, comma, text = text.partition(",")
        if not comma or head.rpartition(";")[2].strip().lower() != "base64":
            raise InvalidRequest(f"{name}: of data: URLs only base64 is read (data:...;base64,...)")
        if "%" in text:
            text = unquote(text)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass  # it may be another form of it
    try:
        plain = text.translate(_BLANKS).rstrip("=")
        if ("-" in plain or "_" in plain) and not ("+" in plain or "/" in plain):
            plain = plain.translate(_URL_SAFE)
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise InvalidRequest(f"{name}: it is no base64") from exc


def _merged(asked: P, body: RequestParameters) -> P:
    """The parameters of the body over those of the address."""
    fields = body.model_fields_set & type(asked).model_fields.keys()
    return asked.model_copy(update={name: getattr(body, name) for name in fields})
