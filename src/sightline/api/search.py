"""Index footage, and find objects in it by their looks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from os import PathLike, fspath
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sightline import build
from sightline.api import arguments
from sightline.config import ByteTrackOptions, EmbedOptions, ModelOptions, checked, moment
from sightline.errors import ConfigError
from sightline.types import Match

if TYPE_CHECKING:
    from sightline.models.embedder import CropEmbedder
    from sightline.runtime.search.identities import IdentityCandidate
    from sightline.runtime.search.searcher import Searcher
    from sightline.sources.stills import Image


class SearchIndex:
    """A database of what objects look like: footage is added, and searched by a picture or a track.

        with sl.SearchIndex("street.db") as index:
            index.add("gate.mp4", "yolox_nano", classes=["car"])
            for match in index.search("car.jpg", count=5):
                print(match.similarity, match.stream, match.track_id, match.time)

    Close it when it is not needed any more, or use it in a ``with`` block.

    Args:
        database: a SQLite file, which is made where it is missing, or a database's address; streams may be
            writing to it.
        embedder: the name or file of an embedder; the one that the database was indexed with by default, and
            else the one that suits the model of ``add``, or ``colours``.
        index: ``auto``, ``exact`` or ``usearch``.
        models_dir: folder of pulled models.

    Its methods raise SightlineError; ConfigError where the database was indexed with another embedder.
    """

    def __init__(
        self,
        database: str | PathLike[str],
        embedder: str | PathLike[str] | None = None,
        *,
        index: str = "auto",
        models_dir: Path | None = None,
    ) -> None:
        from sightline.models import zoo

        self._database = fspath(database)
        self._name = None if embedder is None else fspath(embedder)
        self._kind = index
        self._folder = models_dir or zoo.default_folder(os.environ)
        self._searcher: Searcher | None = None
        self._embedder: CropEmbedder | None = None

    def add(
        self,
        source: str | PathLike[str],
        model: str | PathLike[str],
        *,
        classes: int | str | Sequence[int | str] | None = None,
        conf: float | None = None,
        every: int = 1,
        start: datetime | str | None = None,
    ) -> int:
        """Detect, track and embed the objects of a source, and keep the best crop of each track.

        Files that were added before are left out, unless they have changed.

        Args:
            source: a video file, a picture, a folder, a glob or an address.
            model: finds the objects: a file, or the name of a model.
            classes, conf: of the objects; as for ``load``.
            every: of videos, only each so many-th frame is analysed.
            start: when a recording was begun, with its zone.

        Returns:
            How many objects can be found by now.

        Raises SightlineError: the first failure, after what is good was added.
        """
        from sightline.build.search.indexing import Indexer

        use = checked(
            ModelOptions, model=fspath(model), classes=classes, conf=conf, models_dir=self._folder
        )
        begun = None if start is None else moment("start", start)
        every = arguments.whole_number("every", every)
        inputs = build.inputs([fspath(source)], start=begun)
        detector = build.detector(use, stills=build.few_pictures(inputs))
        try:
            embedder = self._embedder_for(detector)
            options = checked(EmbedOptions, model=embedder.info.name)
            indexer = Indexer(
                self._database, detector, embedder, options, use, ByteTrackOptions(), every
            )
            for one in inputs:
                indexer.begin(one).run()
            return indexer.refreshed()
        finally:
            detector.close()

    def search(
        self,
        image: Image | None = None,
        box: Sequence[float] | None = None,
        *,
        track: tuple[str, int] | None = None,
        count: int = 10,
        classes: str | Sequence[str] = (),
        streams: str | Sequence[str] = (),
        after: datetime | str | None = None,
        before: datetime | str | None = None,
    ) -> list[Match]:
        """The objects that look most alike, the best first.

        Args:
            image: a picture, as ``Model.detect`` takes it.
            box: x1 y1 x2 y2 of what is looked for, in its pixels; all of it by default.
            track: in place of a picture, the name of a stream and a track of it.
            count: how many; fewer where there are no more.
            classes, streams: only objects of these.
            after, before: only those seen then; moments know their zone.

        Raises:
            InvalidRequest: the box has no pixels in the picture.
            ConfigError: an argument is out of its range.
            SightlineError: the picture cannot be read, or the track has no vector.
        """
        from sightline.runtime.search.query import query_vector
        from sightline.runtime.search.stored import Narrowing
        from sightline.sources.stills import still_frame

        if (image is None) == (track is None):
            raise ConfigError("search: give an image, or track=(stream, id)")
        narrowing = Narrowing(
            arguments.names("classes", classes, ","),
            arguments.names("streams", streams),
            after=None if after is None else moment("after", after),
            before=None if before is None else moment("before", before),
        )
        count = arguments.whole_number("count", count)
        asked = None if track is None else arguments.track_key(track)
        searcher = self._opened(with_model=asked is None)
        if asked is not None:
            return searcher.search(searcher.vector_of_track(*asked), count, narrowing)
        assert self._embedder is not None
        found: Any = image
        vector = query_vector(self._embedder, still_frame(found), box).result()
        return searcher.search(vector, count, narrowing)

    def same(
        self,
        min_score: float = 0.7,
        fade_s: float | None = None,
        *,
        classes: str | Sequence[str] = (),
    ) -> list[IdentityCandidate]:
        """Tracks of different streams that may be the same object, the likeliest first. Nothing is merged.

        Args:
            min_score: the lowest score of a pair.
            fade_s: a similarity counts half where the tracks are so many seconds apart.
            classes: only objects of these.
        """
        from sightline.runtime.search.identities import identity_candidates
        from sightline.runtime.search.stored import Narrowing

        narrowing = Narrowing(arguments.names("classes", classes, ","))
        least = 0.0 if min_score == 0 else arguments.positive("min_score", min_score, 1)
        fade = None if fade_s is None else arguments.positive("fade_s", fade_s)
        return identity_candidates(self._opened(with_model=False), least, fade, narrowing)

    def close(self) -> None:
        """Free the embedder, and close the database. Idempotent."""
        for part in (self._searcher, self._embedder):
            if part is not None:
                part.close()
        self._searcher = self._embedder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self, *, with_model: bool) -> Searcher:
        if self._searcher is not None and self._searcher.stored.moved:
            self._searcher.close()  # another file is there by now
            self._searcher = None
        if self._searcher is None or (with_model and self._embedder is None):
            if self._searcher is not None:
                self._searcher.close()
            self._searcher, embedder = build.opened(
                self._database, self._name, self._kind, self._folder,
                with_model=with_model, given=self._embedder,
            )  # fmt: skip
            self._embedder = embedder or self._embedder
        return self._searcher

    def _embedder_for(self, detector: Any) -> CropEmbedder:
        """The embedder that objects of a detector are indexed with."""
        if self._embedder is None:
            name = build.indexing_embedder(detector, self._name)
            self._embedder = build.embedder(ModelOptions(model=name, models_dir=self._folder))
        return self._embedder
