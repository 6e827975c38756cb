"""A histogram of durations whose bins grow, so that each percentile is known within 2 %.

The bins are those of DDSketch (Masson, Rim and Lee, VLDB 2019): bin ``i`` ends at ``GROWTH ** i`` microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

ACCURACY = 0.02
"""The relative error of a percentile."""
GROWTH = (1 + ACCURACY) / (1 - ACCURACY)
_LOG = math.log(GROWTH)
_LARGEST = 520
"""The last bin: 18 minutes and more."""


def latency_bin(seconds: float) -> int:
    """The bin of a duration; what is shorter than a microsecond is in the first."""
    micros = seconds * 1e6
    if not micros > 1:
        return 0
    return min(_LARGEST, math.ceil(math.log(micros) / _LOG)) if micros < math.inf else _LARGEST


def bin_seconds(place: int) -> float:
    """The duration that stands for a bin: off by ``ACCURACY`` at most from all that fall into it."""
    return 2 * GROWTH**place / (GROWTH + 1) / 1e6


def percentile_s(bins: Mapping[int, int], share: float) -> float | None:
    """The duration below which a share (0 to 1) of all are; None of none."""
    total = sum(bins.values())
    if not total:
        return None
    wanted, seen = share * (total - 1), 0
    for place in sorted(bins):
        seen += bins[place]
        if seen > wanted:
            return bin_seconds(place)
    return bin_seconds(max(bins))
