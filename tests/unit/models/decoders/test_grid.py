"""Grids of cells, and which outputs are raw heads."""

from __future__ import annotations

import pytest

from sightline.models.decoders.grid import cells, grid, only_decoded, pyramid
from sightline.types import TensorSpec


def test_the_grid_counts_rows_before_columns_and_levels_one_after_another() -> None:
    table = grid((64, 32), (16, 32))
    assert table[:5].tolist() == [[0, 0, 16], [1, 0, 16], [2, 0, 16], [3, 0, 16], [0, 1, 16]]
    assert table[8:].tolist() == [[0, 0, 32], [1, 0, 32]]
    assert pyramid((640, 640), 8400) == (8, 16, 32)
    assert pyramid((640, 640), 8500) == (8, 16, 32, 64)
    assert pyramid((640, 640), 8399) is None
    assert pyramid((640, 640), 2000) is None  # two levels have anchors, three to a cell


@pytest.mark.parametrize(
    ("canvas", "strides", "count"),
    [
        pytest.param((640, 640), (8, 16, 32), 8400, id="three levels"),
        pytest.param((1280, 1280), (8, 16, 32, 64), 34000, id="P6"),
        pytest.param((416, 416), (16, 32), 845, id="tiny"),
        pytest.param((100, 50), (32,), 3, id="what is left of a stride has no cell"),
    ],
)
def test_cells_are_counted(canvas: tuple[int, int], strides: tuple[int, ...], count: int) -> None:
    assert cells(canvas, strides) == count
    assert grid(canvas, strides).shape == (count, 3)


DECODED = (1, 84, 8400)


@pytest.mark.parametrize(
    ("shapes", "place"),
    [
        pytest.param([DECODED], 0, id="alone"),
        pytest.param([(1, 255, 80, 80), (1, 255, 40, 40), DECODED], 2, id="behind heads"),
        pytest.param([DECODED, (1, 3, 20, 20, 85)], 0, id="before heads of five axes"),
        pytest.param([DECODED, (1, 32, 160, 160)], None, id="prototypes are no head"),
        pytest.param([DECODED, DECODED], None, id="two that are decoded"),
        pytest.param([(1, 255, 80, 80)], None, id="nothing but a head"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_raw_heads_are_passed_over(shapes: list[tuple[int | None, ...]], place: int | None) -> None:
    outputs = [TensorSpec(f"output{i}", shape) for i, shape in enumerate(shapes)]
    assert only_decoded(outputs, (640, 640)) == place
