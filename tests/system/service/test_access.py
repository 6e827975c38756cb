"""Who may do what: tokens on every route, web pages, hosts."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest
import tritonclient.http
from fastapi import FastAPI
from starlette.routing import Route
from tests.waiting import wait_for
from tritonclient.utils import InferenceServerException

from sightline.config import ServingOptions
from sightline.errors import ConfigError
from sightline.serving.http.app import create_app
from sightline.serving.http.security import Access, access
from sightline.serving.http.server import Server
from sightline.serving.routes.pages import FILES

PAGES = {("GET", "/"), ("GET", "/docs"), *(("GET", f"/web/{name}") for name in FILES)}
OPEN = {("GET", "/health"), ("GET", "/ready"), *PAGES}
CLIENT_POSTS = {"/detect", "/predict", "/predict/batch", "/classify", "/search"}


def walk(found: Iterable[Any]) -> Iterator[Route]:
    for one in found:
        if isinstance(one, Route):
            yield one
        else:  # FastAPI's stand-in for an included router; whatever else it is must be looked at
            yield from walk(one.original_router.routes)


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method and path that the app answers, with names filled in."""
    for route in walk(app.routes):
        for method in route.methods or ():
            if method != "HEAD":
                yield method, route.path.replace("{name}", "tiny")


def test_the_walk_sees_every_route(serve: Any) -> None:
    app = serve().app
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # FastAPI warns of two operations of one name
        described = app.openapi()["paths"]
    shown = {(m.upper(), p.replace("{name}", "tiny")) for p, ms in described.items() for m in ms}
    assert set(routes(app)) == shown | PAGES | {("GET", "/openapi.json")}
    assert len(shown) > 15


def test_every_route_asks_for_its_token(serve: Any) -> None:
    service = serve(token="client", admin_token="admin")
    with service.client() as nobody, service.client("client") as client:
        for method, path in routes(service.app):
            status = nobody.request(method, path).status_code
            if (method, path) in OPEN:
                assert status == 200, path
                continue
            assert status == 401, (method, path)
            if method == "GET" or path in CLIENT_POSTS:
                if path not in {"/events", "/streams/tiny/mjpeg"}:
                    assert client.request(method, path).status_code not in {401, 403}, path
            else:
                assert client.request(method, path).status_code == 403, (method, path)


def test_an_administrator_may_do_everything(serve: Any) -> None:
    service = serve(token="client", admin_token="admin")
    with service.client("admin") as admin:
        assert admin.get("/models").status_code == 200
        assert admin.post("/models/tiny/reload").status_code == 200
        assert admin.delete("/streams/none").status_code == 404


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("Bearer wrong", id="another token"),
        pytest.param("Bearer secret2", id="longer"),
        pytest.param("Bearer secre", id="shorter"),
        pytest.param("Basic secret", id="another scheme"),
        pytest.param("secret", id="no scheme"),
        pytest.param("Bearer", id="none"),
        pytest.param("Bearer secret\xe9", id="not ASCII"),
    ],
)
def test_wrong_tokens(serve: Any, header: str) -> None:
    with serve(token="secret").client() as client:
        answer = client.get("/models", headers={"Authorization": header.encode("latin-1")})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/models", headers={"Authorization": "bearer secret"}).status_code == 200


@pytest.mark.parametrize("other", ["Bearer secret", "Bearer wrong", ""])
def test_two_tokens_are_none(serve: Any, other: str) -> None:
    with serve(token="secret").client() as client:
        for headers in (["Bearer secret", other], [other, "Bearer secret"]):
            pairs = [("Authorization", value) for value in headers]
            assert client.get("/models", headers=pairs).status_code == 401


def test_the_body_of_a_stranger_is_not_read(serve: Any) -> None:
    """The refusal comes before the body."""
    service = serve(token="secret", limits={"body_mb": 1})
    with service.client() as client:
        answer = client.post("/detect", content=bytes(5_000_000))
        assert answer.status_code == 401


@pytest.mark.parametrize("kind", ["token", "admin_token"])
def test_an_empty_token_is_no_token(serve: Any, kind: str) -> None:
    with pytest.raises(ConfigError, match=rf"serving\.{kind} is empty"):
        serve(**{kind: " "})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "camera.example"])
