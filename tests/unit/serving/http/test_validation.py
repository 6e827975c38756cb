"""Requests are read strictly, and what is wrong with them is told by name."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import pytest
from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from tests.unit.serving.in_process import InProcess, failure

from sightline.config import OutputOptions
from sightline.errors import InvalidRequest, Malformed
from sightline.serving.http.validation import (
    check_query,
    content_type,
    exact_body,
    exact_query,
    is_json,
    nearest,
    read_json,
    routing_error,
)


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sigma: float = 1.0


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    names: list[str] | None = None
    count: int = Field(5, ge=1, le=9)
    on: bool = False
    kind: Literal["normal", "urgent", "batch"] = "normal"
    inner: Inner | None = None
    many: list[Inner] = []
    outputs: OutputOptions = OutputOptions()


def read(body: bytes) -> Wanted:
    return asyncio.run(read_json(Wanted, body))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"{}", {}),
        (b'\xef\xbb\xbf{"count": 3}', {"count": 3}),
        ('{"name": "größe \\u00e9 {\\"count\\": 1}"}'.encode(), {"name": 'größe é {"count": 1}'}),
        (b'{"names": ["a", "a"], "inner": {"sigma": 2}}', {"names": ["a", "a"], "inner": Inner(sigma=2)}),
        (b'{"many": [{"sigma": 1}, {"sigma": 2}]}', {"many": [Inner(sigma=1), Inner(sigma=2)]}),
    ],
    ids=["nothing", "a byte order mark", "quotes within", "nested", "one name in two objects"],
)  # fmt: skip
def test_json_is_read(body: bytes, found: dict[str, Any]) -> None:
    assert read(body) == Wanted(**found)


@pytest.mark.parametrize(
    "body",
    [b"", b"null?", b"{", b'{"count": 1,}', b"\xff\xfe{}", b"{'count': 1}", b"[" * 10_000],
    ids=["empty", "a word", "half", "a comma", "UTF-16", "single quotes", "deep"],
)  # fmt: skip
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises((Malformed, InvalidRequest), match=r"the body is no JSON|request: "):
        read(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"count": 1, "count": 2}',
        b'{"count": 1, "co\\u0075nt": 2}',
        b'{"inner": {"sigma": 1, "sigma": 2}}',
        b'{"many": [{"sigma": 1, "sigma": 2}]}',
        b'{"name": "a", "count": 1, "name": "b"}',
    ],
    ids=["a number", "escaped", "nested", "in a list", "a text"],
)
def test_a_name_that_is_given_twice_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed, match="is given twice"):
        read(body)


def test_a_large_body_is_read_as_strictly() -> None:
    padding = b'"name": "' + b"x" * 300_000 + b'"'
    assert len(read(b"{" + padding + b"}").name or "") == 300_000
    with pytest.raises(Malformed, match="'count' is given twice"):
        read(b'{"count": 1, "count": 2, ' + padding + b"}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"count": "5"}, "count: it must be a whole number"),
        ({"count": True}, "count: it must be a whole number"),
        ({"count": 10}, "count: it must be 9 or less"),
        ({"on": 1}, "on: "),
        ({"kind": "urgnt"}, "did you mean urgent?"),
        ({"kind": "x"}, "kind: "),
        ({"coutn": 5}, "coutn: there is no such field; did you mean count?"),
        (
            {"zzz": 5},
            "zzz: there is no such field; there are name, names, count, on, kind, inner, many",
        ),
        ({"inner": {"sigm": 5}}, "inner.sigm: there is no such field; did you mean sigma?"),
        ({"many": [{}, {"q": 1}]}, "many.1.q: there is no such field; there are sigma"),
        ([], "request: "),
        ({"count": 0, "on": 2, "kind": "x", "inner": 1, "many": 2}, "; and 2 more"),
    ],
)
def test_mistakes_are_told_by_name(content: Any, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(json.dumps(content).encode())
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("names", "rest"),
    [
        pytest.param(("csv",), "", id="one"),
        pytest.param(("csv", "json_lines", "mot"), "", id="as many as are told"),
        pytest.param(("csv", "json_lines", "mot", "coco", "database"), "; and 2 more", id="more"),
    ],
)
def test_what_is_wrong_within_a_set_of_options_is_told_at_its_place(
    names: tuple[str, ...], rest: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(json.dumps({"outputs": dict.fromkeys(names, "a\0b")}).encode())
    *told, last = str(caught.value).removesuffix(rest).split("; ")
    for one in (*told, last):
        place, why = one.split(": ", 1)
        assert place.removeprefix("outputs.") in names
        assert why == "it holds the character NUL (\\0): leave it out"
    assert len(told) + 1 == min(3, len(names))
    assert str(caught.value).endswith(rest)


def test_so_many_mistakes_are_not_listed() -> None:
    with pytest.raises(InvalidRequest, match=r"^the request has more than 1000 mistakes$"):
        read(json.dumps({"names": list(range(1001))}).encode())


def test_what_a_client_sent_is_not_repeated_at_length() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(json.dumps({"k" * 5000: "secret", "kind": "y" * 5000}).encode())
    assert len(str(caught.value)) < 500
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "known", "told"),
    [
        ("confidence", ("conf", "iou"), "; did you mean conf?"),
        ("cofn", ("conf", "iou"), "; did you mean conf?"),
        ("zzz", ("conf", "iou"), "; there are conf, iou"),
        ("zzz", (), ""),
    ],
)
def test_what_was_meant(word: str, known: tuple[str, ...], told: str) -> None:
    assert nearest(word, known) == told


def request_of(
    query: str = "", method: str = "GET", path: str = "/x", headers: Any = ()
) -> Request:
    return Request({
        "type": "http", "method": method, "path": path, "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "server": ("h", 80), "scheme": "http", "root_path": "",
    })  # fmt: skip


@pytest.mark.parametrize(
    ("query", "method", "error"),
    [
        ("", "GET", None),
        ("conf=1&classes=a&classes=b", "GET", None),
        ("conf=1&conf=1", "GET", "conf is given twice"),
        ("conf=1&conf=", "GET", "conf is given twice"),
        ("cnof=1", "GET", "cnof: there is no such parameter; did you mean conf?"),
        ("=1", "GET", ": there is no such parameter"),
        ("_=1&t=2", "GET", None),
        ("_=1", "POST", "_: there is no such parameter"),
        ("q" * 500 + "=1", "GET", "q: there is no such parameter"),
    ],
)
def test_parameters_of_an_address(query: str, method: str, error: str | None) -> None:
    def check() -> None:
        check_query(request_of(query, method), ("conf", "classes"), ("classes",))

    if error is None:
        check()
        return
    with pytest.raises(InvalidRequest) as caught:
        check()
    assert error in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("header", "kind", "json_too"),
    [
        ("application/json", "application/json", True),
        ("Application/JSON; charset=utf-8", "application/json", True),
        ("application/problem+json", "application/problem+json", True),
        ("text/json", "text/json", True),
        ("image/jpeg", "image/jpeg", False),
        ("application/jsonp", "application/jsonp", False),
        ("", "", False),
    ],
)
def test_media_types(header: str, kind: str, json_too: bool) -> None:
    found = content_type(request_of(headers=[("content-type", header)]))
    assert (found, is_json(found)) == (kind, json_too)


@pytest.mark.parametrize(
    ("status", "method", "path", "message"),
    [
        (404, "GET", "/detekt", "there is no route '/detekt': GET / lists what there is"),
        (405, "GET", "/detect", "GET is not answered here: send POST, for example curl --data-binary @picture.jpg http://h/detect"),
        (405, "GET", "/models/a/load", "GET is not answered here: send POST"),
        (418, "GET", "/x", "as it was"),
    ],
)  # fmt: skip
def test_paths_and_methods_that_no_route_answers(
    status: int, method: str, path: str, message: str
) -> None:
    error = HTTPException(status, "as it was", {"Allow": "POST"})
    found = routing_error(error, request_of(method=method, path=path))
    assert found.status_code == status
    assert message in found.detail


router = APIRouter(dependencies=[Depends(exact_query)])


@router.post("/wanted", dependencies=[Depends(exact_body(Wanted))])
async def wanted(body: Wanted, most: int = 3) -> dict[str, int]:
    """A route of options."""
    return {"count": body.count, "most": most}


def test_options_in_a_body_are_read_strictly() -> None:
    service = InProcess(routers=[router])
    assert service.post("/wanted?most=4", json={"count": 2}).json() == {"count": 2, "most": 4}
    for body, status, message in (
        ({"count": "2"}, 422, "count: it must be a whole number"),
        ({"name": "x" * 70_000}, 413, "the body has more than 65536 bytes"),
    ):
        found = failure(service.post("/wanted", json=body))
        assert found[0] == status
        assert message in found[2]
    answer = service.post("/wanted", content=b"count=2", headers={"Content-Type": "text/plain"})
    assert failure(answer)[0] == 415
    assert failure(service.post("/wanted?moist=4", json={}))[2] == (
        "moist: there is no such parameter; did you mean most?"
    )
    assert failure(service.post("/wanted?most=x", json={}))[2].startswith("most: ")
