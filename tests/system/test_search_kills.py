"""A writer that is killed loses nothing that it has acknowledged, and leaves an index that can be used.

``SIGHTLINE_TEST_KILLS=60`` kills more often.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.system.embedding_writer import INFO, vector

from sightline.runtime.search.searcher import Searcher

KILLS = int(os.environ.get("SIGHTLINE_TEST_KILLS", "2"))
WRITER = Path(__file__).with_name("embedding_writer.py")


def killed_writer(database: Path, first: int, after_s: float) -> list[int]:
    """The tracks that a writer has acknowledged before it was killed (SIGKILL)."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER), str(database), str(first)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = [process.stdout.readline()]
    assert told[0], "it ended by itself"
    time.sleep(after_s)  # any moment will do
    process.kill()
    told += process.stdout.readlines()
    assert process.wait(10) == -9
    return [int(line) for line in told if line.endswith("\n")]


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    pytest.importorskip("usearch")
    database, moments = tmp_path / "run.db", random.Random(7)
    acknowledged: list[int] = []
    for kill in range(KILLS):
        acknowledged += killed_writer(database, 10_000 * kill, moments.uniform(0, 0.3))
        searcher = Searcher(database, INFO, "usearch")
        known = searcher.refresh()
        # The last track of each writer may be there without its word, or with its first vector only.
        assert len(acknowledged) <= known <= len(acknowledged) + kill + 1
        for track in moments.sample(acknowledged, min(20, len(acknowledged))) + acknowledged[-1:]:
            best = searcher.search(vector(track), 1)[0]
            assert (best.track_id, round(best.similarity, 2)) == (track, 1.0)
        searcher.close()
    exact = Searcher(database, INFO, "exact")
    assert exact.refresh() == known
    found = [exact.search(vector(track), 1)[0] for track in acknowledged]
    assert [match.track_id for match in found] == acknowledged
    assert np.min([match.similarity for match in found]) > 0.999
    exact.close()
    assert not list(tmp_path.glob("*.broken-*")), "the index was whole each time"
    assert not list(tmp_path.glob("*.part*"))
