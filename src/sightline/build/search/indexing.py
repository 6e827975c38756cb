"""Indexing of footage, to search it by looks: detected, tracked, embedded, and stored in a database."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline._version import __version__
from sightline.build.pipeline import pipeline
from sightline.build.sources import SourceInput
from sightline.build.stages import stages
from sightline.config import EmbedOptions, ModelOptions, TrackerKind
from sightline.errors import ConfigError
from sightline.protocols import Detector, IdentifiedEmbedder
from sightline.runtime.search.indexed_files import FACTS, IndexedFiles
from sightline.runtime.search.searcher import Searcher
from sightline.runtime.search.stored import StoredEmbeddings
from sightline.runtime.streams.stream import Stream
from sightline.sinks.database import DatabaseSink
from sightline.types import IndexedFile, RunState
from sightline.whole_files import OutputGuard

if TYPE_CHECKING:
    from sightline.sources.images import ImageSource


@dataclass(frozen=True)
class Indexer:
    """How footage is indexed.

    Args:
        database: a file or an address: see ``DatabaseSink``. It is made where it is missing.
        detector: finds the objects.
        embedder: makes their vectors.
        options: which objects, and which of their crops.
        model: the options of the detector.
        tracker: gives objects of videos ids.
        every: of videos, only each so many-th frame is analysed.
        guard: what was found at the path of the database when it was checked.
    """

    database: str
    detector: Detector
    embedder: IdentifiedEmbedder
    options: EmbedOptions
    model: ModelOptions
    tracker: TrackerKind | None = None
    every: int = 1
    guard: OutputGuard | None = None

    def begin(self, one: SourceInput) -> IndexRun:
        """Make ready to index what is new of a source. Raises SightlineError."""
        facts = self._facts(one)
        files = _files(one)
        done = self._done(files, facts)
        left = {name: file for name, file in files.items() if file not in done}
        if files and not left:
            return IndexRun(self, one, {}, len(done), facts)
        if one.still and done:
            known = {name for name, file in files.items() if file in done}
            one = replace(one, source=_without(one, known))
        return IndexRun(self, one, left, len(done), facts)

    def refreshed(self) -> int:
        """Bring the index up to date; how many objects can be found. Raises SightlineError."""
        try:
            stored = StoredEmbeddings(self.database)
        except ConfigError:
            return 0  # nothing was indexed
        try:
            known = {info.digest for info in stored.embedders().values()}
        finally:
            stored.close()
        if self.embedder.info.digest not in known:
            return 0  # nothing was found
        searcher = Searcher(self.database, self.embedder.info)
        try:
            return searcher.refresh()
        finally:
            searcher.close()

    def _facts(self, one: SourceInput) -> dict[str, Any]:
        """What decides which objects are found, and how they are called."""
        told = self.model.model_dump(mode="json", exclude_defaults=True, exclude={"models_dir"})
        return {
            "embedder": self.embedder.info.digest,
            "model": told,
            "options": self.options.model_dump(mode="json", exclude={"model"}),
            "every": self.every,
            "still": one.still,
        }

    def _done(
        self, files: Mapping[str, IndexedFile], facts: Mapping[str, object]
    ) -> set[IndexedFile]:
        if not files:
            return set()
        try:
            stored = StoredEmbeddings(self.database)
        except ConfigError:
            return set()  # it is made by the first run
        try:
            return IndexedFiles(stored, facts).done(files.values())
        finally:
            stored.close()


class IndexRun:
    """One source that is indexed: run its ``stream``, then call ``end``.

    ``stream`` is None where nothing is new. ``already`` counts files that were indexed before.
    """

    def __init__(
        self,
        how: Indexer,
        one: SourceInput,
        files: Mapping[str, IndexedFile],
        already: int,
        facts: Mapping[str, object],
    ) -> None:
        self.name, self.already = one.name, already
        self.takes_turns, self._source = one.takes_turns, one.source
        self._how, self._files, self._facts = how, files, facts
        self.stream: Stream | None = None
        if not files and already:
            return
        run = {
            "command": "search index",
            "model": how.model.model,
            "version": __version__,
            "settings": {FACTS: dict(facts)},
        }
        self._sink = DatabaseSink(how.database, run, files=files, guard=how.guard)
        following = stages([how.options], how.detector, _no_classifier, lambda _: how.embedder)
        every = 1 if one.still else how.every
        steps = pipeline(
            how.detector,
            how.tracker,
            still=one.still,
            every=every,
            stages=following,
            get_embedder=lambda _: how.embedder,
        )
        self.stream = Stream(one.name, one.source, steps, [self._sink])

    def run(self) -> None:
        """Index the source to its end, here. Raises SightlineError: what it failed with, after it has ended."""
        if self.stream is not None:
            try:
                self.stream.run()
            except BaseException:  # re-raised once what waits is stored
                self.end(interrupted=True)
                raise
            self.end()
            if self.stream.result.error is not None:
                raise self.stream.result.error

    @property
    def error(self) -> str | None:
        """What the source failed with, or None."""
        failed = None if self.stream is None else self.stream.result.error
        return None if failed is None else str(failed)

    def told(self) -> dict[str, Any]:
        """What was done, as JSON has it."""
        frames = 0 if self.stream is None else self.stream.result.frames
        dropped = {} if self.stream is None else self._source.status.dropped
        left_out = {why: count for why, count in dropped.items() if count}
        return {
            "name": self.name, "frames": frames, "already": self.already, "left_out": left_out,
            "error": self.error,
        }  # fmt: skip

    def end(self, *, interrupted: bool = False) -> None:
        """Store what waits, and forget what the files held before they changed. Raises SightlineError."""
        if self.stream is None:
            return
        failed: RunState = "failed" if self.stream.result.error else "done"
        self._sink.state = "interrupted" if interrupted else failed
        self._sink.close()
        if self._files and self.stream.result.frames:
            stored = StoredEmbeddings(self._how.database)
            try:
                digest = self._how.embedder.info.digest
                IndexedFiles(stored, self._facts).forget_earlier(self._files.values(), digest)
            finally:
                stored.close()


def _no_classifier(_: object) -> Any:
    raise ConfigError("indexing has no classifiers")


def _files(one: SourceInput) -> dict[str, IndexedFile]:
    """The files of a source by the names of their streams; none of what is no file."""
    if one.kind == "file":
        paths: Sequence[tuple[str, Path]] = [(one.name, Path(one.spec))]
    elif one.still:
        paths = list(zip(_images(one).names, _images(one).paths, strict=True))
    else:
        return {}
    found = {}
    for name, path in paths:
        with suppress(OSError):  # reading it says what is wrong
            at = path.stat()
            absolute = os.path.abspath(path)  # noqa: PTH100 - links stay
            found[name] = IndexedFile(absolute, at.st_size, at.st_mtime_ns)
    return found


def _images(one: SourceInput) -> ImageSource:
    from sightline.sources.images import ImageSource

    assert isinstance(one.source, ImageSource)
    return one.source


def _without(one: SourceInput, known: Collection[str]) -> ImageSource:
    """The pictures of a source, less those of these names."""
    from sightline.sources.images import ImageSource

    whole = _images(one)
    left = [(n, p) for n, p in zip(whole.names, whole.paths, strict=True) if n not in known]
    source = ImageSource([path for _, path in left], one.name)
    source.names = [name for name, _ in left]
    return source
