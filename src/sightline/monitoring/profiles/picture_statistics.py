"""Statistics of a picture, from samples of its pixels: a hundred cameras may be looked at each second.

Nothing is decoded or converted for them where the decoder left planes of brightness and colour behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TypeGuard

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.monitoring.profiles.statistic import VIEW
from sightline.types import Frame, Picture, Pixels, YuvPlanes

_SMALL = (256, 144)
"""Width and height of the samples of the whole picture."""
_COLOUR = (64, 36)
_PATCH = (64, 24)
_PATCHES = (4, 3)
"""Columns and rows of the patches in which single pixels are looked at."""
_EDGE = 20
"""Grey levels between neighbours of the samples that make an edge."""
_BLOCK = 8
"""Side of the blocks of JPEG and MPEG."""
_FLATTEST = 3
"""Noise is measured in as many patches: those with the least detail."""
_SECOND = np.array([[1, -2, 1]], np.float32)
_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_COLOUR_STEP = 12
"""Width of the bins of colours, in levels of Cb and Cr."""
COLOUR_BINS = 6
"""Bins of Cb, and of Cr."""
_COLOUR_BIN = np.clip(
    (np.arange(256) - 128) // _COLOUR_STEP + COLOUR_BINS // 2, 0, COLOUR_BINS - 1
).astype(np.uint8)
"""The bin of each level; what lies beyond is in the first and the last."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureSample:
    """What one picture is like.

    ``numbers`` are named as in ``NUMBERS``; ``colours`` (36,) counts samples by Cb and Cr; ``view``
    (72, 128) float32 is the brightness of the whole, small. ``chroma`` (36, 64, 2) uint8 are samples of Cb and Cr.
    """

    numbers: dict[str, float]
    colours: NDArray[np.int64]
    view: NDArray[np.float32]
    chroma: Pixels = field(repr=False)
    samples: Pixels = field(repr=False)
    """The brightness of the samples, to compare the next picture with."""


def picture_sample(frame: Frame, before: PictureSample | None = None) -> PictureSample:
    """The statistics of a frame's picture; ``before`` is the sample that was taken last.

    Sharpness is the ratio of second to first differences (after Crété-Roffet et al. 2007, which no
    contrast changes), noise is Immerkær's estimate (1996) in the flattest patches, blockiness compares
    steps at the borders of 8×8 blocks with those within (Wang, Bovik and Evans 2000).
    """
    luma, chroma, patches = _pixels(frame)
    counts = cv2.calcHist([luma[::3]], [0], None, [256], [0, 256]).ravel()
    total = np.cumsum(counts)
    darkest, brightest = np.searchsorted(total, (0.05 * total[-1], 0.95 * total[-1])).tolist()
    mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(luma))
    edges = _gradient(luma)
    blue, red = cv2.split(chroma)
    off = [cv2.subtract(plane, 128, dtype=cv2.CV_32F) for plane in (blue, red)]
    numbers = {
        "brightness": mean,
        "contrast": deviation,
        "shadows": float(darkest),
        "highlights": float(brightest),
        "saturation": cv2.mean(cv2.magnitude(*off))[0],
        "blue_cast": _median(blue) - 128,
        "red_cast": _median(red) - 128,
        "edges": float(cv2.countNonZero(cv2.compare(edges, _EDGE, cv2.CMP_GT)) / edges.size),
        **_fine_statistics(patches),
    }
    if before is not None and before.samples.shape == luma.shape:
        apart = cv2.absdiff(luma, before.samples)
        numbers["motion"] = cv2.mean(apart)[0]
        numbers["frozen"] = float(not numbers["motion"])
    return PictureSample(
        numbers,
        _colour_counts(chroma),
        cv2.resize(luma, VIEW, interpolation=cv2.INTER_AREA).astype(np.float32),
        chroma,
        luma,
    )


def _median(plane: Pixels) -> float:
    """The level of the middle sample: one lorry before the lens moves a mean, but no median."""
    middle = plane.size // 2
    return float(np.partition(plane, middle, axis=None)[middle])


def _colour_counts(chroma: Pixels) -> NDArray[np.int64]:
    """How many samples (H, W, 2) of Cb and Cr are in each bin of colours, (36,)."""
    bins = cv2.LUT(chroma, _COLOUR_BIN)
    found = cv2.calcHist([bins], [0, 1], None, [COLOUR_BINS] * 2, [0, COLOUR_BINS] * 2)
    return np.asarray(found.ravel(), np.int64)


def _pixels(frame: Frame) -> tuple[Pixels, Pixels, Pixels]:
    """Samples of brightness and colour of the whole, and the patches (N, 24, 64), single pixels as they are."""
    picture = frame.picture
    planes = picture.yuv_planes() if _keeps_planes(picture) else None
    if planes is None:
        small = cv2.cvtColor(frame.scaled(*_SMALL, "bgr"), cv2.COLOR_BGR2YCrCb)
        luma = np.ascontiguousarray(small[..., 0])
        # Cb comes before Cr everywhere else.
        chroma = cv2.resize(small[..., :0:-1], _COLOUR, interpolation=cv2.INTER_NEAREST)
        return luma, chroma, _patches_of(frame)
    brightness, blue, red = planes
    height, width = brightness.shape
    luma = brightness[_middles(height, _SMALL[1])][:, _middles(width, _SMALL[0])]
    luma = np.ascontiguousarray(luma)
    colours = [cv2.resize(plane, _COLOUR, interpolation=cv2.INTER_NEAREST) for plane in (blue, red)]
    places = _patch_places(width, height)
    patches = np.concatenate([brightness[y : y + h, x : x + w] for x, y, w, h in places])
    return luma, cv2.merge(colours), patches.reshape(len(places), *places[0][:1:-1])


