"""The HTTP service as an ASGI app: routes, and what is wrapped around all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from sightline._version import __version__
from sightline.config import SPLIT_KEY, ServingOptions
from sightline.errors import RequestError
from sightline.monitoring.tracing import NoTracing, Tracing
from sightline.runtime.history.reports import ServedReports
from sightline.runtime.repository.classifiers import ClassifierRepository, no_classifier
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.rollouts.rollout import Rollout
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.runtime.search.served import ServedSearch
from sightline.serving.http.encodings import UnpackedBody
from sightline.serving.http.envelope import CallObserver, Envelope
from sightline.serving.http.failures import answer
from sightline.serving.http.fetch import networks
from sightline.serving.http.forwarded import ForwardedClient, TrustedProxies
from sightline.serving.http.limits import Admission, EarlyRefusal, WholeBody, arrivals, fetches
from sightline.serving.http.patterns import Patterns
from sightline.serving.http.security import Guard, check_exposure
from sightline.serving.http.signatures import Signer
from sightline.serving.http.state import Clash, Metrics, ServiceState, Streams, no_clash
from sightline.serving.http.validation import request_error, routing_error
from sightline.serving.routes import (
    classification,
    detection,
    health,
    models,
    pages,
    streams,
)
from sightline.serving.routes import (
    reports as report_routes,
)
from sightline.serving.routes import (
    rollouts as rollout_routes,
)
from sightline.serving.routes import (
    search as search_routes,
)
from sightline.types import PRIORITIES

ROUTERS = (
    health.router,
    detection.router,
    classification.router,
    search_routes.router,
    models.router,
    rollout_routes.router,
    report_routes.router,
    streams.router,
    pages.router,
)


def create_app(
    repository: ModelRepository,
    scheduler: Scheduler,
    fleet: Streams | None,
    options: ServingOptions,
    metrics: Metrics | None = None,
    *,
    routers: Sequence[APIRouter] = (),
    tracing: Tracing | None = None,
    observer: CallObserver | None = None,
    classifiers: ClassifierRepository | None = None,
    clash: Clash = no_clash,
    stage_models: Collection[str] = (),
    search: ServedSearch | None = None,
    rollouts: Callable[[], Mapping[str, Rollout]] = dict,
    reports: ServedReports | None = None,
) -> FastAPI:
    """The service around what was built elsewhere; it owns none of it.

    Args:
        repository: the models.
        scheduler: that runs them.
        fleet: the streams; None where the service has none.
        options: host, tokens, limits.
        metrics: for ``GET /metrics``.
        routers: more routes; ``request.app.state.service`` is what they work with.
        tracing: traces requests for pictures.
        classifiers: that clients may ask; None: there are none.
        clash: says why a stream that a client adds cannot run beside the others.
        stage_models: names of models that the stages of clients' streams may use.
        search: what clients may search by looks; None: nothing.
        rollouts: gives the second models by the name of the first.
        reports: what clients may have reports of; None: nothing.
        observer: called with the route ("POST /detect"), status and seconds after each request.

    Raises:
        ConfigError: others could reach it without a token, or a network is none.
    """
    check_exposure(options)
    service = ServiceState(
        repository, scheduler, fleet, options, metrics, networks(options.fetch_from),
        tracing or NoTracing(), Signer(options), arrivals(options.limits), fetches(options.limits),
        classifiers or ClassifierRepository(scheduler, no_classifier, ()), search, clash,
        stage_models, rollouts, reports,
    )  # fmt: skip
    if fleet is not None:
        repository.users = lambda: {stats.model for stats in fleet.stats().values()}
    app = _with_routes(service, (*ROUTERS, *routers))
    _wrap(app, service, Patterns(r for one in (*ROUTERS, *routers) for r in one.routes), observer)
    return app


def _with_routes(service: ServiceState, routers: Sequence[APIRouter]) -> FastAPI:
    # FastAPI's own pages of documentation load scripts from elsewhere; see `routes.pages`.
    app = FastAPI(
        title="Sightline", version=__version__, docs_url=None, redoc_url=None,
        redirect_slashes=False, summary="Objects in pictures and streams.",
    )  # fmt: skip
    app.state.service = service
    app.add_exception_handler(HTTPException, _failed)
    app.add_exception_handler(RequestValidationError, _failed)
    for router in routers:
        app.include_router(router)
    return app


def _wrap(
    app: FastAPI, service: ServiceState, patterns: Patterns, observer: CallObserver | None
) -> None:
    """Put around the routes what every request goes through."""
    options = service.options
    # The last one added is the outermost.
    app.add_middleware(UnpackedBody, limits=options.limits)
    app.add_middleware(Admission, limits=options.limits)
    app.add_middleware(WholeBody, limits=options.limits, arrivals=service.arriving)
    app.add_middleware(EarlyRefusal, check=partial(_check_room, service))
    if options.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=options.origins, allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID", SPLIT_KEY],
        )  # fmt: skip
    app.add_middleware(Guard, options=options, signer=service.signer)
    app.add_middleware(
        Envelope, closing=lambda: service.draining, pattern=patterns.of, observer=observer,
        origins=options.origins,
    )  # fmt: skip
    if options.trusted_proxies:
        app.add_middleware(ForwardedClient, proxies=TrustedProxies(options.trusted_proxies))


def _check_room(service: ServiceState, address: str, path: str, query: Mapping[str, str]) -> None:
    """Raises Overloaded where the scheduler would refuse this client's picture now.

    What the client sends already will wait before it. Without that, whoever opens many connections at
    once would have all of their bodies read, and be refused, or served far too late, afterwards.
    """
    priority = next((one for one in PRIORITIES if one == query.get("priority", "normal")), None)
    if priority is None:
        return  # an error that the route tells
    asked = query.get("model", "default")
    try:
        if path == "/classify":
            name = service.classifiers.loaded(asked)
        elif path == "/search":
            name = None if service.search is None else service.search.loaded
        else:
            name = service.repository.get(asked).name
    except RequestError:  # likewise
        return
    if name is None:
        return
    terms = Terms(f"http:{address}", priority, max_wait_s=service.options.limits.queue_ms / 1e3)
    service.scheduler.check(name, terms, service.arriving.coming(address))


async def _failed(request: Request, error: Exception) -> Response:
    """FastAPI's own errors look like all others."""
    if isinstance(error, RequestValidationError):
        error = request_error(error, request.scope.get("route"))
    elif isinstance(error, HTTPException):
        error = routing_error(error, request)
    return answer(error, request.scope["request_id"], request.scope["path"])
