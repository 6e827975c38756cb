"""What was wrong with a camera's pictures, and when: dark, glaring, blank, frozen or blurred ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sightline.monitoring.history.summary import PeriodSummary
from sightline.monitoring.profiles.profile import middles
from sightline.monitoring.profiles.statistic import BINS, NUMBERS

_DARK, _GLARING = 32.0, 224.0
"""Mean brightness (0 to 255) below and above which a picture shows little."""
_BLANK = 6.0
"""Standard deviation of the brightness below which a picture shows nothing: a lens that is covered."""
_BLURRED = 0.7
"""Share of the camera's usual sharpness, the median of its steps in the report's time, below which it is blurred."""
_FROM = 0.02
"""Shares of pictures below this are not told."""
_NAMED = 0.25
"""A step is named where it has such a share at least."""
_FEWEST_STEPS = 4
"""To know what sharpness is usual."""


@dataclass(slots=True)
class QualityProblem:
    """What was wrong: its kind, the share of the sampled pictures, and when (Unix times of beginnings and ends)."""

    kind: str
    words: str
    share: float
    times: list[tuple[int, int]] = field(default_factory=list)


def mean_of(found: PeriodSummary, name: str) -> float | None:
    """The mean of a number of pictures or objects, to half a bin; None where there is none."""
    bins = found.histograms.get(name)
    if not bins:
        return None
    total = sum(bins.values())
    values = middles(name)
    return float(sum(float(values[place]) * count for place, count in bins.items()) / total)


def quality_problems(by_start: Mapping[int, PeriodSummary], step: int) -> list[QualityProblem]:
    """What was wrong with the pictures of some steps, by their starts; the largest share first."""
    usual = _usual_sharpness(by_start)
    kinds: dict[str, tuple[str, Callable[[PeriodSummary], float]]] = {
        "dark": ("the picture was too dark", lambda one: _share(one, "brightness", 0, _DARK)),
        "glaring": (
            "the picture was overexposed",
            lambda one: _share(one, "brightness", _GLARING, 256),
        ),
        "blank": (
            "the picture was blank: the lens was covered, or the camera showed one colour",
            lambda one: _share(one, "contrast", 0, _BLANK),
        ),
        "frozen": (
            "the camera repeated the same picture",
            lambda one: _share(one, "frozen", 0.5, 1),
        ),
        "blurred": (
            "the picture was more blurred than usual",
            lambda one: _share(one, "sharpness", 0, _BLURRED * usual),
        ),
    }
    found = [_problem(kind, *told, by_start, step) for kind, told in kinds.items()]
    return sorted((one for one in found if one.share >= _FROM), key=lambda one: -one.share)


def _problem(
    kind: str,
    words: str,
    share_of: Callable[[PeriodSummary], float],
    by_start: Mapping[int, PeriodSummary],
    step: int,
) -> QualityProblem:
    wrong = samples = 0.0
    times: list[tuple[int, int]] = []
    for start in sorted(by_start):
        own = by_start[start].counts["samples"]
        share = share_of(by_start[start]) if own else 0.0
        wrong += share * own
        samples += own
        if share >= _NAMED:
            if times and times[-1][1] == start:
                times[-1] = (times[-1][0], start + step)
            else:
                times.append((start, start + step))
    return QualityProblem(kind, words, round(wrong / samples, 4) if samples else 0.0, times)


def _share(found: PeriodSummary, name: str, low: float, high: float) -> float:
    """The share of a number's values from ``low`` to ``high``, to a bin."""
    bins = found.histograms.get(name)
    if not bins or high <= low:
        return 0.0
    statistic = NUMBERS[name]
    scale = BINS / (statistic.high - statistic.low)
    first, last = (low - statistic.low) * scale, (high - statistic.low) * scale
    inside = sum(count for place, count in bins.items() if first <= place < last)
    return inside / sum(bins.values())


def _usual_sharpness(by_start: Mapping[int, PeriodSummary]) -> float:
    """The median of the steps' means; 0, below which nothing is, where there are too few."""
    means = [mean for one in by_start.values() if (mean := mean_of(one, "sharpness")) is not None]
    return float(np.median(means)) if len(means) >= _FEWEST_STEPS else 0.0
