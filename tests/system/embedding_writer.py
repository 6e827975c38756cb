"""Writes embeddings to a database until it is killed; a number on stdout once each is stored.

    python embedding_writer.py DATABASE FIRST

Track ``n`` has the vector ``vector(n)``; each second one is written twice, first with another vector. Now and then
the index beside the database is brought up to date, too.
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

import numpy as np

from sightline.runtime.search.searcher import Searcher
from sightline.sinks.databases.database_run import DatabaseRun
from sightline.sinks.rows import StoredObservation
from sightline.types import EmbedderInfo, Embedding, Floats

DIMENSIONS = 32
INFO = EmbedderInfo("writer", "ef" * 32, DIMENSIONS)
EVERY = 7


def vector(number: int) -> Floats:
    """The last vector (DIMENSIONS,) of a track."""
    made = np.random.default_rng(number).normal(size=DIMENSIONS).astype(np.float32)
    return made / np.float32(np.linalg.norm(made))


def stored(stream: int, frame: int, track: int, values: Floats) -> StoredObservation:
    """One frame with one embedding."""
    empty = np.empty((0, 4), np.float32)
    made = Embedding(
        INFO,
        frame,
        frame / 25,
        None,
        None,
        track,
        "car",
        0.9,
        (0, 0, 9, 9),
        values,
        1.0,
        b"j" * 2000,
    )
    return StoredObservation(
        stream,
        frame,
        frame / 25,
        empty,
        empty[:, 0],
        np.empty(0, np.int64),
        None,
        (),
        embeddings=(made,),
    )


def write(database: Path, first: int) -> None:
    """Write tracks from ``first`` on, for ever."""
    run = DatabaseRun(database, None, 30.0)
    run.begin()
    stream, frames, searcher = run.add_stream("gate", 96, 64, 25.0), count(), None
    for number in count(first):
        if number % 2:
            run.store([stored(stream, next(frames), number, vector(number + 1_000_000))])
        run.store([stored(stream, next(frames), number, vector(number))])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        if number % EVERY == 0:
            searcher = searcher or Searcher(database, INFO, "usearch")
            searcher.refresh()


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
