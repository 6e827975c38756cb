"""A contact sheet: pictures side by side, each with a few lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from sightline.types.arrays import Pixels

TILE, GAP, LINE = 160, 12, 16
"""Pixels: a picture's longer side at most, what is between two, and a line of text."""
_PAPER, _INK, _EMPTY = (255, 255, 255), (40, 40, 40), (225, 225, 225)
_TEXT_SIZE = 12
_ENLARGED = 3.0
"""A small picture is made larger at most so many times: more shows nothing."""


@dataclass(frozen=True)
class Tile:
    """One picture of a sheet.

    Args:
        picture: pixels (height, width, 3) uint8 BGR, an encoded picture, or None: there is none.
        lines: what is written under it.
    """

    picture: Pixels | bytes | None
    lines: tuple[str, ...] = ()


def contact_sheet(tiles: Sequence[Tile], columns: int = 5) -> Pixels:
    """Tiles in rows, from the left.

    Returns:
        (height, width, 3) uint8, BGR.
    """
    columns = max(1, min(columns, len(tiles)))
    lines = max((len(tile.lines) for tile in tiles), default=0)
    wide, high = TILE + GAP, TILE + lines * LINE + GAP
    rows = ceil(len(tiles) / columns)
    sheet = np.full((rows * high + GAP, columns * wide + GAP, 3), _PAPER, np.uint8)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        _put(sheet, tile.picture, GAP + column * wide, GAP + row * high)
    return _with_text(sheet, tiles, columns, (wide, high))


def _put(sheet: Pixels, picture: Pixels | bytes | None, left: int, top: int) -> None:
    pixels = _decoded(picture) if isinstance(picture, bytes) else picture
    if pixels is None or not pixels.size:
        sheet[top : top + TILE, left : left + TILE] = _EMPTY
        return
    height, width = pixels.shape[:2]
    scale = min(_ENLARGED, TILE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    made = cv2.resize(pixels, size, interpolation=how)
    x, y = left + (TILE - size[0]) // 2, top + (TILE - size[1]) // 2
    sheet[y : y + size[1], x : x + size[0]] = made


def _decoded(data: bytes) -> Pixels | None:
    if not data:
        return None
    found: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    pixels: Pixels | None = found
    return pixels


def _with_text(sheet: Pixels, tiles: Sequence[Tile], columns: int, step: tuple[int, int]) -> Pixels:
    """By Pillow, which knows more letters than OpenCV."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(np.ascontiguousarray(sheet[..., ::-1]))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(_TEXT_SIZE)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        left, top = GAP + column * step[0], GAP + row * step[1] + TILE
        for number, line in enumerate(tile.lines):
            while len(line) > 1 and draw.textlength(line, font=font) > TILE:
                line = f"{line[:-2]}…"  # noqa: PLW2901 - made shorter until it fits
            draw.text((left, top + number * LINE), line, fill=_INK, font=font)
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])
