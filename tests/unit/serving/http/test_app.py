"""The app: all routes, errors of one form, and what is wrapped around every request."""

from __future__ import annotations

import pytest
from fastapi import APIRouter
from tests.unit.serving.in_process import Fleet, InProcess, failure, jpeg

from sightline.config import ServingOptions
from sightline.errors import ConfigError, Overloaded
from sightline.serving.http.app import ROUTERS, create_app
from sightline.types import StreamStats

JPEG = jpeg()


def test_every_route_of_every_router_is_described_or_a_page() -> None:
    described = InProcess().get("/openapi.json").json()["paths"]
    routes = [route for router in ROUTERS for route in router.routes]
    shown = {route.path for route in routes if route.include_in_schema}  # type: ignore[attr-defined]
    assert shown == set(described)


@pytest.mark.parametrize("options", [{"host": "0.0.0.0"}, {"host": "::"}])
def test_an_open_service_for_everybody_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="token"):
        create_app(None, None, None, ServingOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NotFound"),
        ("GET", "/models/", 404, "NotFound"),
        ("GET", "/detect", 405, "MethodNotAllowed"),
        ("GET", "/models/a b", 422, "InvalidRequest"),
    ],
)
def test_errors_of_the_framework_look_like_all_others(
    method: str, path: str, status: int, code: str
) -> None:
    assert failure(InProcess().ask(method, path))[:2] == (status, code)


def test_a_fault_of_ours_says_nothing_but_its_id() -> None:
    router = APIRouter()

    @router.get("/fault")
    async def fault() -> None:
        raise ZeroDivisionError("/secret/path")

    answer = InProcess(routers=[router]).get("/fault")
    assert failure(answer)[:2] == (500, "InternalError")
    assert "secret" not in answer.text


def test_each_answer_has_an_id_of_its_own() -> None:
    service = InProcess()
    one, other = service.get("/health"), service.get("/health")
    assert one.headers["x-request-id"] != other.headers["x-request-id"]
    assert one.headers["x-content-type-options"] == "nosniff"


def test_requests_are_told_by_their_route() -> None:
    told: list[tuple[str, int]] = []
    service = InProcess(observer=lambda route, status, _seconds: told.append((route, status)))
    service.get("/models/tiny/x")
    service.get("/health")
    service.post("/detect", content=JPEG)
    assert told[1:] == [("GET /health", 200), ("POST /detect", 200)]
    assert "tiny" not in told[0][0], "names of clients make no new series of metrics"


def test_a_picture_that_would_be_refused_is_not_read() -> None:
    service = InProcess()
    service.scheduler.full = Overloaded("the queue is full", 2.5)
    for path in ("/detect?priority=urgent", "/classify"):
        answer = service.post(path, content=JPEG, headers={"Content-Type": "image/jpeg"})
        assert failure(answer) == (503, "Overloaded", "the queue is full")
        assert answer.headers["retry-after"] == "3"
    (detect, terms, coming), (classify, *_) = service.scheduler.checked
    assert (detect, classify) == ("tiny", "colours")
    assert (terms.client, terms.priority, coming) == ("http:127.0.0.1", "urgent", 0)
    assert service.models[0].asked == []


@pytest.mark.parametrize(
    ("path", "status"), [("/detect?priority=x", 422), ("/detect?model=x", 404), ("/search", 404)]
)
def test_what_the_route_refuses_is_not_asked_of_the_scheduler(path: str, status: int) -> None:
    service = InProcess()
    service.scheduler.full = Overloaded("full")
    answer = service.post(path, content=JPEG, headers={"Content-Type": "image/jpeg"})
    assert failure(answer)[0] == status
    assert service.scheduler.checked == []


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://a.example", True), ("https://b.example", False)]
)
def test_pages_of_listed_origins_may_call(origin: str, allowed: bool) -> None:
    service = InProcess(options={"origins": ["https://a.example"]})
    ask = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = service.ask("OPTIONS", "/detect", headers=ask)
    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


def test_a_service_that_ends_closes_its_connections() -> None:
    service = InProcess()
    assert "connection" not in service.get("/health").headers
    service.state.draining = True
    assert service.get("/health").headers["connection"] == "close"


def test_models_that_streams_use_are_known_to_the_repository() -> None:
    class Used(Fleet):
        def stats(self) -> dict[str, StreamStats]:
            return {"gate": type("Stats", (), {"model": "tiny"})()}

    service = InProcess(fleet=Used("gate"))
    assert service.repository.users() == {"tiny"}
    assert InProcess().repository.users is None
