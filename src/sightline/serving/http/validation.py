"""Requests are read strictly: JSON, parameters and fields, and what is wrong with them in words.

A number is a number (not ``true``, not ``"5"``), nothing is given twice, and a name that nobody
knows is an error that suggests the nearest one.
"""

from __future__ import annotations

import asyncio
import json
import re
import typing
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from sightline.config.options import inconsistencies
from sightline.config.value_errors import in_words
from sightline.errors import InvalidRequest, Malformed, RequestError, TooLarge, UnsupportedMedia
from sightline.serving.http.signatures import CACHE_BUSTERS, EXPIRES, SIGNATURE
from sightline.vocabulary.foreign_words import named_here

MOST_MISTAKES = 1000
"""Listing more of them takes longer than the request deserves."""

_TOLD = 3
_LARGE_JSON = 256 * 1024
"""Parsing more than this would hold up other requests, so a thread does it."""
_OPTIONS = 64 * 1024
"""Bytes that are enough for the options of a stream or an engine."""
_CHOICES = {"literal_error", "enum"}
_LONGEST_CHOICE = 40
_PICTURE_ROUTES = {"/detect", "/predict", "/classify", "/search"}
_QUOTED = re.compile(r"'([^']*)'")
_BOM = b"\xef\xbb\xbf"
_OF_ANY_GET = {EXPIRES, SIGNATURE, *CACHE_BUSTERS}

SomeModel = TypeVar("SomeModel", bound=BaseModel)

_NAME = (
    "it must be a name: letters, digits, _, . and -, 64 at most, beginning with a letter or digit"
)


def nearest(word: str, known: Collection[str]) -> str:
    """A half sentence: what was meant, perhaps, or else all that there is."""
    if not known:
        return ""
    theirs = named_here(word, known)
    found = [theirs] if theirs else get_close_matches(word, known, 1, 0.6)
    return f"; did you mean {found[0]}?" if found else f"; there are {', '.join(known)}"


def validation_message(error: ValidationError, model: type[BaseModel] | None = None) -> str:
    """The first few mistakes by name of the field; ``model`` is what the request was read as."""
    if error.error_count() > MOST_MISTAKES:
        return f"the request has more than {MOST_MISTAKES} mistakes"
    # Our own validators' errors stand in the context; what the client sent is not repeated.
    errors = error.errors(include_url=False, include_input=False)
    if any(one["type"] in _CHOICES for one in errors):  # the input tells which one is near
        errors = error.errors(include_url=False)
    return _told(errors, lambda at: _fields_at(model, at))


def request_error(error: RequestValidationError, route: object) -> RequestError:
    """The error for what FastAPI has read itself: paths, parameters, small bodies."""
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return Malformed("the body is no JSON")
    names = query_names(route)
    # The first of a place is `query`, `path` or `body`.
    errors = [{**one, "loc": one["loc"][1:]} for one in error.errors()]
    return InvalidRequest(_told(errors, lambda _: names))


def routing_error(error: HTTPException, request: Request) -> HTTPException:
    """A path or a method that no route answers, with what is answered instead."""
    method, path = request.method, request.scope["path"]
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        told = f"{method} is not answered here: send {allowed or 'another method'}"
        if path in _PICTURE_ROUTES and "POST" in allowed:
            told += f", for example curl --data-binary @picture.jpg {request.base_url}{path[1:]}"
    elif error.status_code == 404:
        told = f"there is no route {path!r:.80}: GET / lists what there is, /docs shows all of it"
    else:
        return error
    return HTTPException(error.status_code, told, error.headers)


def _told(errors: Sequence[Any], names: Callable[[Sequence[Any]], Collection[str]]) -> str:
    found = [mistake for one in errors[:_TOLD] for mistake in _taken_apart(one)]
    lines = []
    for one in found[:_TOLD]:
        at = ".".join(str(part) for part in one["loc"])[:120]
        lines.append(f"{at or 'request'}: {_in_words(one, names)}")
    more = max(0, len(errors) - _TOLD) + len(found) - len(lines)
    if more:
        lines.append(f"and {more} more")
    return "; ".join(lines)


def _taken_apart(one: Any) -> Sequence[Any]:
    """Each of the options that do not go together as a mistake at its own place; any other mistake as it is."""
    return [
        {"type": "value_error", "loc": (*one["loc"], *place), "ctx": {"error": text}}
        for place, text in inconsistencies(one)
    ] or [one]


def _in_words(one: Any, names: Callable[[Sequence[Any]], Collection[str]]) -> str:
    kind, context = one["type"], one.get("ctx", {})
    if kind == "extra_forbidden":
        known = names(one["loc"][:-1])
        return f"there is no such field{nearest(str(one['loc'][-1]), known)}"
    if kind == "string_pattern_mismatch":
        return _NAME
    if kind == "value_error":
        return str(context["error"])
    told = in_words(kind, context, one["msg"])
    if kind in _CHOICES and isinstance(given := one.get("input"), str):
        choices = _QUOTED.findall(str(context.get("expected", "")))
        if near := get_close_matches(given[:_LONGEST_CHOICE].strip().lower(), choices, 1, 0.6):
            told += f"; did you mean {near[0]}?"
    return told


