"""Vectors of a database: which are searched, and when they were seen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from sightline.errors import ConfigError, SearchError
from sightline.runtime.search.stored import (
    Narrowing,
    StoredEmbeddings,
    chosen_embedder,
    unix_time,
)
from sightline.sinks import schema
from sightline.sinks.embedding_rows import insert_embeddings
from sightline.types import EmbedderInfo, Embedding

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LOOKS, OTHER = EmbedderInfo("looks", "aa", 3), EmbedderInfo("other", "bb", 3)


def of(track: int | None, name: str, second: float | None, info: EmbedderInfo = LOOKS) -> Embedding:
    utc = None if second is None else NOON.timestamp() + second
    return Embedding(
        embedder=info, frame=4, time=0.5, utc=utc, clock=None, track_id=track, class_name=name,
        score=0.75, box=(1.0, 2.0, 3.0, 4.0), vector=np.array([1, 0, track or 0], np.float32),
        quality=0.5, picture=b"jpeg" if track == 7 else b"",
    )  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Streams gate (1) and yard (2); ids 1 to 4 of the first embedder, 5 of the other."""
    path = tmp_path_factory.mktemp("search") / "a.db"
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        schema.prepare(connection, "a.db")
        for name in ("gate", "yard"):
            connection.execute(
                schema.streams.insert().values(run_id=1, name=name, width=9, height=9)
            )
        rows = [
            (1, of(7, "car", 0)),
            (1, of(8, "bus", 60)),
            (2, of(7, "car", 120)),
            (2, of(None, "van", None)),
        ]
        insert_embeddings(connection, [*rows, (1, of(9, "car", 0, OTHER))])
    engine.dispose()
    return path


@pytest.fixture
def stored(database: Path) -> Iterator[StoredEmbeddings]:
    made = StoredEmbeddings(database)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param(None, None, id="not known"),
        pytest.param(datetime(1970, 1, 2, tzinfo=UTC).replace(tzinfo=None), 86_400.0, id="SQLite's"),
        pytest.param(datetime(1970, 1, 2, tzinfo=UTC), 86_400.0, id="in UTC"),
        pytest.param(
            datetime(1970, 1, 2, 2, tzinfo=timezone(timedelta(hours=2))), 86_400.0,
            id="PostgreSQL's, in the zone of its session",
        ),
    ],
)  # fmt: skip
def test_moments(moment: datetime | None, expected: float | None) -> None:
    assert unix_time(moment) == expected


@pytest.mark.parametrize(
    ("narrowing", "ids"),
    [
        pytest.param({}, [1, 2, 3, 4], id="all"),
        pytest.param({"classes": ("car", "van")}, [1, 3, 4], id="classes"),
        pytest.param({"streams": ("gate",)}, [1, 2], id="streams"),
        pytest.param({"not_streams": ("gate",)}, [3, 4], id="other streams"),
        pytest.param({"after": NOON + timedelta(seconds=60)}, [2, 3], id="from then on"),
        pytest.param({"before": NOON + timedelta(seconds=60)}, [1], id="before"),
        pytest.param({"after": NOON, "before": NOON + timedelta(seconds=61), "classes": ("bus",)}, [2], id="all together"),
        pytest.param({"classes": ("tram",)}, [], id="none"),
    ],
)  # fmt: skip
def test_narrowing(stored: StoredEmbeddings, narrowing: dict[str, Any], ids: list[int]) -> None:
    assert stored.ids(1, Narrowing(**narrowing)).tolist() == ids
    assert stored.ids(1, Narrowing(**narrowing), after=2).tolist() == [i for i in ids if i > 2]


def test_embedders_counts_and_tracks(stored: StoredEmbeddings) -> None:
    assert stored.embedders() == {1: LOOKS, 2: OTHER}
    assert (stored.count(1), stored.newest(1), stored.newest(9)) == (4, 4, 0)
    assert stored.of_track(1, "gate", 7).tolist() == [1]
    assert stored.of_track(1, "yard", 8).tolist() == []
    assert stored.of_track(1, "gate", 2**70).tolist() == []
    assert (stored.picture(1), stored.picture(2), stored.picture(-(2**70))) == (b"jpeg", b"", b"")


def test_vectors(stored: StoredEmbeddings) -> None:
    ids, vectors = stored.vectors(1, 3, after=1, most=2)
    assert (ids.tolist(), vectors.tolist()) == ([2, 3], [[1, 0, 8], [1, 0, 7]])
    found = stored.vectors_of(np.array([4, 99, 1]), 3)
    assert {key: vector.tolist() for key, vector in found.items()} == {4: [1, 0, 0], 1: [1, 0, 7]}


def test_matches_come_in_the_order_that_was_asked_for(stored: StoredEmbeddings) -> None:
    found = stored.matches(np.array([3, 99, 4]), np.array([0.9, 0.8, 0.7], np.float32))
    assert [(one.id, one.stream, one.track_id, one.class_name) for one in found] == [
        (3, "yard", 7, "car"), (4, "yard", None, "van"),
    ]  # fmt: skip
    assert found[0].utc == NOON.timestamp() + 120
    assert found[1].utc is None
    assert found[0].similarity == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(b"\0" * 4, "embedding 1 has not 3 values", id="short"),
        pytest.param("text", "embedding 1 has not 3 values", id="text"),
        pytest.param(
            np.array([1, np.nan, 0], "<f2").tobytes(), "holds what is no finite", id="NaN"
        ),
    ],
)
def test_damaged_vectors_are_named(stored: StoredEmbeddings, value: object, said: str) -> None:
    with pytest.raises(SearchError, match=rf"a\.db: the vector of .*{said}.*index its files again"):
        stored.read([(1, value)], 3)


def test_which_embedder_is_searched(stored: StoredEmbeddings, tmp_path: Path) -> None:
    assert chosen_embedder(stored, OTHER) == (2, OTHER)
    with pytest.raises(ConfigError, match="vectors of several embedders: choose one"):
        chosen_embedder(stored, None)
    with pytest.raises(ConfigError, match="was indexed with another embedder"):
        chosen_embedder(stored, EmbedderInfo("new", "cc", 3))
    with pytest.raises(ConfigError, match=r"there is no database .*search index"):
        StoredEmbeddings(tmp_path / "none.db")
    with pytest.raises(ConfigError, match=r"mysqll://\.\.\. is no") as caught:
        StoredEmbeddings("mysqll://joe:geheim@x/y")
    assert "geheim" not in str(caught.value)
