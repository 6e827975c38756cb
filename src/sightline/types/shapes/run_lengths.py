"""COCO's run lengths: a mask as the lengths of its runs, down the columns, those outside first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.types.arrays import Ints, Mask

_BITS = 5
"""Bits of a count that one letter of the packed form holds."""

_LETTERS = 13
"""The most letters of one count: 64 bits and a sign."""


def run_lengths(crop: Mask, corner: tuple[int, int], size: tuple[int, int]) -> Ints:
    """The run lengths of a picture's mask of which only a crop is given.

    Args:
        crop: (height, width) bool; all pixels around it are outside.
        corner: x and y of its upper left pixel in the picture.
        size: (width, height) of the picture.

    Returns:
        (M,) int64: by turns pixels outside and inside, in the order of the picture's columns. They
        sum up to width * height; a first run of 0 says that the first pixel is inside.
    """
    left, top = corner
    width, height = size
    columns = np.zeros((crop.shape[1], crop.shape[0] + 2), np.int8)
    columns[:, 1:-1] = crop.T
    steps = np.diff(columns)
    places = top + height * (left + np.arange(crop.shape[1]))[:, None] + np.arange(steps.shape[1])
    starts, ends = places[steps > 0], places[steps < 0]
    # A run that goes on at the top of the next column is one run.
    apart = starts[1:] != ends[:-1]
    edges = np.empty((int(apart.sum()) + bool(len(starts)), 2), np.int64)
    if len(edges):
        edges[0, 0], edges[-1, 1] = starts[0], ends[-1]
        edges[1:, 0], edges[:-1, 1] = starts[1:][apart], ends[:-1][apart]
    total = width * height
    counts: Ints = np.diff(np.concatenate(([0], edges.ravel(), [total]))).astype(np.int64)
    return counts[:-1] if len(counts) > 1 and not counts[-1] else counts


def packed(counts: Ints) -> str:
    """Run lengths (M,) as COCO's text: five bits a letter, differences to the last but one."""
    values = counts.copy()
    values[3:] -= counts[1:-2]
    letters = np.zeros((len(values), _LETTERS), np.uint8)
    used: NDArray[np.bool_] = np.zeros(letters.shape, np.bool_)
    going = np.ones(len(values), np.bool_)
    for place in range(_LETTERS):
        low = values & 0x1F
        values >>= _BITS
        used[:, place] = going
        going = going & np.where(low & 0x10, values != -1, values != 0)
        letters[:, place] = low + (going << _BITS) + 48
        if not going.any():
            break
    return letters[used].tobytes().decode("ascii")


def unpacked(text: str) -> Ints:
    """The run lengths (M,) int64 of COCO's text: what ``packed`` gives. Raises ValueError: it is none."""
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        low = ord(letter) - 48
        if not 0 <= low < 64 or shift >= _BITS * _LETTERS:
            raise ValueError(f"{text[:20]!r} is no run lengths of COCO's")
        value |= (low & 0x1F) << shift
        shift += _BITS
        if low & 0x20:
            continue
        value -= (1 << shift) if low & 0x10 else 0
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift or min(counts, default=0) < 0:
        raise ValueError(f"{text[:20]!r} is no run lengths of COCO's")
    return np.array(counts, np.int64)


def crop_of(counts: Ints, size: tuple[int, int]) -> tuple[Mask, tuple[int, int]]:
    """The mask of run lengths (M,), cut to its pixels (height, width), and x and y of the crop's corner.

    Args:
        counts: as ``run_lengths`` gives them.
        size: (width, height) of the picture.

    Raises:
        ValueError: they are not those of a picture of this size.
    """
    width, height = size
    if counts.sum() != width * height or (counts < 0).any():
        raise ValueError(
            f"run lengths of {int(counts.sum())} pixels, in a picture of {width}×{height}"
        )
    edges = np.cumsum(counts)
    starts, ends = edges[:-1:2], edges[1::2]
    inside = ends > starts
    if not inside.any():
        return np.zeros((0, 0), np.bool_), (0, 0)
    left, right = int(starts[inside][0]) // height, -(-int(ends[inside][-1]) // height)
    steps = np.zeros((right - left) * height + 1, np.int8)
    steps[starts[inside] - left * height] = 1
    steps[ends[inside] - left * height] -= 1
    columns = np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_).reshape(-1, height)
    rows = np.flatnonzero(columns.any(axis=0))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    return columns[:, top:bottom].T.copy(), (left, top)
