"""What clients search: the file that is there now, also after another has taken its place."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runtime.search.conftest import embedding, units

from sightline.config.serving import SearchOptions
from sightline.errors import Conflict, NotFound, SearchError
from sightline.runtime.search.searcher import Searcher
from sightline.runtime.search.served import ServedSearch
from sightline.runtime.search.stored import Narrowing, StoredEmbeddings

Store = Callable[..., None]


@pytest.fixture
def served(database: Path) -> Iterator[ServedSearch]:
    nothing: Any = None  # tracks need no model
    with contextlib.closing(
        ServedSearch(nothing, nothing, SearchOptions(database=str(database)))
    ) as made:
        yield made


def tracks(served: ServedSearch) -> set[int | None]:
    return {match.track_id for match in served.search(units(1)[0], 100, Narrowing())}


def test_a_file_that_takes_the_place_of_another_is_searched(
    store: Store, database: Path, served: ServedSearch
) -> None:
    store([embedding(vector, track) for track, vector in enumerate(units(3))])
    assert tracks(served) == {0, 1, 2}
    database.rename(database.with_name("yesterday.db"))
    with pytest.raises(Conflict, match="nothing to search yet"):
        tracks(served)
    store([embedding(units(1)[0], 7)])
    assert tracks(served) == {7}
    assert served.vector_of_track("gate", 7) == pytest.approx(units(1)[0], abs=1e-3)
    with pytest.raises(NotFound, match="no vector of track 0 of 'gate'"):
        served.vector_of_track("gate", 0)


def test_a_damaged_database_is_not_one_without_the_track(
    store: Store, database: Path, served: ServedSearch
) -> None:
    store([embedding(units(1)[0], 1)])
    assert tracks(served) == {1}
    with contextlib.closing(sqlite3.connect(database)) as db:
        db.execute("DROP TABLE embeddings")
    with pytest.raises(SearchError, match="cannot read"):
        served.vector_of_track("gate", 1)


def test_a_better_crop_takes_the_place_of_the_one_that_is_asked_for(
    store: Store, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = units(2)
    store([embedding(old, 1)])
    found = StoredEmbeddings.of_track

    def of_track(stored: StoredEmbeddings, *asked: Any) -> Any:
        ids = found(stored, *asked)
        if ids.tolist() == [1]:
            with contextlib.closing(sqlite3.connect(database)) as db:
                db.execute("DELETE FROM embeddings")
                db.commit()
            store([embedding(new, 1)])
        return ids

    monkeypatch.setattr(StoredEmbeddings, "of_track", of_track)
    with contextlib.closing(Searcher(database)) as searcher:
        assert searcher.vector_of_track("gate", 1) == pytest.approx(new, abs=1e-3)
