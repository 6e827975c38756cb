"""Search by looks: the vectors of a database in an index, and what is known of the matches.

Knows no model: whoever asks has a vector.
"""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from sightline.errors import SearchError
from sightline.runtime.search.following import FollowingIndex, IndexKind
from sightline.runtime.search.stored import Narrowing, StoredEmbeddings, chosen_embedder
from sightline.sinks.schema import embeddings, streams
from sightline.types import EmbedderInfo, Floats, Match


class Searcher:
    """Finds the objects of a database that look most alike. Safe for several threads.

    Whoever writes to the database, in this process or another, is followed: each search sees what is stored by
    then.

    Args:
        url: of the database: see ``StoredEmbeddings``.
        embedder: whose vectors are searched; None: the only one that there is.
        kind: of the index; ``auto`` takes the exact one up to ``EXACT_UP_TO`` vectors.

    Raises:
        ConfigError: there is no such database, it holds no vectors, or those of another embedder.
        MissingPackage: the index needs a package that is not installed.
        SearchError: the database cannot be read.
    """

    def __init__(
        self, url: str | Path, embedder: EmbedderInfo | None = None, kind: IndexKind = "auto"
    ) -> None:
        self.stored = StoredEmbeddings(url)
        try:
            self.number, self.embedder = chosen_embedder(self.stored, embedder)
            self._following = FollowingIndex(self.stored, self.number, self.embedder, kind)
        except BaseException:  # re-raised once the connection is closed
            self.stored.close()
            raise
        self._lock = threading.Lock()

    def refresh(self) -> int:
        """Read what is new, and keep the index in its file. Returns how many objects can be found.

        A search reads what is new, too; it keeps nothing. Raises SearchError.
        """
        with self._lock:
            count = len(self._following.refreshed(compared=True))
            self._following.save()
            return count

    def search(
        self, vector: Floats, count: int = 10, narrowing: Narrowing | None = None
    ) -> list[Match]:
        """The objects that look most alike, the best first; fewer where there are no more.

        Args:
            vector: (dimensions,) float32 of length 1, of the same embedder.
            count: how many.
            narrowing: which objects are searched; None: all.

        Raises SearchError.
        """
        among = None
        if narrowing is not None and narrowing != Narrowing():
            among = self.stored.ids(self.number, narrowing)
        while True:
            with self._lock:
                ((ids, cosines),) = self._following.refreshed().search(vector[None], count, among)
            found = self.stored.matches(ids, cosines)
            if len(found) == len(ids):
                return found
            there = [match.id for match in found]
            with self._lock:  # rows that were removed since: others take their places
                self._following.refreshed().remove(np.setdiff1d(ids, there))

    def vector_of_track(self, stream: str, track_id: int) -> Floats:
        """The vector (dimensions,) of a track, the newest of that name. Raises SearchError: there is none."""
        while len(ids := self.stored.of_track(self.number, stream, track_id)):
            found = self.stored.vectors_of(ids[:1], self.embedder.dimensions)
            if found:  # else a better crop has taken its place since
                return found[int(ids[0])]
        raise SearchError(
            f"{self.stored.name} has no vector of track {track_id} of {stream!r}: the table `embeddings` "
            "lists the tracks that have one"
        )

    def names(self) -> tuple[list[str], list[str]]:
        """The classes and the streams of which there are vectors, in alphabetical order. Raises SearchError."""
        of_model = embeddings.c.embedder_id == self.number
        classes = sa.select(embeddings.c["class"]).where(of_model).distinct()
        seen_in = sa.select(streams.c.name).join(embeddings).where(of_model).distinct()
        first, second = (
            sorted(row[0] for row in self.stored.rows(one)) for one in (classes, seen_in)
        )
        return first, second

    def close(self) -> None:
        """Close the database. Idempotent."""
        self.stored.close()
