"""A summary of what a stream, a model or the service did in some time. Summaries can be added up exactly.

All of it is whole numbers, so that minutes added up to an hour are the same as the hour counted directly,
in whatever order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sightline.monitoring.profiles.profile import Profile

MICRO = 1_000_000
"""Named values are kept in millionths, since sums of floats depend on their order."""
_MOST = 1 << 62
MOST_NAMES = 64
"""Categories of one statistic that are kept, at most; those that come later are counted under ``OTHER``."""
OTHER = "other"
_OF_OBJECTS = frozenset({"confidence", "size", "track_age", "label_score"})
_WIDER = 4


@dataclass(slots=True)
class ValueSummary:
    """A named value that was told again and again: how often, its sum, least and largest, in millionths."""

    count: int = 0
    total: int = 0
    least: int = _MOST
    most: int = -_MOST

    def add(self, value: float) -> None:
        """Count one more value. Raises ValueError: it is no finite number."""
        if not math.isfinite(value):
            raise ValueError(f"{value} is no value to keep")
        scaled = max(-_MOST, min(_MOST, round(value * MICRO)))
        self.merge(ValueSummary(1, scaled, scaled, scaled))

    def merge(self, other: ValueSummary) -> None:
        """Add what another one has counted."""
        self.count += other.count
        self.total += other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)

    @property
    def mean(self) -> float:
        """The mean; NaN of none."""
        return self.total / self.count / MICRO if self.count else math.nan


@dataclass(slots=True)
class PeriodSummary:
    """What happened in some time.

    Attributes:
        counts: by name, such as ``read`` or ``dropped/stale``. Times are counted in milliseconds.
        histograms: by name, how many fell into each bin.
        values: by name, such as an estimated accuracy.
    """

    counts: Counter[str] = field(default_factory=Counter)
    histograms: dict[str, Counter[int]] = field(default_factory=dict)
    values: dict[str, ValueSummary] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.counts or self.histograms or self.values)

    def count(self, name: str, number: int = 1) -> None:
        """Count so many of something."""
        if number:
            self.counts[name] += number

    def put(self, name: str, place: int, number: int = 1) -> None:
        """Count so many in a bin of a histogram."""
        self.histograms.setdefault(name, Counter())[place] += number

    def value(self, name: str, value: float) -> None:
        """Count one more value of a name. Raises ValueError: it is no finite number."""
        self.values.setdefault(name, ValueSummary()).add(value)

    def merge(self, other: PeriodSummary) -> None:
        """Add what another one has counted."""
        self.counts.update(other.counts)
        for name, found in other.histograms.items():
            self.histograms.setdefault(name, Counter()).update(found)
        for name, value in other.values.items():
            self.values.setdefault(name, ValueSummary()).merge(value)

    def add_profile(self, profile: Profile) -> None:
        """Add the sketches of sampled frames, as reports need them.

        Their mean picture and its colours are left out; numbers of objects, which spread, are kept in bins four
        times as wide.
        """
        self.count("samples", profile.samples)
        for name, bins in profile.numbers.items():
            for place in bins.nonzero()[0].tolist():
                kept = place - place % _WIDER + _WIDER // 2 if name in _OF_OBJECTS else place
                self.put(name, kept, int(bins[place]))
        for name, found in profile.categories.items():
            for category, number in found.items() if name != "colours" else ():
                self.count(f"{name}/{category}", number)

    def parts(self, name: str) -> dict[str, int]:
        """The counts below a name: those of ``dropped/stale`` by ``stale``, of ``dropped``."""
        start = f"{name}/"
        return {
            key[len(start) :]: number
            for key, number in self.counts.items()
            if key.startswith(start)
        }


def added(summaries: Iterable[PeriodSummary]) -> PeriodSummary:
    """The sum of summaries."""
    total = PeriodSummary()
    for one in summaries:
        total.merge(one)
    return total
