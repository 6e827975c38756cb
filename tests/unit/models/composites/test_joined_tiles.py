"""Objects on the borders of tiles: found once, and whole."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.models.composites.joined_tiles import joined_tiles
from sightline.types import Detections

Row = tuple[float, float, float, float, float, int]
"""x1, y1, x2, y2, score, class id."""


def detections(rows: list[Row]) -> Detections:
    table = np.array(rows, np.float64).reshape(-1, 6)
    return Detections(
        table[:, :4].astype(np.float32),
        table[:, 4].astype(np.float32),
        table[:, 5].astype(np.int64),
    )


# Tiles of a picture of 180 x 100: two that share 20 columns, and the whole.
LEFT, RIGHT, WHOLE = (0, 0, 100, 100), (80, 0, 180, 100), (0, 0, 180, 100)


@pytest.mark.parametrize(
    ("rows", "tiles", "wanted"),
    [
        pytest.param(
            [(20, 20, 100, 60, 0.7, 0), (80, 20, 150, 60, 0.9, 0)], [0, 1],
            [(20, 20, 150, 60, 0.9)], id="two parts become one",
        ),
        pytest.param(
            [(20, 20, 100, 60, 0.7, 0), (80, 20, 150, 60, 0.9, 0), (21, 21, 149, 59, 0.6, 0)],
            [0, 1, 2], [(21, 21, 149, 59, 0.9)], id="the whole one counts, with the best score",
        ),
        pytest.param(
            [(82, 20, 98, 60, 0.7, 0), (82, 21, 98, 61, 0.9, 0)], [0, 1],
            [(82, 21, 98, 61, 0.9)], id="whole in both: the best",
        ),
        pytest.param(
            [(20, 20, 100, 60, 0.7, 0), (80, 70, 150, 95, 0.9, 0)], [0, 1],
            [(80, 70, 150, 95, 0.9), (20, 20, 100, 60, 0.7)], id="parts of two objects",
        ),
        pytest.param(
            [(10, 10, 60, 90, 0.9, 0), (20, 50, 50, 90, 0.8, 0), (11, 10, 61, 90, 0.7, 0)], [0, 0, 2],
            [(10, 10, 60, 90, 0.9), (20, 50, 50, 90, 0.8)], id="a child before its mother",
        ),
        pytest.param(
            [(40, 10, 70, 90, 0.9, 0), (80, 40, 110, 50, 0.8, 0), (70, 10, 120, 90, 0.7, 0)],
            [0, 1, 2], [(40, 10, 70, 90, 0.9), (70, 10, 120, 90, 0.8)], id="a hand of the whole one",
        ),
        pytest.param(
            [(20, 20, 100, 60, 0.7, 0), (80, 20, 150, 60, 0.9, 1)], [0, 1],
            [(80, 20, 150, 60, 0.9), (20, 20, 100, 60, 0.7)], id="classes differ",
        ),
        pytest.param([], [], [], id="nothing"),
    ],
)  # fmt: skip
def test_tiles_are_put_together(
    rows: list[Row], tiles: list[int], wanted: list[tuple[float, ...]]
) -> None:
    areas = np.array([LEFT, RIGHT, WHOLE], np.float32)
    found = joined_tiles(detections(rows), np.array(tiles, np.int64), areas)
    got = [(*b, s) for b, s in zip(found.boxes.tolist(), found.scores.tolist(), strict=True)]
    assert np.allclose(got, wanted)