def _fields_at(model: object, at: Iterable[object]) -> Collection[str]:
    """Names of the fields of the model at a place within a model; none where there is none."""
    for part in at:
        fields = getattr(model, "model_fields", {})
        if isinstance(part, str) and part in fields:
            model = next(_models_in(fields[part].annotation), None)
    return getattr(model, "model_fields", {}).keys()


def _models_in(kind: object) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in typing.get_args(kind):
        yield from _models_in(inner)


async def read_json(model: type[SomeModel], body: bytes) -> SomeModel:
    """A JSON body (RFC 8259, UTF-8) as a model.

    Raises:
        Malformed: it is no JSON, or gives a name twice.
        InvalidRequest: a value is wrong, or a name is not known.
    """
    if len(body) > _LARGE_JSON:
        return await asyncio.to_thread(_read_json, model, body)
    return _read_json(model, body)


def _read_json(model: type[SomeModel], body: bytes) -> SomeModel:
    body = body.removeprefix(_BOM)
    try:
        found = model.model_validate_json(body, strict=True)
    except ValidationError as exc:
        if exc.error_count() == 1 and exc.errors(include_input=False)[0]["type"] == "json_invalid":
            raise Malformed("the body is no JSON") from exc
        raise InvalidRequest(validation_message(exc, model)) from exc
    # A parser takes the last of two values in silence. Looking for that costs as much as parsing,
    # so it is done only where there are more quotes than what was found explains.
    if body.count(b'"') != 2 * _texts(found):
        _check_names(body)
    return found


def _texts(found: BaseModel) -> int:
    """Names and texts that stand in the JSON of a flat model; what is nested is not counted."""
    number = 0
    for name in found.model_fields_set:
        value = getattr(found, name)
        number += 1 + (len(value) if isinstance(value, list) else isinstance(value, str))
    return number


def _check_names(body: bytes) -> None:
    def once(pairs: list[tuple[str, object]]) -> None:
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise Malformed(f"{name[:80]!r} is given twice")
            names.add(name)

    try:
        json.loads(body, object_pairs_hook=once)
    except (ValueError, RecursionError) as exc:
        raise Malformed("the body is no JSON") from exc


def query_names(route: object) -> Collection[str]:
    """Names of the query parameters of a route."""
    names: dict[str, None] = {}
    for parameter in getattr(getattr(route, "dependant", None), "query_params", ()):
        model = next(_models_in(parameter.field_info.annotation), None)
        names |= dict.fromkeys(model.model_fields if model else [parameter.alias])
    return names.keys()


def check_query(request: Request, names: Collection[str], lists: Collection[str]) -> None:
    """Nothing but these parameters, and each once where it is not one of ``lists``.

    Raises InvalidRequest.
    """
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in names:
            if request.method == "GET" and name in _OF_ANY_GET:
                continue
            raise InvalidRequest(f"{name[:80]}: there is no such parameter{nearest(name, names)}")
        if name in seen and name not in lists:
            raise InvalidRequest(f"{name[:80]} is given twice")
        seen.add(name)


async def exact_query(request: Request) -> None:
    """A dependency: ``check_query`` with the parameters of the route."""
    if request.scope["query_string"]:
        route = request.scope.get("route")
        check_query(request, query_names(route), _list_names(route))


def _list_names(route: object) -> Collection[str]:
    found = set()
    for parameter in getattr(getattr(route, "dependant", None), "query_params", ()):
        annotation = parameter.field_info.annotation
        model = next(_models_in(annotation), None)
        fields = model.model_fields if model else {parameter.alias: parameter.field_info}
        found |= {name for name, field in fields.items() if _is_list(field.annotation)}
    return found


def _is_list(kind: object) -> bool:
    return typing.get_origin(kind) is list or any(map(_is_list, typing.get_args(kind)))


def exact_body(model: type[BaseModel]) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """A dependency of routes whose body is a few options in JSON: it is read strictly before
    FastAPI reads it again.

    Raises TooLarge, UnsupportedMedia, Malformed, InvalidRequest.
    """

    async def check(request: Request) -> None:
        body = await request.body()
        if len(body) > _OPTIONS:
            raise TooLarge(f"the body has more than {_OPTIONS} bytes, which are enough for options")
        kind = content_type(request)
        if kind and not is_json(kind):
            raise UnsupportedMedia(
                f"Content-Type {kind:.80} is not accepted here: send application/json"
            )
        await read_json(model, body)

    return check


def content_type(request: Request) -> str:
    """The media type of a body in lower case, without its parameters; empty where there is none."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a media type is JSON: ``application/json``, ``application/problem+json``."""
    return kind in {"application/json", "text/json"} or kind.endswith("+json")
