"""COCO's run lengths: a mask as the lengths of its runs, down the columns, those outside first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.types.arrays import Ints, Mask

_BITS = 5
"""Of a count that one letter of the packed form holds."""

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
