"""Which embedder a database is searched with: the one that it was indexed with, or none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline import build
from sightline.build.search.searching import opened, track_of
from sightline.config import ModelOptions
from sightline.errors import ConfigError
from sightline.runtime.search.query import query_vector
from sightline.sinks.database import DatabaseSink
from sightline.sources.stills import still_frame
from sightline.types import Embedding, Observation, StreamInfo


@pytest.fixture
def looks(tmp_path: Path) -> Path:
    """An embedder's file of the user's."""
    return Path(shutil.copy(build.BUNDLED / "colours.onnx", tmp_path / "looks.onnx"))


@pytest.fixture
def database(looks: Path, tmp_path: Path, observe: Callable[..., Observation]) -> Path:
    """A database that was indexed with it."""
    embedder = build.embedder(ModelOptions(model=str(looks)))
    frame = still_frame(np.full((40, 40, 3), (20, 30, 200), np.uint8))
    vector = query_vector(embedder, frame).result(60)
    told = Embedding(embedder.info, 0, 0.0, None, None, 1, "car", 0.9, (0, 0, 9, 9), vector, 1.0)
    sink = DatabaseSink(tmp_path / "a.db")
    sink.open(StreamInfo("gate", 96, 64, 25.0))
    sink.write(observe(stream="gate", embeddings=(told,)))
    sink.close()
    embedder.close()
    return tmp_path / "a.db"


def test_the_database_names_its_embedder(database: Path, looks: Path) -> None:
    searcher, embedder = opened(str(database))
    assert embedder is not None
    assert embedder.info.name == str(looks)
    red = still_frame(np.full((40, 40, 3), (20, 30, 200), np.uint8))
    (found,) = searcher.search(query_vector(embedder, red).result(60))
    assert found.similarity == pytest.approx(1, abs=1e-3)
    searcher.close()
    embedder.close()


def replaced(looks: Path) -> None:
    shutil.copy(build.BUNDLED / "street-embedder.onnx", looks)


def with_a_card(looks: Path) -> None:
    looks.with_suffix(".yaml").write_text("task: embed\nmargin: 0.3\n")


CHANGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another model by this name": (replaced, "is another model by now .SHA-256"),
    "other crops": (with_a_card, "is another model by now .SHA-256"),
    "it is gone": (
        lambda looks: looks.unlink(),
        r"which cannot be loaded: .*looks\.onnx.*--embedder",
    ),
}


@pytest.mark.parametrize("case", CHANGES.values(), ids=CHANGES.keys())
def test_an_embedder_that_has_changed_is_refused(database: Path, looks: Path, case: Any) -> None:
    change, said = case
    change(looks)
    with pytest.raises(ConfigError, match=said):
        opened(str(database))
    searcher, embedder = opened(str(database), with_model=False)  # tracks need none
    assert embedder is None
    searcher.close()


def test_another_one_is_refused_by_name(database: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"looks\.onnx \(192 values.*vectors of street-embedder \(128"
    ):
        opened(str(database), "street-embedder")


@pytest.mark.parametrize("url", ["foo://me:secret@host/x", "postgres://me:secret@host/x"])
def test_an_address_of_no_known_kind_of_database(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^\w+://\.\.\. is no kind of database that is known"):
        opened(url)


@pytest.mark.parametrize(
    "text", ["gate", "gate:", ":3", "gate:x", "gate:-1", "gate:²", "gate:" + 5000 * "9"]
)
def test_what_is_no_track(text: str) -> None:
    with pytest.raises(ConfigError, match="--track: it is STREAM:ID"):
        track_of(text)


def test_streams_whose_names_have_colons() -> None:
    assert track_of("rtsp://host:1:17") == ("rtsp://host:1", 17)