def test_without_a_token_others_cannot_reach_it(serve: Any, host: str) -> None:
    with pytest.raises(ConfigError, match=r"serving\.token"):
        Server(serve().app, ServingOptions(host=host, port=0))


def test_with_a_token_it_may_listen_everywhere(serve: Any) -> None:
    service = serve(host="0.0.0.0", token="secret")
    with service.client("secret") as client:
        assert client.get("/status").status_code == 200
        assert client.get("/status", headers={"Host": "camera.example"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:80", ""])
def test_without_a_token_only_localhost_is_called(serve: Any, host: str) -> None:
    """A page's own name may be made to lead here (DNS rebinding)."""
    with serve().client() as client:
        assert client.get("/models", headers={"Host": host}).status_code == 403
        for good in ("localhost", "localhost:8000", "127.0.0.1:1", "[::1]:9"):
            assert client.get("/models", headers={"Host": good}).status_code == 200


def test_pages_of_elsewhere_may_not_call(serve: Any, jpeg: bytes) -> None:
    service = serve(origins=("https://board.example",))
    with service.client() as client:
        evil = {"Origin": "https://evil.example"}
        assert client.post("/detect", content=jpeg, headers=evil).status_code == 403
        assert client.get("/models", headers={"Origin": "null"}).status_code == 403
        own = {"Origin": service.url}
        assert client.post("/detect", content=jpeg, headers=own).status_code == 200
        good = {"Origin": "https://board.example"}
        answer = client.post("/detect", content=jpeg, headers=good)
        assert answer.headers["access-control-allow-origin"] == "https://board.example"
        asked = {**good, "Access-Control-Request-Method": "POST"}
        assert client.options("/detect", headers=asked).status_code == 200
        asked["Origin"] = "https://evil.example"
        assert client.options("/detect", headers=asked).status_code == 403


@pytest.mark.parametrize("origin", ["http://[", "http://]", "http://[::1"])
def test_an_origin_that_is_no_address(serve: Any, origin: str) -> None:
    with serve().client() as client:
        assert client.get("/models", headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/v2", 401, id="no token"),
        pytest.param("GET", "/v2/models/tiny", 401, id="no token, deeper"),
        pytest.param("POST", "/v2/repository/models/tiny/load", 403, id="another token"),
        pytest.param("GET", "/v2/nothing", 404, id="no such route"),
        pytest.param("POST", "/v2/models/tiny/infer", 413, id="too large"),
    ],
)
def test_refusals_have_the_form_of_the_protocol(
    serve: Any, method: str, path: str, status: int
) -> None:
    """Clients of the Open Inference Protocol fail at any other."""
    service = serve(token="client", admin_token="admin", limits={"body_mb": 0.1})
    with service.client(None if status == 401 else "client") as client:
        answer = client.request(method, path, content=bytes(200_000 if status == 413 else 0))
        assert answer.status_code == status
        assert answer.json().keys() == {"error"}
        assert isinstance(answer.json()["error"], str)


def test_clients_of_the_protocol_hear_that_a_token_is_needed(serve: Any) -> None:
    service = serve(token="secret")
    asking = tritonclient.http.InferenceServerClient(service.url.removeprefix("http://"))
    with pytest.raises(InferenceServerException, match="Bearer") as caught:
        asking.get_server_metadata()
    assert "***" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        pytest.param("POST", "/detect", "POST /detect", id="pictures"),
        pytest.param("GET", "/models/tiny", "GET /models/{name}", id="a name"),
        pytest.param("POST", "/models/a/reload", "POST /models/{name}/reload", id="a name within"),
        pytest.param("GET", "/nothing", "GET none", id="no route"),
    ],
)
def test_refusals_are_counted_by_their_route(
    serve: Any, method: str, path: str, route: str
) -> None:
    service = serve(token="secret")
    told: list[tuple[str, int]] = []
    app = create_app(
        service.repository, service.scheduler, service.fleet, service.options,
        observer=lambda asked, status, _: told.append((asked, status)),
    )  # fmt: skip

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await client.request(method, path)

    asyncio.run(ask())
    assert told == [(route, 401)]


