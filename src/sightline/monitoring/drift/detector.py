"""Finds drift: the newest samples of a camera against what is usual, judged by size and by persistence."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sightline.monitoring.drift.comparison import VIEWS, distances, share, shift_of
from sightline.monitoring.drift.reference import BLOCK, WINDOWS, Reference, UsualStatistics
from sightline.monitoring.drift.view import ViewChange, view_change
from sightline.monitoring.profiles.profile import FrameSample, Profile, merged
from sightline.monitoring.profiles.statistic import CATEGORIES, NUMBERS, parts_of

PERSISTENT = 2
LOOKS = 3
"""A change must be seen in two of three looks, a block of samples apart; or in the longer window, which is
persistence enough."""
OBVIOUS = 3.0
"""A change so many times beyond its limit need not be seen twice."""
_OF_INTERVAL = frozenset({"motion", "track_gaps", "track_births"})
"""Statistics that depend on how far apart the samples are."""


@dataclass(frozen=True, slots=True)
class Change:
    """A statistic that is no longer what it was.

    ``effect`` is its distance over the limit: 1 and more is a change. ``usual`` and ``now`` are means of
    numbers and shares of categories; None of others.
    """

    statistic: str
    effect: float
    usual: float | None
    now: float | None

    @property
    def higher(self) -> bool:
        """Whether a number or a share is higher than usual."""
        return self.usual is not None and self.now is not None and self.now > self.usual

    def __str__(self) -> str:
        """``darker (mean brightness 61, usually 104)``."""
        name, category = parts_of(self.statistic)
        if name in NUMBERS:
            number = NUMBERS[name]
            way = number.more if self.higher else number.less
            return f"{way} ({number.about} {self.now:.3g}, usually {self.usual:.3g})"
        if category and self.usual is not None and self.now is not None:
            kind = CATEGORIES[name]
            way = f"{'more' if self.higher else 'less'} {kind.changed.format(category)}"
            return f"{way} ({kind.about} {self.now:.0%}, usually {self.usual:.0%})"
        table = CATEGORIES if name in CATEGORIES else VIEWS
        return f"{table[name].changed} ({table[name].about})"


@dataclass(frozen=True, slots=True, eq=False)
class DriftState:
    """What one look found.

    Attributes:
        time, utc: of the newest sample.
        samples: how many there have been so far.
        effects: of every statistic, its distance over its limit; negative where the mean is lower.
        changes: those that persist, the largest first.
        now, usual: the profiles that were compared.
        view: how the view has moved.
    """

    time: float
    utc: float | None
    samples: int
    effects: Mapping[str, float]
    changes: Sequence[Change]
    now: Profile
    usual: UsualStatistics
    view: ViewChange

    @property
    def drifted(self) -> bool:
        """Whether anything has changed for long enough."""
        return bool(self.changes)


class DriftDetector:
    """Holds the samples of one camera against its reference.

    After each block of 20 samples the newest 100, and the newest 200, are compared with what is usual at this time
    of the day. A camera that was off begins anew.

    Args:
        reference: what it is held against.
        same_interval: samples are as far apart as the reference's. Else statistics that depend on it are
            left out.
    """

    def __init__(self, reference: Reference, *, same_interval: bool = True) -> None:
        self._reference = reference
        self._left_out = frozenset() if same_interval else _OF_INTERVAL
        self._blocks: deque[Profile] = deque(maxlen=WINDOWS[-1])
        self._block = Profile()
        self._beyond: deque[frozenset[str]] = deque(maxlen=LOOKS)
        self._samples = 0
        self._last: float | None = None

    def add(self, sample: FrameSample) -> DriftState | None:
        """Count a sample; what a look found, or None: it was no time for one."""
        if self._last is not None and not 0 <= sample.time - self._last <= _longest_pause(
            self._reference.interval_s
        ):
            self._blocks.clear()
            self._beyond.clear()
            self._block = Profile()
        self._last = sample.time
        self._samples += 1
        self._block.add(sample)
        if self._block.samples < BLOCK:
            return None
        self._blocks.append(self._block)
        self._block = Profile()
        return self._look(sample) if len(self._blocks) >= WINDOWS[0] else None

    def _look(self, sample: FrameSample) -> DriftState:
        usual = self._reference.usual_at(sample.utc)
        least = partial(self._least, utc=sample.utc)
        short, long = WINDOWS
        now = merged(list(self._blocks)[-short:])
        view = view_change(usual.profile.view, now.view)
        effects = least(now, short, view)
        self._beyond.append(frozenset(n for n in effects if abs(effects[n]) >= 1))
        lasting = {name: now for name, effect in effects.items() if self._lasts(name, effect)}
        if len(self._blocks) == long:
            whole = merged(self._blocks)
            for name, effect in least(whole, long).items():
                if abs(effect) > abs(effects.get(name, 0.0)):
                    effects[name] = effect
                    lasting |= {name: whole} if abs(effect) >= 1 else {}
        changes = [_change(n, abs(effects[n]), lasting[n], usual.profile) for n in lasting]
        changes.sort(key=lambda change: -change.effect)
        return DriftState(
            sample.time, sample.utc, self._samples, effects, changes, now, usual, view
        )

    def _least(
        self, now: Profile, window: int, view: ViewChange | None = None, *, utc: float | None
    ) -> dict[str, float]:
        """The effects against what is usual now; of those beyond a limit, the least against what is usual around it."""
        near = self._reference.usual_near(utc)
        effects = self._effects(now, next(near), window, view)
        for usual in near:
            if not any(abs(effect) >= 1 for effect in effects.values()):
                break
            for name, effect in self._effects(now, usual, window).items():
                if abs(effects.get(name, 0.0)) >= 1 and abs(effect) < abs(effects[name]):
                    effects[name] = effect
        return effects

    def _effects(
        self, now: Profile, usual: UsualStatistics, window: int, view: ViewChange | None = None
    ) -> dict[str, float]:
        """The distance of each statistic over its limit, with the sign of the change."""
        return {
            name: math.copysign(
                distance / usual.limit(window, name), shift_of(name, now, usual.profile) or 1.0
            )
            for name, distance in distances(now, usual.profile, view).items()
            if name not in self._left_out
        }

    def _lasts(self, name: str, effect: float) -> bool:
        seen = sum(name in look for look in self._beyond)
        return abs(effect) >= OBVIOUS or (abs(effect) >= 1 and seen >= PERSISTENT)


def anomaly(sample: FrameSample, usual: UsualStatistics) -> float:
    """How far a frame's picture is from all that is usual: 0 is within it, 1 notably outside.

    The mean of the three statistics that are farthest beyond the middle 98 % of the reference, each over
    the change that is notable.
    """
    beyond = []
    for name, value in sample.picture.numbers.items():
        if name in usual.ordinary:
            low, high = usual.ordinary[name]
            beyond.append(max(0.0, low - value, value - high) / NUMBERS[name].notable)
    return float(np.mean(sorted(beyond)[-3:])) if beyond else 0.0


def _change(name: str, effect: float, now: Profile, usual: Profile) -> Change:
    if name in NUMBERS:
        return Change(name, effect, usual.mean(name), now.mean(name))
    if "/" in name:
        return Change(name, effect, share(name, usual), share(name, now))
    return Change(name, effect, None, None)


def _longest_pause(interval_s: float) -> float:
    """Seconds between two samples from which on the camera was off."""
    return max(60.0, 10 * interval_s)
