"""Contact sheets: where pictures stand, how large they are, and text that fits."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sightline.imaging.contact_sheet import GAP, LINE, TILE, Tile, contact_sheet
from sightline.types import Pixels

RED = (0, 0, 255)


def plain(width: int, height: int) -> Pixels:
    return np.full((height, width, 3), RED, np.uint8)


def red(sheet: Pixels) -> tuple[int, int, int, int] | None:
    """The box (left, top, right, bottom) of what is red."""
    rows, columns = np.nonzero((np.abs(sheet.astype(int) - RED) < 40).all(axis=2))
    if not len(rows):
        return None
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize(
    ("count", "columns", "lines", "size"),
    [
        pytest.param(0, 5, 0, (1, 0), id="nothing"),
        pytest.param(1, 5, 0, (1, 1), id="one"),
        pytest.param(5, 5, 2, (5, 1), id="a row"),
        pytest.param(6, 5, 1, (5, 2), id="two rows"),
        pytest.param(3, 1, 0, (1, 3), id="a column"),
    ],
)
def test_sheets(count: int, columns: int, lines: int, size: tuple[int, int]) -> None:
    sheet = contact_sheet([Tile(plain(9, 9), ("x",) * lines)] * count, columns)
    wide, high = size
    assert sheet.shape == (
        high * (TILE + lines * LINE + GAP) + GAP, wide * (TILE + GAP) + GAP, 3,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "box"),
    [
        # Within the first tile, from 12 to 172, in the middle.
        pytest.param((320, 160), (12, 52, 172, 132), id="wide, made smaller"),
        pytest.param((160, 320), (52, 12, 132, 172), id="high, made smaller"),
        pytest.param((20, 10), (62, 77, 122, 107), id="small, three times as large at most"),
        pytest.param((80, 80), (12, 12, 172, 172), id="twice as large"),
        pytest.param((5000, 1), (12, 91, 172, 92), id="a line keeps a pixel"),
    ],
)
def test_pictures_keep_their_shape(size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    sheet = contact_sheet([Tile(plain(*size))])
    assert red(sheet) == box
    encoded = cv2.imencode(".png", plain(*size))[1].tobytes()
    assert (contact_sheet([Tile(encoded)]) == sheet).all()


@pytest.mark.parametrize(
    "picture", [None, b"", b"no picture", np.empty((0, 5, 3), np.uint8)], ids=["none", "empty", "text", "no rows"]
)  # fmt: skip
def test_what_is_no_picture_is_grey(picture: Pixels | bytes | None) -> None:
    sheet = contact_sheet([Tile(picture)])
    assert (sheet[GAP : GAP + TILE, GAP : GAP + TILE] == 225).all()
    assert (sheet[:GAP] == 255).all()


def test_long_lines_end_within_their_tile() -> None:
    tiles = [Tile(plain(160, 160), ("wide " * 99,)), Tile(plain(160, 160), ("ä",))]
    sheet = contact_sheet(tiles)
    text = sheet[GAP + TILE : GAP + TILE + LINE]
    dark = np.flatnonzero((text < 128).all(axis=2).any(axis=0))
    assert dark.min() >= GAP
    first = dark[dark < GAP + TILE + GAP]
    assert TILE // 2 < first.max() <= GAP + TILE
    assert (dark >= GAP + TILE + GAP).any()
