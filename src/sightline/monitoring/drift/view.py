"""What has become of a camera's view: turned, zoomed, covered in part. From mean pictures, in which nothing moves.

Edges are matched, not brightness: what the light does to a picture moves no edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_ZOOMS = tuple(float(zoom) for zoom in np.exp(np.linspace(-0.27, 0.27, 19)))
"""Zooms that are tried: 0.76 to 1.31, three hundredths apart."""
_PART = 0.62
"""The middle of the picture, of its width and height, that is looked for in the one before."""
_SURE = 0.4
"""The correlation from which it is the same view, seen again, and no chance."""
_BETTER = 0.04
"""A zoom must fit so much better than none."""
_CELLS = (16, 9)
"""Columns and rows of the cells that may be covered."""
_LOST = 0.55
"""A cell that shows less than this share of its usual detail, beside the other cells, is covered."""
_DETAILED = 0.4
"""Cells that usually show less than this share of the mean detail cannot lose it."""

_BLANK = 0.2
"""A cell that shows less than this share of its usual detail shows nothing."""
_ALIKE = 0.5
"""The correlation of its edges from which a cell shows what it usually does."""
_AS_LIGHT = 15.0
"""Grey levels that the brightness of such a cell differs by at most."""
_OTHERWISE = 0.4
"""Weather, light and a turned camera change more of the cells than this, without making them blank."""

Reals = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ViewChange:
    """How a view differs from another.

    ``right`` and ``down`` are what the scene has moved by, as shares of the picture's width and height;
    ``zoom`` is how much larger things are. ``fit`` is the correlation of its edges, 1 at most.
    """

    right: float
    down: float
    zoom: float
    fit: float

    @property
    def known(self) -> bool:
        """Whether it is the same scene at all: at night, or in fog, nobody can tell."""
        return self.fit >= _SURE

    @property
    def distance(self) -> float:
        """How far the scene has moved, as a share of the picture."""
        return float(np.hypot(self.right, self.down))


def view_change(before: Reals, now: Reals) -> ViewChange:
    """How the mean picture ``now`` (H, W) differs from the one ``before`` (H, W)."""
    edges, edges_now = _edges(before), _edges(now)
    plain = best = _found(edges, edges_now, 1.0)
    if plain.fit > 1 - _BETTER:  # no zoom can fit better by so much
        return plain
    for zoom in _ZOOMS:
        found = _found(edges, edges_now, zoom)
        if found.fit > max(best.fit, plain.fit + _BETTER):
            best = found
    return best


def _found(before: Reals, now: Reals, zoom: float) -> ViewChange:
    """Where the middle of ``now``, made smaller by ``zoom``, is found in ``before``."""
    height, width = before.shape
    wide, tall = round(width * _PART), round(height * _PART)
    middle = cv2.getRectSubPix(
        now, (round(wide * zoom), round(tall * zoom)), ((width - 1) / 2, (height - 1) / 2)
    )
    fits = cv2.matchTemplate(before, cv2.resize(middle, (wide, tall)), cv2.TM_CCOEFF_NORMED)
    _, fit, _, (x, y) = cv2.minMaxLoc(fits)
    right, down = (width - wide) / 2 - x, (height - tall) / 2 - y
    return ViewChange(right / width, down / height, zoom, float(fit))


def _edges(picture: Reals) -> Reals:
    """The strength of edges, compressed so that one bright lamp is not all that counts."""
    small = picture.astype(np.float32)
    across = cv2.Sobel(small, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(small, cv2.CV_32F, 0, 1)
    strength = cv2.magnitude(across, down)
    compressed = np.log1p(strength / max(float(strength.mean()), 1e-3))
    return np.asarray(cv2.GaussianBlur(compressed, (0, 0), 0.8))


def covered_share(before: Reals, now: Reals) -> float:
    """The share of cells with detail in ``before`` (H, W) that have lost more of it than the others have.

    Dirt, snow, or a leaf on the lens; fog takes the detail of all that is far, which is half at most.
    """
    _, kept = _kept(before, now)
    rest = float(np.median(kept)) if kept.size else 0.0
    return float((kept < _LOST * rest).mean()) if rest > 0 else 0.0


def hidden_share(before: Reals, now: Reals) -> float:
    """The share of cells with detail in ``before`` (H, W) that show nothing, while most others look as usual.

    Tape, a hand, a bag, a wall of boxes; up to 1, where all of the picture is hidden.
    """
    detailed, kept = _kept(before, now)
    if not kept.size:
        return 0.0
    alike = _alike(before, now)[detailed]
    blank = (kept < _BLANK) & ~alike
    otherwise = float((~alike & ~blank).mean())
    return float(blank.mean()) if otherwise < _OTHERWISE else 0.0


def _kept(before: Reals, now: Reals) -> tuple[NDArray[np.bool_], Reals]:
    """Which cells have detail that they can lose (9, 16), and the part of it that each has left (N,)."""
    usual, left = _detail(before), _detail(now)
    detailed = np.asarray(usual > _DETAILED * usual.mean())
    return detailed, np.asarray(left[detailed] / usual[detailed])


def _alike(before: Reals, now: Reals) -> NDArray[np.bool_]:
    """Which cells have the same edges in the same light."""
    light = np.abs(_cells(now.astype(np.float32)) - _cells(before.astype(np.float32)))
    edges, edges_now = _edges(before), _edges(now)
    mean, mean_now = _cells(edges), _cells(edges_now)
    together = _cells(edges * edges_now) - mean * mean_now
    apart = (_cells(edges**2) - mean**2) * (_cells(edges_now**2) - mean_now**2)
    correlation = together / np.sqrt(np.maximum(apart, 1e-12))
    return np.asarray((correlation >= _ALIKE) & (light < _AS_LIGHT))


def _detail(picture: Reals) -> Reals:
    small = picture.astype(np.float32)
    strength = cv2.magnitude(cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1))
    return _cells(strength)


def _cells(values: Reals) -> Reals:
    """The mean of each cell (9, 16)."""
    return np.asarray(cv2.resize(values, _CELLS, interpolation=cv2.INTER_AREA))
