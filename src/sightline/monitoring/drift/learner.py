"""Learns a reference while a camera runs, over days, each hour of the day for itself."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sightline.monitoring.drift.comparison import distances
from sightline.monitoring.drift.reference import (
    ALL_HOURS,
    BLOCK,
    WINDOWS,
    Reference,
    UsualStatistics,
    hour_of,
    limits_of,
    usual_of,
)
from sightline.monitoring.profiles.profile import FrameSample, Profile, merged
from sightline.whole_files import write_whole

_DAY_S = 86400.0
_VERSION = 1
_FEWEST_WINDOWS = 8
"""Distances between windows of an hour and that hour before: with fewer its limits would be chance."""


@dataclass(slots=True, eq=False)
class _Hour:
    """One hour of the day: all of it so far, and how far each window was from what was before it."""

    profile: Profile = field(default_factory=Profile)
    null: dict[int, dict[str, list[float]]] = field(
        default_factory=lambda: {window: defaultdict(list) for window in WINDOWS}
    )

    def add(self, window: Profile, blocks: int) -> None:
        """Compare a window with the hour before it."""
        if self.profile.samples >= WINDOWS[0] * BLOCK:
            for name, distance in distances(window, self.profile).items():
                self.null[blocks][name].append(distance)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"profile": self.profile.to_dict(), "null": self.null}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> _Hour:
        """What ``to_dict`` gave."""
        hour = cls(Profile.from_dict(values["profile"]))
        for window in WINDOWS:
            for name, own in values["null"][str(window)].items():
                hour.null[window][str(name)] = [float(distance) for distance in own]
        return hour

    @property
    def known(self) -> bool:
        """Whether the hour was seen often enough to be judged by itself."""
        longest = self.null[WINDOWS[-1]]
        return max((len(own) for own in longest.values()), default=0) >= _FEWEST_WINDOWS


def _widest(own: Mapping[str, float], pooled: Mapping[str, float]) -> dict[str, float]:
    return {name: max(limit, pooled.get(name, 0.0)) for name, limit in own.items()}


class ReferenceLearner:
    """Adds up samples until the time is over.

    Of each hour only the sum is kept, and distances: a week of a camera takes a few megabytes.

    Args:
        camera, model, size, interval_s: see ``Reference``.
        days: how long is learnt, from the first sample on. A clock that is set forward, as that of a machine
            which has just found the time, counts for a day at most, one that is set back for nothing.
    """

    def __init__(
        self, camera: str, model: str, size: tuple[int, int], interval_s: float, days: float
    ) -> None:
        self.camera, self.model, self.size = camera, model, size
        self._interval_s = interval_s
        self._days = days
        self._hours: dict[str, _Hour] = defaultdict(_Hour)
        self._window: list[Profile] = []
        self._block = Profile()
        self._first: list[Profile] = []  # the blocks of a reference of less than an hour
        self._newest: float | None = None
        self._learnt_s = 0.0
        self.samples = 0

    @property
    def share(self) -> float:
        """How much of the time is over, 0 to 1."""
        return min(1.0, self._learnt_s / (self._days * _DAY_S))

    @property
    def seconds(self) -> float:
        """How long was learnt."""
        return self._learnt_s

    def add(self, sample: FrameSample, now: float) -> bool:
        """Count a sample, seen at ``now`` (Unix seconds). Returns whether the time is over."""
        if self._newest is not None:
            self._learnt_s += min(max(now - self._newest, 0.0), _DAY_S)
        self._newest = now
        self.samples += 1
        self._block.add(sample)
        if self._block.samples == BLOCK:
            self._window.append(self._block)
            self._block = Profile()
        if len(self._window) == WINDOWS[-1]:
            self._count(hour_of(now))
        return self._learnt_s >= self._days * _DAY_S

    def _count(self, hour: str) -> None:
        short, long = WINDOWS
        if sum(block.samples for block in self._first) < 3600:
            self._first += self._window
        for key in (hour, ALL_HOURS):
            kept = self._hours[key]
            for start in range(0, long, short):
                kept.add(merged(self._window[start : start + short]), short)
            kept.add(merged(self._window), long)
            kept.profile = merged([kept.profile, *self._window])
        self._window = []

    def reference(self) -> Reference:
        """What was learnt. Raises ConfigError: there were too few samples."""
        pooled = self._pooled()
        usual = {
            key: UsualStatistics(
                hour.profile,
                {
                    window: _widest(limits_of(hour.null[window]), pooled[window])
                    for window in WINDOWS
                },
            )
            for key, hour in self._hours.items()
            if hour.known
        }
        if ALL_HOURS not in usual:
            usual[ALL_HOURS] = usual_of(self.camera, self._first)
        return Reference(self.camera, self.model, self.size, self._interval_s, usual)

    def _pooled(self) -> dict[int, dict[str, float]]:
        """Limits from the distances of all hours, each of which has few: what varies in one may in another."""
        found = {}
        for window in WINDOWS:
            null: dict[str, list[float]] = defaultdict(list)
            for key, hour in self._hours.items():
                for name, own in hour.null[window].items() if key != ALL_HOURS else ():
                    null[name] += own
            found[window] = limits_of(null)
        return found

    def save(self, path: Path) -> None:
        """Write what was learnt so far, to go on after a restart. Raises SinkError."""
        values = {
            "sightline_learning": _VERSION,
            **self._identity(),
            "learnt_s": self._learnt_s,
            "samples": self.samples,
            "hours": {key: hour.to_dict() for key, hour in self._hours.items()},
            "first": [block.to_dict() for block in self._first],
        }
        write_whole(path, json.dumps(values, separators=(",", ":")).encode())

    def restore(self, path: Path) -> bool:
        """Go on with what ``save`` wrote; the time since then does not count.

        Returns:
            False where it is of another camera, model, size or interval, or damaged: nothing has changed then.
        """
        try:
            values = json.loads(path.read_bytes())
            if values["sightline_learning"] != _VERSION:
                return False
            if {key: values[key] for key in self._identity()} != self._identity():
                return False
            learnt_s, samples = float(values["learnt_s"]), int(values["samples"])
            hours = {str(key): _Hour.from_dict(one) for key, one in values["hours"].items()}
            first = [Profile.from_dict(one) for one in values["first"]]
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            OverflowError,
            RecursionError,
        ):
            return False
        self._learnt_s, self.samples, self._first = learnt_s, samples, first
        self._hours.update(hours)
        return True

    def _identity(self) -> dict[str, object]:
        return {
            "camera": self.camera, "model": self.model, "size": list(self.size),
            "interval_s": self._interval_s,
        }  # fmt: skip
