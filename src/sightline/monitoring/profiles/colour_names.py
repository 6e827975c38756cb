"""Names of colours by their Cb and Cr, whatever their brightness."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.types import Pixels

Reals = NDArray[np.floating[Any]]

_GREY = 9.0
"""Levels from the middle of Cb and Cr within which a colour is none."""
_HUES: tuple[tuple[float, str], ...] = (
    (28, "violet"), (80, "pink"), (128, "red"), (158, "orange"), (195, "yellow"), (262, "green"),
    (312, "cyan"), (360, "blue"),
)  # fmt: skip
"""Angle of (Cb, Cr) in degrees at which a hue ends, and its name. Rec. 601: red lies at 108, yellow at 172, green
at 232, cyan at 288, blue at 352, magenta at 52."""
_ENDS = np.array([end for end, _ in _HUES])
_NAMES = np.array([*(name for _, name in _HUES), "grey"])


def colour_names(pairs: Pixels | Reals) -> list[str]:
    """The name of each pair (N, 2) of Cb and Cr, 0 to 255, rounded."""
    blue, red = np.rint(pairs).astype(np.intp).T
    names: list[str] = _table()[blue, red].tolist()
    return names


@cache
def _table() -> NDArray[np.str_]:
    """The name of every pair of Cb and Cr, (256, 256)."""
    blue, red = np.indices((256, 256)) - 128.0
    hues = np.searchsorted(_ENDS, np.degrees(np.arctan2(red, blue)) % 360)
    hues[np.hypot(blue, red) < _GREY] = len(_HUES)
    return np.asarray(_NAMES[np.minimum(hues, len(_HUES))], np.str_)
