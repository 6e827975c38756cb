"""How far two profiles are apart, statistic by statistic, each in a unit of its own."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.monitoring.drift.view import ViewChange, covered_share, hidden_share, view_change
from sightline.monitoring.profiles.profile import Profile
from sightline.monitoring.profiles.statistic import BINS, CATEGORIES, LOOKS, NUMBERS, parts_of

Reals = NDArray[np.float64]

_RARE = 0.15
"""A category with a smaller share may be missing from a window by chance: that it became rarer is no change."""
FEWEST = 30
"""Numbers and categories that both profiles need for a statistic of objects to be compared."""
_OF_FRAMES = frozenset(
    {
        "brightness", "contrast", "shadows", "highlights", "saturation", "blue_cast", "red_cast",
        "sharpness", "noise", "streaks", "edges", "blockiness", "motion", "frozen", "objects",
    }
)  # fmt: skip
"""Numbers that there is one of in each frame."""


@dataclass(frozen=True, slots=True)
class ViewStatistic:
    """A statistic of what is seen as a whole: of the mean picture, its cells, or the looks of all objects.

    ``notable`` is in its own unit.
    """

    about: str
    notable: float
    changed: str


VIEWS: dict[str, ViewStatistic] = {
    "view_shift": ViewStatistic("how far the view has moved, of the picture", 0.02, "moved"),
    "view_zoom": ViewStatistic("logarithm of the zoom", 0.03, "zoomed"),
    "covered": ViewStatistic("share of the picture that has lost its detail", 0.06, "covered"),
    "hidden": ViewStatistic("share of the picture that shows nothing", 0.05, "hidden"),
    LOOKS: ViewStatistic(
        "maximum mean discrepancy of their embeddings", 0.15, "with objects that look different"
    ),
}


def notable(name: str) -> float:
    """The least distance of a statistic that is worth a word. Raises KeyError: there is no such statistic."""
    statistic, _ = parts_of(name)
    for table in (NUMBERS, CATEGORIES, VIEWS):
        if statistic in table:
            return table[statistic].notable
    raise KeyError(name)


def distances(now: Profile, usual: Profile, view: ViewChange | None = None) -> dict[str, float]:
    """The distance of each statistic that both profiles know.

    ``view`` is how the view of the one differs from the other's, where that was looked for already.

    Of numbers it is the Wasserstein distance (the area between the two distributions), in their own
    unit; of categories the total variation distance (0 to 1), or Cohen's h of the share of each; of looks the maximum
    mean discrepancy, where one embedder told both; of views see ``VIEWS``.
    """
    found = {}
    for name, counts in now.numbers.items():
        fewest = 1 if name in _OF_FRAMES else FEWEST
        others = usual.numbers.get(name)
        if others is not None and counts.sum() >= fewest and others.sum() >= fewest:
            found[name] = wasserstein(name, counts, others)
    for name, categories in now.categories.items():
        if usual.categories.get(name, Counter()).total() >= FEWEST <= categories.total():
            found |= _of_categories(name, now, usual)
    for embedder, sketch in now.looks.items():
        theirs = usual.looks.get(embedder)
        if theirs is not None and min(sketch.count, theirs.count) >= FEWEST:
            found[LOOKS] = max(found.get(LOOKS, 0.0), sketch.discrepancy(theirs))
    if now.samples and usual.samples:
        found |= _of_views(now, usual, view or view_change(usual.view, now.view))
    return found


def share(name: str, profile: Profile) -> float:
    """The share of a single category: ``classes/truck``."""
    statistic, category = parts_of(name)
    counts = profile.categories.get(statistic, Counter())
    return counts[category] / counts.total() if counts else 0.0


def _of_categories(name: str, now: Profile, usual: Profile) -> dict[str, float]:
    own, theirs = now.categories[name], usual.categories[name]
    if not CATEGORIES[name].single:
        return {name: total_variation(own, theirs)}
    singles = [f"{name}/{category}" for category in own.keys() | theirs.keys()]
    shares = {single: (share(single, now), share(single, usual)) for single in singles}
    return {
        single: 0.0 if seen < before < _RARE else effect_size(seen, before)
        for single, (seen, before) in shares.items()
    }


def effect_size(now: float, usual: float) -> float:
    """Cohen's h of two shares (Cohen 1988): 0.2 is small, 0.5 medium, 0.8 large, at either end of the scale."""
    return abs(2 * math.asin(math.sqrt(now)) - 2 * math.asin(math.sqrt(usual)))


def _of_views(now: Profile, usual: Profile, view: ViewChange) -> dict[str, float]:
    """How the view has changed. Cells are compared where they show the same: of a view that has not moved."""
    hidden = hidden_share(usual.view, now.view)
    if (
        not view.known or hidden >= VIEWS["hidden"].notable
    ):  # what hides the scene hides where it is
        return {"hidden": hidden}
    zoomed = abs(float(np.log(view.zoom)))
    found = {"view_shift": view.distance, "view_zoom": zoomed, "hidden": hidden}
    if view.distance < VIEWS["view_shift"].notable and not zoomed:
        found["covered"] = covered_share(usual.view, now.view)
    return found


def wasserstein(name: str, now: NDArray[np.int64], usual: NDArray[np.int64]) -> float:
    """The first Wasserstein distance of two histograms (128,) of a statistic, in its unit."""
    width = (NUMBERS[name].high - NUMBERS[name].low) / BINS
    apart = np.cumsum(now) / now.sum() - np.cumsum(usual) / usual.sum()
    return float(np.abs(apart).sum() * width)


def total_variation(now: Counter[str], usual: Counter[str]) -> float:
    """Half the sum of the differences of shares: 0 is the same mix, 1 has nothing in common."""
    own, theirs = now.total(), usual.total()
    return 0.5 * sum(abs(now[key] / own - usual[key] / theirs) for key in now.keys() | usual.keys())


def shift_of(name: str, now: Profile, usual: Profile) -> float:
    """By how much a number's mean or a category's share is higher; 0 of statistics that have neither."""
    if name in NUMBERS:
        return now.mean(name) - usual.mean(name)
    return share(name, now) - share(name, usual) if "/" in name else 0.0