def test_no_cors_by_default(serve: Any) -> None:
    with serve().client() as client:
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        answer = client.options("/detect", headers=asked)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        pytest.param("GET", "/health", Access.OPEN, id="health"),
        pytest.param("GET", "/metrics", Access.CLIENT, id="metrics"),
        pytest.param("GET", "/v2/health/ready", Access.CLIENT, id="health of v2"),
        pytest.param("POST", "/detect", Access.CLIENT, id="pictures"),
        pytest.param("POST", "/v2/models/a/infer", Access.CLIENT, id="tensors"),
        pytest.param("POST", "/v2/models/a/versions/1/infer", Access.CLIENT, id="with a version"),
        pytest.param("POST", "/v2/repository/index", Access.CLIENT, id="index"),
        pytest.param("POST", "/v2/repository/models/a/load", Access.ADMIN, id="load"),
        pytest.param("POST", "/detect/", Access.ADMIN, id="nearly"),
        pytest.param("POST", "/detect/../streams", Access.ADMIN, id="dots"),
        pytest.param("POST", "/v2/models/a/b/infer", Access.ADMIN, id="another path"),
        pytest.param("POST", "/health", Access.ADMIN, id="another method"),
        pytest.param("DELETE", "/streams/a", Access.ADMIN, id="delete"),
        pytest.param("PUT", "/detect", Access.ADMIN, id="put"),
        pytest.param("BREW", "/pot", Access.ADMIN, id="what nobody knows"),
    ],
)
def test_access(method: str, path: str, needed: Access) -> None:
    assert access(method, path) is needed


def test_secrets_are_not_shown(serve: Any) -> None:
    service = serve(token="hush-hush", admin_token="quite-hush")
    assert "hush" not in repr(service.options)
    with service.client("hush-hush") as client:
        for path in ("/status", "/models", "/openapi.json"):
            assert "hush" not in client.get(path).text


STREET = "street://?width=64&height=64&fps=20&duration=0&live=true"
ENDLESS = {"/events", "/streams/tiny/mjpeg"}


def test_every_page_and_picture_is_closed_to_other_pages(serve: Any) -> None:
    """No script or style of elsewhere, no frame, no guessing of types, no reading without being listed."""
    board, evil = "https://board.example", "https://evil.example"
    service = serve(origins=(board,), grpc_port=0)
    with service.client() as client:
        assert client.post("/streams", json={"name": "tiny", "source": STREET}).status_code == 201
        wait_for(lambda: client.get("/streams/tiny/snapshot").status_code == 200)
        seen = 0
        for method, path in routes(service.app):
            if method != "GET":
                continue
            for origin in (None, board, evil):
                headers = {} if origin is None else {"Origin": origin}
                with client.stream("GET", path, headers=headers) as answer:
                    if path not in ENDLESS or origin == evil:
                        answer.read()
                    found, where = answer.headers, (path, origin, answer.status_code)
                    policy = found["content-security-policy"]
                    assert "default-src 'none'" in policy, where
                    assert "frame-ancestors 'none'" in policy, where
                    assert not re.search(r"unsafe|\*|http", policy), where
                    assert found["x-content-type-options"] == "nosniff", where
                    assert found["referrer-policy"] == "no-referrer", where
                    assert found["cross-origin-resource-policy"] == "same-origin", where
                    allowed = found.get("access-control-allow-origin")
                    assert allowed == (board if origin == board else None), where
                    assert "access-control-allow-credentials" not in found, where
                    assert (answer.status_code == 403) == (origin == evil), where
                    seen += 1
        assert seen > 60


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/streams/none", b"", 404),
        ("GET", "/streams", b"", 401),
        ("POST", "/detect", b"no picture", 415),
        ("POST", "/detect?conf=7", b"x", 422),
        ("POST", "/detect", bytes(2_000_000), 413),
        ("GET", "/v2/models/none", b"", 404),
    ],
)
def test_a_listed_page_can_read_errors_too(
    serve: Any, method: str, path: str, body: bytes, status: int
) -> None:
    """Else its script hears of a network error, and nobody learns what was wrong."""
    service = serve(
        origins=("https://board.example",), token="t", limits={"body_mb": 1}, grpc_port=0
    )
    with service.client(None if status == 401 else "t") as client:
        headers = {"Origin": "https://board.example"}
        answer = client.request(method, path, content=body, headers=headers)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "https://board.example"
        assert "Origin" in answer.headers["vary"]
        assert (
            "access-control-allow-origin"
            not in client.request(
                method, path, content=body, headers={"Origin": "https://evil.example"}
            ).headers
        )