@lru_cache(maxsize=256)
def _middles(length: int, parts: int) -> NDArray[np.intp] | slice:
    """The middle of each part of so many pixels: their (parts,) places, or steps where those are even."""
    step, rest = divmod(length, parts)
    if step and not rest:
        return slice(step // 2, None, step)
    return ((np.arange(parts) + 0.5) * (length / parts)).astype(np.intp)


def _keeps_planes(picture: Picture) -> TypeGuard[YuvPlanes]:
    return _has_planes(type(picture))


@cache
def _has_planes(kind: type) -> bool:
    """Asked once of each kind of picture: protocols are slow to look through."""
    return issubclass(kind, YuvPlanes)


def _patches_of(frame: Frame) -> Pixels:
    grey = [
        cv2.cvtColor(frame.cropped(x, y, x + w, y + h).scaled(w, h, "bgr"), cv2.COLOR_BGR2GRAY)
        for x, y, w, h in _patch_places(frame.width, frame.height)
    ]
    return np.stack(grey)


@lru_cache(maxsize=256)
def _patch_places(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Left, top, width and height of the patches: spread evenly, at borders of 8×8 blocks."""
    w, h = min(_PATCH[0], width // 8 * 8 or width), min(_PATCH[1], height // 8 * 8 or height)
    columns, rows = _PATCHES
    return [
        (
            round((width - w) * (column + 0.5) / columns) // 8 * 8,
            round((height - h) * (row + 0.5) / rows) // 8 * 8,
            w,
            h,
        )
        for row in range(rows)
        for column in range(columns)
    ]


def _gradient(luma: Pixels) -> Pixels:
    """The larger step to the right or down at each sample, (H - 1, W - 1) uint8."""
    across = cv2.absdiff(luma[:-1, 1:], luma[:-1, :-1])
    down = cv2.absdiff(luma[1:, :-1], luma[:-1, :-1])
    return np.asarray(cv2.max(across, down), np.uint8)


def _fine_statistics(patches: Pixels) -> dict[str, float]:
    """What shows in single pixels only; nothing of pictures that are smaller than a block."""
    number, height, width = patches.shape
    if min(height, width) < _BLOCK:
        return {}
    rows = patches.reshape(number * height, width)
    across = cv2.absdiff(rows[:, 1:], rows[:, :-1])
    by_row = cv2.reduce(across, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    by_patch = by_row.reshape(number, height).sum(axis=1)
    mean_across = cv2.mean(across)[0]
    second = cv2.filter2D(rows, cv2.CV_16S, _SECOND)[:, 1:-1]
    mean_second = cv2.norm(second, cv2.NORM_L1) / second.size
    down = cv2.reduce(cv2.absdiff(rows[1:], rows[:-1]), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    mean_down = int(down.ravel() @ _within(number, height)) / (number * (height - 1) * width)
    seen = mean_across > 0
    return {
        "streaks": float(np.log2(mean_across / mean_down)) if seen and mean_down > 0 else 0.0,
        "sharpness": mean_second / mean_across if seen else 0.0,
        "noise": _noise(patches[np.argsort(by_patch)[:_FLATTEST]]),
        "blockiness": _blockiness(across, mean_across),
    }


@cache
def _within(number: int, height: int) -> NDArray[np.int32]:
    """1 of each step down within one of the patches, 0 of those from one to the next; they lie in one column."""
    return np.asarray(np.arange(1, number * height) % height != 0, np.int32)


def _blockiness(across: Pixels, mean: float) -> float:
    """Mean steps at the borders of blocks over those within, minus 1; ``across`` (N, W) are all, ``mean`` their mean."""
    borders = across[:, _BLOCK - 1 :: _BLOCK]
    at_borders = float(np.add.reduce(borders, axis=None, dtype=np.int64))
    others = across.size - borders.size
    inner = (mean * across.size - at_borders) / others if others else 0.0
    return at_borders / borders.size / inner - 1 if inner > 0 and borders.size else 0.0


def _noise(patches: Pixels) -> float:
    """Immerkær's estimate of the standard deviation of the noise in patches (N, H, W)."""
    number, height, width = patches.shape
    rows = patches.reshape(number * height, width)
    found = cv2.filter2D(rows, cv2.CV_16S, _IMMERKAER).reshape(patches.shape)
    inner = np.ascontiguousarray(found[:, 1:-1, 1:-1])  # without what patches have of one another
    mean = cv2.norm(inner.reshape(-1), cv2.NORM_L1) / inner.size if inner.size else 0.0
    return float((np.pi / 2) ** 0.5 / 6 * mean)
