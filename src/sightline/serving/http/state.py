"""What the routes work with."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from starlette.requests import Request

from sightline.config import ServingOptions, StreamOptions
from sightline.errors import NotFound
from sightline.hosts import AllowedHosts
from sightline.monitoring.tracing import Tracing
from sightline.runtime.history.reports import ServedReports
from sightline.runtime.repository.classifiers import ClassifierRepository
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.rollouts.rollout import Rollout
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.runtime.search.served import ServedSearch
from sightline.runtime.streams.feed import FeedItem
from sightline.serving.http.arrivals import Arrivals
from sightline.serving.http.signatures import Signer
from sightline.types import StreamStats


class Metrics(Protocol):
    """What ``GET /metrics`` shows."""

    def render(self) -> bytes:
        """Prometheus' text format."""


class Streams(Protocol):
    """A fleet, in this process or in several; see ``runtime.fleet.Fleet``."""

    def add(self, name: str, options: StreamOptions) -> None:
        """Start a stream. Raises Conflict: there is one of that name."""

    def remove(self, name: str) -> bool:
        """End a stream; whether it has ended. Raises NotFound."""

    def pause(self, name: str) -> None:
        """Stop analysing a stream. Raises NotFound."""

    def resume(self, name: str) -> None:
        """Go on with a stream. Raises NotFound."""

    def options(self) -> Mapping[str, StreamOptions]:
        """The options of all streams, by name."""

    def stats(self) -> Mapping[str, StreamStats]:
        """What each stream has done, by name."""

    def version(self, name: str) -> int:
        """Counts up with each picture of a stream. Raises NotFound."""

    def snapshot(self, name: str, *, annotated: bool = True, quality: int = 80) -> bytes:
        """The newest picture as JPEG, with its objects where ``annotated``. Raises NotFound, Conflict."""

    def subscribe(self) -> AbstractContextManager[queue.Queue[FeedItem]]:
        """A queue of what streams report, for as long as the context lasts."""


Clash: TypeAlias = Callable[[Mapping[str, StreamOptions], str, StreamOptions], str | None]
"""Why a stream cannot be added beside those that run: one would write what another uses."""


def no_clash(running: Mapping[str, StreamOptions], name: str, added: StreamOptions) -> None:
    """For a service that has no configuration to compare with."""


@dataclass
class ServiceState:
    """The service's own objects, one of each; ``request.app.state.service``."""

    repository: ModelRepository
    scheduler: Scheduler
    fleet: Streams | None
    options: ServingOptions
    metrics: Metrics | None
    networks: AllowedHosts | None
    tracing: Tracing
    signer: Signer
    arriving: Arrivals
    """Bodies that are on their way."""
    fetching: Arrivals
    """Pictures that are fetched by URL, likewise."""
    classifiers: ClassifierRepository
    search: ServedSearch | None
    """What clients search by looks; None: nothing."""
    clash: Clash = no_clash
    stage_models: Collection[str] = ()
    """Names of models that the stages of clients' streams may use."""
    rollouts: Callable[[], Mapping[str, Rollout]] = dict
    """Second models, by the name of the first."""
    reports: ServedReports | None = None
    """What clients may have reports of; None: nothing is kept."""
    adding: threading.Lock = field(default_factory=threading.Lock)
    """Held from the look at what runs until the new stream does."""
    started_at: float = field(default_factory=time.time)
    draining: bool = False
    """Nothing new should come; what comes is answered still."""
    watchers: int = 0
    """Clients that watch a stream or read events."""

    @property
    def ready(self) -> bool:
        """Whether requests are taken: models are loaded, and the service is not ending."""
        return not self.draining and self.repository.ready

    @property
    def searched(self) -> ServedSearch:
        """Raises NotFound: this service searches nothing."""
        if self.search is None:
            raise NotFound("this service searches nothing: `serving.search` names a database")
        return self.search

    @property
    def reported(self) -> ServedReports:
        """Raises NotFound: this service keeps no history."""
        if self.reports is None:
            raise NotFound("this service keeps nothing to report on: `history` names a database")
        return self.reports

    @property
    def streams(self) -> Streams:
        """Raises NotFound: this service runs no streams."""
        if self.fleet is None:
            raise NotFound("this service runs no streams")
        return self.fleet


def state_of(request: Request) -> ServiceState:
    """The state of the service that got a request."""
    service: ServiceState = request.app.state.service
    return service
