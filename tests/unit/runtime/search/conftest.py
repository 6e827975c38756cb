"""A results database with vectors, as a stream writes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.sinks.database import DatabaseSink
from sightline.types import EmbedderInfo, Embedding, Floats, Observation, StreamInfo

DIMENSIONS = 16
INFO = EmbedderInfo("fixed", "ab" * 32, DIMENSIONS)

Observe = Callable[..., Observation]


def units(count: int, seed: int = 0) -> Floats:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def embedding(vector: Floats, track: int | None = None, **rest: Any) -> Embedding:
    values: dict[str, Any] = {
        "embedder": INFO, "frame": 0, "time": 0.0, "utc": None, "clock": None, "track_id": track,
        "class_name": "car", "score": 0.9, "box": (1, 2, 30, 40), "vector": vector, "quality": 1.0,
    }  # fmt: skip
    return Embedding(**{**values, **rest})


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


@pytest.fixture
def store(observe: Observe, database: Path) -> Callable[..., None]:
    """Adds a run of one stream, one frame for each group of embeddings."""

    def add(*groups: list[Embedding], stream: str = "gate", **rest: Any) -> None:
        sink = DatabaseSink(database, {"command": "track"}, **rest)
        sink.open(StreamInfo(stream, 96, 64, 25.0))
        for index, group in enumerate(groups):
            sink.write(observe(stream=stream, index=index, embeddings=tuple(group)))
        sink.close()

    return add
