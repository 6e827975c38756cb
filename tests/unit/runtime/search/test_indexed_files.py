"""Which files were indexed already: new, changed and half-done ones are indexed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.runtime.search.conftest import INFO, embedding, units

from sightline.runtime.search.indexed_files import IndexedFiles
from sightline.runtime.search.stored import StoredEmbeddings
from sightline.sinks.databases.database_run import DatabaseRun
from sightline.sinks.rows import StoredObservation
from sightline.types import IndexedFile, Observation

Observe = Callable[..., Observation]
FACTS = {"embedder": INFO.digest, "conf": 0.4}
VIDEO, PICTURE = IndexedFile("/v/a.mp4", 100, 5), IndexedFile("/v/größe \udce9.jpg", 7, 9)


@pytest.fixture
def index(database: Path, observe: Observe) -> Callable[..., None]:
    """Indexes files in one run, of which so many are seen."""

    def add(
        *files: IndexedFile, state: Any = "done", seen: int = 99, still: bool = False, **facts: Any
    ) -> None:
        settings = {"index": {**FACTS, **({"still": True} if still else {}), **facts}}
        run = DatabaseRun(database, {"command": "index", "settings": settings}, 1.0)
        run.begin()
        for number, file in enumerate(files):
            run.add_stream(file.path, 96, 64, None, file)
            if number < seen:
                found = observe("x", 0, embeddings=(embedding(units(1)[0]),))
                run.store([StoredObservation.of(number, found)])
        if state is not None:
            run.end(state)
        else:
            run._engine.dispose()  # type: ignore[union-attr]

    return add


@pytest.fixture
def opened(database: Path) -> Iterator[Callable[..., IndexedFiles]]:
    made: list[StoredEmbeddings] = []

    def open_(**facts: Any) -> IndexedFiles:
        made.append(StoredEmbeddings(database))
        return IndexedFiles(made[-1], {**FACTS, **facts})

    yield open_
    for one in made:
        one.close()


def test_a_file_that_was_indexed_is_done(index: Any, opened: Any) -> None:
    index(VIDEO, PICTURE)
    assert opened().done([VIDEO, PICTURE, IndexedFile("/v/new.mp4", 1, 1)]) == {VIDEO, PICTURE}
    assert opened().done([]) == set()


@pytest.mark.parametrize(
    "changed",
    [IndexedFile(VIDEO.path, 101, 5), IndexedFile(VIDEO.path, 100, 6)],
    ids=["size", "time"],
)
def test_a_file_that_has_changed_is_indexed_again(
    index: Any, opened: Any, changed: IndexedFile
) -> None:
    index(VIDEO)
    assert opened().done([changed]) == set()


def test_files_that_were_indexed_otherwise_are_not_done(index: Any, opened: Any) -> None:
    index(VIDEO)
    assert opened(conf=0.5).done([VIDEO]) == set()
    assert opened(conf=0.4).done([VIDEO]) == {VIDEO}


@pytest.mark.parametrize("state", [None, "failed", "interrupted"])
def test_a_video_is_done_when_its_run_has_ended_well(index: Any, opened: Any, state: Any) -> None:
    index(VIDEO, state=state)
    assert opened().done([VIDEO]) == set()
    index(VIDEO)
    assert opened().done([VIDEO]) == {VIDEO}


def test_a_picture_is_done_when_it_is_stored_whatever_became_of_the_run(
    index: Any, opened: Any
) -> None:
    other = IndexedFile("/v/b.jpg", 1, 1)
    index(PICTURE, other, state="interrupted", seen=1, still=True)
    assert opened(still=True).done([PICTURE, other]) == {PICTURE}


def test_more_files_than_one_query_takes(index: Any, opened: Any) -> None:
    files = [IndexedFile(f"/v/{number}.mp4", number, 1) for number in range(1203)]
    index(files[3], files[1202], seen=0)
    assert opened().done(files) == {files[3], files[1202]}


def test_what_was_made_of_a_file_before_is_forgotten(
    index: Any, opened: Any, database: Path
) -> None:
    index(VIDEO)
    index(VIDEO, PICTURE)
    index(VIDEO, embedder="another")
    stored = StoredEmbeddings(database)
    try:
        before = len(stored.rows(_vectors()))
        IndexedFiles(stored, FACTS).forget_earlier([VIDEO], INFO.digest)
        assert (before, len(stored.rows(_vectors()))) == (4, 3)
        IndexedFiles(stored, FACTS).forget_earlier([VIDEO], INFO.digest)
        assert len(stored.rows(_vectors())) == 3
    finally:
        stored.close()


def _vectors() -> Any:
    import sqlalchemy as sa

    from sightline.sinks.schema import embeddings

    return sa.select(embeddings.c.id)
