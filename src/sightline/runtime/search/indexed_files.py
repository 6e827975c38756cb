"""Which files were indexed already, so that only new and changed ones are. Knows the tables of a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from sightline.runtime.search.stored import StoredEmbeddings
from sightline.sinks.schema import embedders, embeddings, frames, runs, stored_text, streams
from sightline.types import IndexedFile

FACTS = "index"
"""Where a run's settings say how it has indexed: two runs with the same facts find the same."""
_CHUNK = 500


class IndexedFiles:
    """The files of a database that were indexed.

    A picture is once its frame is stored, and a video once its run has ended: what a kill has cut off is
    indexed again.

    Args:
        stored: the database.
        facts: how files are indexed: anything that JSON holds. Files that were indexed otherwise are not done.
    """

    def __init__(self, stored: StoredEmbeddings, facts: Mapping[str, object]) -> None:
        self._stored, self._facts = stored, dict(facts)

    def done(self, files: Iterable[IndexedFile]) -> set[IndexedFile]:
        """Those that were indexed and have not changed since. Raises SearchError."""
        wanted = {stored_text(file.path): file for file in files}
        done = set()
        for row in self._streams(list(wanted)):
            file = wanted[row.path]
            same = (row.size, row.modified_ns) == (file.size, file.modified_ns)
            if same and (row.settings or {}).get(FACTS) == self._facts and _complete(row):
                done.add(file)
        return done

    def forget_earlier(self, files: Iterable[IndexedFile], digest: str) -> None:
        """Remove what an embedder made of these files before they were indexed last. Raises SearchError."""
        before: dict[str, list[int]] = {}
        earlier: list[int] = []
        for row in self._streams([file.path for file in files]):  # in the order of their ids
            if (row.settings or {}).get(FACTS, {}).get("embedder") != digest:
                continue
            if _complete(row):
                earlier += before.pop(row.path, [])
            before.setdefault(row.path, []).append(row.id)
        number = sa.select(embedders.c.id).where(embedders.c.digest == digest).scalar_subquery()
        for at in range(0, len(earlier), _CHUNK):
            part = earlier[at : at + _CHUNK]
            earlier_rows = embeddings.delete().where(
                embeddings.c.embedder_id == number, embeddings.c.stream_id.in_(part)
            )
            with self._stored.writing() as connection:
                connection.execute(earlier_rows)

    def _streams(self, paths: list[str]) -> Iterator[sa.Row[Any]]:
        if not self._stored.has_column(streams.name, streams.c.path.name):
            return  # an earlier version has written it
        seen = sa.exists().where(frames.c.stream_id == streams.c.id)
        columns = (streams, runs.c.state, runs.c.settings, seen.label("seen"))
        for at in range(0, len(paths), _CHUNK):
            part = streams.c.path.in_(paths[at : at + _CHUNK])
            found = sa.select(*columns).join(runs).where(part).order_by(streams.c.id)
            yield from self._stored.rows(found)


def _complete(row: sa.Row[Any]) -> bool:
    """Whether all of a file was stored."""
    if (row.settings or {}).get(FACTS, {}).get("still"):
        return bool(row.seen)
    return bool(row.state == "done")
