"""What clients search: one database, and its embedder behind the scheduler. Knows no protocol."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from sightline.config.serving import SearchOptions
from sightline.errors import (
    ConfigError,
    Conflict,
    EngineError,
    MissingPackage,
    ModelError,
    NotFound,
)
from sightline.runtime.repository.served_model import Started, StartNotifyingEngine
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import ScheduledEmbedder
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.runtime.search.query import Box, query_vector
from sightline.runtime.search.searcher import Searcher
from sightline.runtime.search.stored import Narrowing
from sightline.types import Floats, Frame, Match

if TYPE_CHECKING:
    from sightline.models.embedder import CropEmbedder

log = logging.getLogger(__name__)

GetEmbedder = Callable[[str], "tuple[str, CropEmbedder]"]
"""An embedder by its name, and what the scheduler calls it. Raises SightlineError."""


class ServedSearch:
    """A database that clients search. It is opened with the first request: a stream may be about to make it.

    A file that takes its place later is searched from then on.

    Args:
        scheduler: runs the embedder.
        get: loads it.
        options: which database, and which embedder.
    """

    def __init__(self, scheduler: Scheduler, get: GetEmbedder, options: SearchOptions) -> None:
        self._scheduler, self._get, self._options = scheduler, get, options
        self._opening = threading.Lock()
        self._searcher: Searcher | None = None
        self._key: str | None = None

    @property
    def loaded(self) -> str | None:
        """What the scheduler calls the embedder, once a client has used it."""
        return self._key

    def embed(
        self, frame: Frame, box: Box | None, terms: Terms, started: Started
    ) -> Future[Floats]:
        """The vector of what is in a box of a picture. It is decoded here.

        ``started`` is called, in another thread, when its turn comes.

        Raises:
            Conflict: there is nothing to search yet, or it cannot be searched; the log says why.
            InvalidRequest: the box has no pixels in the picture.
            Overloaded: the scheduler accepts no more.
            DecodeError: the picture is damaged.
        """
        searcher = self._opened()
        key, embedder = self._embedder(self._options.embedder or searcher.embedder.name)
        if embedder.info.digest != searcher.embedder.digest:
            log.error(
                "search: %s was indexed with %s, and not with %s: index it again, or name its embedder",
                searcher.stored.name, searcher.embedder, embedder.info,
            )  # fmt: skip
            raise Conflict("what is indexed was made by another embedder: see the log")
        self._key = key
        self._scheduler.check(key, terms)  # before the picture is decoded
        asked = ScheduledEmbedder(self._scheduler, key, embedder, terms)
        return query_vector(
            asked.with_engines(lambda engine: StartNotifyingEngine(engine, started)), frame, box
        )

    def search(self, vector: Floats, count: int, narrowing: Narrowing) -> list[Match]:
        """See ``Searcher.search``. Raises Conflict: there is nothing to search; SearchError."""
        return self._opened().search(vector, count, narrowing)

    def vector_of_track(self, stream: str, track_id: int) -> Floats:
        """The vector of a track. Raises NotFound: it has none; SearchError."""
        searcher = self._opened()
        if not len(searcher.stored.of_track(searcher.number, stream, track_id)):
            raise NotFound(f"there is no vector of track {track_id} of {stream!r:.80}")
        return searcher.vector_of_track(stream, track_id)

    def picture(self, number: int) -> bytes:
        """The picture (JPEG) of an embedding. Raises NotFound: there is none."""
        found = self._opened().stored.picture(number)
        if not found:
            raise NotFound(f"there is no picture of {number}")
        return found

    def close(self) -> None:
        """Close the database. Idempotent."""
        with self._opening:
            if self._searcher is not None:
                self._searcher.close()

    def _opened(self) -> Searcher:
        with self._opening:
            if self._searcher is not None and self._searcher.stored.moved:
                log.info("search: %s was removed or replaced", self._searcher.stored.name)
                self._searcher.close()
                self._searcher = None
            if self._searcher is None:
                named = self._options.embedder
                info = None if named is None else self._embedder(named)[1].info
                try:
                    self._searcher = Searcher(self._options.database, info, self._options.index)
                except (ConfigError, MissingPackage) as exc:
                    log.warning("search: %s", exc)
                    raise Conflict(
                        "there is nothing to search yet, or it cannot be searched: see the log"
                    ) from exc
            return self._searcher

    def _embedder(self, name: str) -> tuple[str, CropEmbedder]:
        try:
            return self._get(name)
        except (ModelError, ConfigError, EngineError) as exc:  # they name files of this computer
            log.error("search: the embedder cannot be used: %s", exc)
            raise Conflict("the embedder cannot be used: see the log") from exc
