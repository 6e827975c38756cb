"""Searching a database by looks: what is stored is found, and what changes is followed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.runtime.search.conftest import DIMENSIONS, INFO, embedding, units

from sightline.errors import ConfigError, MissingPackage, SearchError
from sightline.runtime.search import following
from sightline.runtime.search.searcher import Searcher
from sightline.runtime.search.stored import Narrowing
from sightline.types import EmbedderInfo

Store = Callable[..., None]
OTHER = EmbedderInfo("other", "cd" * 32, DIMENSIONS)


def open_searcher(database: Path, *arguments: Any, kind: Any = "auto") -> Searcher:
    if kind == "usearch":
        pytest.importorskip("usearch")
    return Searcher(database, *arguments, kind=kind)


@pytest.mark.parametrize("kind", ["exact", "usearch"])
def test_what_was_stored_is_found(store: Store, database: Path, kind: str) -> None:
    vectors = units(50)
    store([embedding(v, i, frame=3, time=0.12, picture=b"jpeg") for i, v in enumerate(vectors)])
    searcher = open_searcher(database, kind=kind)
    found = searcher.search(vectors[7], 3)
    first = found[0]
    assert first.track_id == 7
    assert first.similarity == pytest.approx(1, abs=1e-3)
    assert (first.stream, first.class_name, first.frame, first.time) == ("gate", "car", 3, 0.12)
    assert (first.box, first.picture, first.path, first.utc) == (
        (1, 2, 30, 40),
        b"jpeg",
        None,
        None,
    )
    assert found[1].similarity == pytest.approx(np.sort(vectors @ vectors[7])[-2], abs=2e-3)
    assert len(searcher.search(vectors[7], 1000)) == 50
    searcher.close()


def test_the_names_that_a_search_can_be_narrowed_by(store: Store, database: Path) -> None:
    first, second = units(2)
    store([embedding(first, 1), embedding(second, 2)])
    searcher = open_searcher(database)
    assert searcher.names() == (["car"], ["gate"])
    searcher.close()


def test_a_better_crop_takes_the_place_of_the_one_before(store: Store, database: Path) -> None:
    old, new, other = units(3)
    store([embedding(old, 1), embedding(other, 2)], [embedding(new, 1, frame=1)])
    searcher = open_searcher(database)
    assert searcher.refresh() == 2
    assert [m.track_id for m in searcher.search(old, 5) if m.similarity > 0.99] == []
    assert searcher.search(new, 1)[0].frame == 1
    store([embedding(old, 1)])  # another run: another track of that number
    assert searcher.refresh() == 3
    searcher.close()


def test_two_crops_of_a_track_in_one_batch(store: Store, database: Path) -> None:
    old, new = units(2)
    store([embedding(old, 1), embedding(new, 1)])
    searcher = open_searcher(database)
    (found,) = searcher.search(new, 5)
    assert found.similarity == pytest.approx(1, abs=1e-3)
    searcher.close()


@pytest.mark.parametrize("kind", ["exact", "usearch"])
def test_what_is_written_meanwhile_is_found(store: Store, database: Path, kind: str) -> None:
    first, second, third = units(3)
    store([embedding(first, 1)])
    searcher = open_searcher(database, kind=kind)
    assert [m.track_id for m in searcher.search(second, 5)] == [1]
    store([embedding(second, 2)], [embedding(third, 2, frame=1)])
    found = searcher.search(third, 5)
    assert [m.track_id for m in found] == [2, 1]
    searcher.close()


@pytest.mark.parametrize("kind", ["exact", "usearch"])
def test_what_is_removed_meanwhile_is_not(store: Store, database: Path, kind: str) -> None:
    vectors = units(20)
    store([embedding(v, i) for i, v in enumerate(vectors)])
    searcher = open_searcher(database, kind=kind)
    assert searcher.search(vectors[4], 1)[0].track_id == 4
    with sqlite3.connect(database) as db:
        db.execute("DELETE FROM embeddings WHERE track_id < 10")
    found = searcher.search(vectors[4], 10)
    assert sorted(m.track_id or 0 for m in found) == list(range(10, 20)), "others take their places"
    with sqlite3.connect(database) as db:
        db.execute("DELETE FROM embeddings WHERE track_id < 15")
    assert searcher.refresh() == 5, "the index is told, too"
    searcher.close()


UTC_0 = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
NARROWED: dict[str, tuple[Narrowing, set[int]]] = {
    "none": (Narrowing(), {1, 2, 3, 4}),
    "a class": (Narrowing(classes=("bus",)), {3}),
    "two classes": (Narrowing(classes=("bus", "car")), {1, 2, 3, 4}),
    "an unknown class": (Narrowing(classes=("boat",)), set()),
    "a stream": (Narrowing(streams=("yard",)), {4}),
    "without a stream": (Narrowing(not_streams=("yard",)), {1, 2, 3}),
    "a stream and a class": (Narrowing(classes=("car",), streams=("gate",)), {1, 2}),
    "after": (Narrowing(after=datetime(2026, 11, 28, 8, 1, tzinfo=UTC)), {2, 3}),
    "before": (Narrowing(before=datetime(2026, 11, 28, 8, 1, tzinfo=UTC)), {1}),
}


@pytest.mark.parametrize("case", NARROWED.values(), ids=NARROWED.keys())
def test_a_search_is_narrowed(store: Store, database: Path, case: Any) -> None:
    narrowing, expected = case
    start = UTC_0.timestamp()
    vectors = units(4)
    store([
        embedding(vectors[0], 1, utc=start), embedding(vectors[1], 2, utc=start + 60),
        embedding(vectors[2], 3, class_name="bus", utc=start + 120),
    ])  # fmt: skip
    store([embedding(vectors[3], 4)], stream="yard")  # nobody knows when
    searcher = open_searcher(database)
    found = searcher.search(vectors[0], 10, narrowing)
    assert {m.track_id for m in found} == expected
    searcher.close()


def test_wall_clock_times_come_back(store: Store, database: Path) -> None:
    (vector,) = units(1)
    store([embedding(vector, 1, utc=UTC_0.timestamp() + 0.25)])
    searcher = open_searcher(database)
    (found,) = searcher.search(vector)
    assert found.utc == pytest.approx(UTC_0.timestamp() + 0.25, abs=1e-3)
    assert found.to_dict()["utc"] == "2026-11-28T08:00:00.250Z"
    searcher.close()


def test_the_vector_of_a_track(store: Store, database: Path) -> None:
    vectors = units(3)
    store([embedding(v, i) for i, v in enumerate(vectors)])
    searcher = open_searcher(database)
    assert searcher.vector_of_track("gate", 2) == pytest.approx(vectors[2], abs=1e-3)
    with pytest.raises(SearchError, match="no vector of track 9 of 'gate'"):
        searcher.vector_of_track("gate", 9)
    searcher.close()


def test_vectors_of_another_embedder_are_refused(store: Store, database: Path) -> None:
    store([embedding(units(1)[0], 1)])
    with pytest.raises(ConfigError, match=r"indexed with another embedder: fixed \(16 values, SHA"):
        open_searcher(database, OTHER)
    open_searcher(database, INFO).close()


def test_of_several_embedders_one_must_be_named(store: Store, database: Path) -> None:
    one, other = units(2)
    store([embedding(one, 1), embedding(other, 1, embedder=OTHER)])
    with pytest.raises(ConfigError, match="several embedders: choose one of fixed"):
        open_searcher(database)
    searcher = open_searcher(database, OTHER)
    (found,) = searcher.search(other)
    assert found.similarity == pytest.approx(1, abs=1e-3)
    searcher.close()


def test_there_is_nothing_to_search(store: Store, database: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no database"):
        open_searcher(tmp_path / "none.db")
    store([])
    with pytest.raises(ConfigError, match="holds no vectors: index footage"):
        open_searcher(database)
    with sqlite3.connect(tmp_path / "foreign.db") as db:
        db.execute("CREATE TABLE other (id INTEGER)")
    with pytest.raises(ConfigError, match="holds no vectors"):
        open_searcher(tmp_path / "foreign.db")
    (tmp_path / "text.db").write_text("no database at all, but long enough to be read as one" * 20)
    with pytest.raises(SearchError, match="is not a database"):
        open_searcher(tmp_path / "text.db")


def test_a_database_in_a_place_that_cannot_be_written_to(
    store: Store, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = units(3)
    store([embedding(vectors[0], 1)])
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and access(path, mode))
    before = sorted(database.parent.iterdir())
    searcher = open_searcher(database)
    assert [m.track_id for m in searcher.search(vectors[0])] == [1]
    assert sorted(database.parent.iterdir()) == before, "nothing is made beside it"
    assert not searcher.stored.moved
    store([embedding(vectors[1], 2)])  # by somebody who may
    assert searcher.stored.moved
    searcher.close()
    writer = sqlite3.connect(database)
    writer.execute("UPDATE embeddings SET class = 'bus'")
    writer.commit()
    searcher = open_searcher(database)  # with the rows of the log
    assert {m.class_name for m in searcher.search(vectors[0])} == {"bus"}
    searcher.close()
    writer.close()


def test_all_vectors_were_removed(store: Store, database: Path) -> None:
    (vector,) = units(1)
    store([embedding(vector, 1)])
    with sqlite3.connect(database) as db:
        db.execute("DELETE FROM embeddings")
    searcher = open_searcher(database)
    assert searcher.search(vector, 5) == []
    searcher.close()


DAMAGED_VECTORS: dict[str, tuple[str, str]] = {
    "short": ("UPDATE embeddings SET vector = x'0011' WHERE id = 2", "2 has not 16 values"),
    "text": ("UPDATE embeddings SET vector = 'abc' WHERE id = 2", "2 has not 16 values"),
    "NaN": (
        f"UPDATE embeddings SET vector = x'{'007e' * DIMENSIONS}' WHERE id = 2",
        "2 holds what is no finite number",
    ),
    "other dimensions": ("UPDATE embedders SET dimensions = -5", "fixed have -5 values"),
}


@pytest.mark.parametrize("case", DAMAGED_VECTORS.values(), ids=DAMAGED_VECTORS.keys())
@pytest.mark.parametrize("kind", ["exact", "usearch"])
def test_a_damaged_vector_is_told(store: Store, database: Path, case: Any, kind: str) -> None:
    change, said = case
    store([embedding(vector, track) for track, vector in enumerate(units(3))])
    with sqlite3.connect(database) as db:
        db.execute(change)
    for ask in (
        lambda searcher: searcher.search(units(1)[0]),
        lambda searcher: searcher.vector_of_track("gate", 1),
    ):
        with (
            pytest.raises(SearchError, match=f"{said}: the database is damaged; move it away"),
            contextlib.closing(open_searcher(database, kind=kind)) as searcher,
        ):
            ask(searcher)


# ---------------------------------------------------------------------------------------------------------
# The file of an approximate index


@pytest.fixture
def indexed(store: Store, database: Path) -> Path:
    """The file beside a database of 30 vectors."""
    pytest.importorskip("usearch")
    store([embedding(v, i) for i, v in enumerate(units(30))])
    searcher = open_searcher(database, kind="usearch")
    assert searcher.refresh() == 30
    searcher.close()
    (file,) = database.parent.glob("*.index")
    assert file.name == "run.db.abababab.index"
    return file


def asides(file: Path) -> list[Path]:
    return sorted(file.parent.glob("*.broken-*"))


def test_the_file_is_gone_on_with(
    indexed: Path, store: Store, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = units(3, seed=1)
    store([embedding(v, 100 + i) for i, v in enumerate(more)])
    read: list[int] = []
    plain = following.FollowingIndex._add

    def counted(self: Any, index: Any, parts: Any) -> None:
        held = list(parts)
        read.extend(len(ids) for ids, _ in held)
        plain(self, index, iter(held))

    monkeypatch.setattr(following.FollowingIndex, "_add", counted)
    searcher = open_searcher(database, kind="usearch")
    assert searcher.search(more[1], 1)[0].track_id == 101
    assert searcher.search(units(30)[8], 1)[0].track_id == 8
    assert sum(read) == 3, "only what is new was read"
    before = indexed.stat().st_mtime_ns
    searcher.refresh()
    assert indexed.stat().st_mtime_ns > before, "much of it is new"
    searcher.close()
    assert not asides(indexed)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(bytes(data))


def of_another_embedder(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"ab" * 32, b"cd" * 32, 1))


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "cut off": (cut, "it is damaged"),
    "a byte is another": (flip, "it is damaged"),
    "empty": (lambda file: file.write_bytes(b""), "it is damaged"),
    "text": (lambda file: file.write_text("hello\n"), "it is damaged"),
    "JSON of others": (lambda file: file.write_text('{"file": []}\nx'), "it is damaged"),
    "a list": (lambda file: file.write_text("[1]\nx"), "it is damaged"),
    "of another embedder": (of_another_embedder, "of another embedder"),
}


@pytest.mark.parametrize("case", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_file_that_cannot_be_used_is_set_aside_and_made_anew(
    indexed: Path, database: Path, caplog: pytest.LogCaptureFixture, case: Any
) -> None:
    damage, said = case
    damage(indexed)
    damaged = indexed.read_bytes()
    searcher = open_searcher(database, kind="usearch")
    assert [m.track_id for m in searcher.search(units(30)[3], 1)] == [3]
    assert searcher.refresh() == 30
    searcher.close()
    (aside,) = asides(indexed)
    assert aside.read_bytes() == damaged, "nothing is thrown away"
    assert said in caplog.text
    assert "made anew from the database" in caplog.text
    caplog.clear()
    again = open_searcher(database, kind="usearch")
    assert again.refresh() == 30
    again.close()
    assert not caplog.text


def test_the_file_of_another_database_is_set_aside(
    indexed: Path, store: Store, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody removed the database and began another one: the ids are the same."""
    for part in database.parent.glob("run.db*"):
        if part != indexed:
            part.unlink()
    vectors = units(30, seed=5)
    store([embedding(v, i) for i, v in enumerate(vectors)])
    searcher = open_searcher(database, kind="usearch")
    assert searcher.search(vectors[11], 1)[0].track_id == 11
    searcher.close()
    assert "those of another database" in caplog.text


def test_without_the_package(
    store: Store, database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = units(12)
    store([embedding(v, i) for i, v in enumerate(vectors)])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingPackage, match=r"pip install 'sightline\[search\]'"):
        Searcher(database, kind="usearch")
    monkeypatch.setattr(following, "EXACT_UP_TO", 10)
    searcher = Searcher(database)
    assert searcher.search(vectors[3], 1)[0].track_id == 3
    assert "12 vectors are searched one by one" in caplog.text
    assert "sightline[search]" in caplog.text
    searcher.close()


def test_many_vectors_have_an_approximate_index(
    store: Store, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("usearch")
    monkeypatch.setattr(following, "EXACT_UP_TO", 10)
    store([embedding(v, i) for i, v in enumerate(units(12))])
    searcher = Searcher(database)
    searcher.refresh()
    searcher.close()
    assert list(database.parent.glob("*.index"))
