"""The reference that a camera is held against: what it is usually like, and how much that varies by itself."""

from __future__ import annotations

import json
import math
import re
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from sightline.errors import ConfigError
from sightline.monitoring.drift.comparison import distances, notable
from sightline.monitoring.profiles.profile import Profile, difference, merged
from sightline.monitoring.profiles.statistic import LOOKS, NUMBERS, parts_of
from sightline.replaced_files import FileKind
from sightline.whole_files import write_whole

FILE_KIND = FileKind("a reference", re.compile(rb'\{\s*"sightline_reference"'))
BLOCK = 20
"""Samples of a block: neighbouring frames are alike, so that blocks are compared, not frames."""
WINDOWS = (5, 10)
"""Blocks that are judged together: 100 samples show a large change soon, 200 a smaller one."""
FEWEST_BLOCKS = 10
MARGIN = 1.25
"""A limit lies so much above the largest distance that the reference has by itself."""
FALSE_ALARMS = 1 / (100 * 40 * 864)
"""The chance of a false alarm of one statistic in one window that is allowed: one in a day of 100 cameras
with 40 statistics in 864 windows of 100 seconds."""
ALL_HOURS = ""
ENOUGH_S = 300.0
"""Shortest recording in seconds whose traffic is not chance."""
_NEEDED_S: Mapping[str, float] = {
    **dict.fromkeys(
        ("classes", "object_colours", "labels", "label_score", "confidence", LOOKS), ENOUGH_S
    ),
    **dict.fromkeys(
        ("objects", "size", "motion", "places", "track_gaps", "track_births", "track_age"), 1800.0
    ),
}
"""Seconds that a reference must span to know what is usual of a statistic: how much traffic there is changes more
than what it is made of. The picture's statistics need no more than the fewest samples."""
_RUNS = 60
"""Runs of blocks that are compared with the rest of the reference, at most."""
_DUSK = ((3, 1), (1, 1), (1, 3))
"""Parts of one hour and the next that a window may have."""
_VERSION = 1
_LARGEST = 1 << 26
"""Bytes of a reference that is read: one with all hours takes a few megabytes."""

Limits = Mapping[int, Mapping[str, float]]
"""The limit of each statistic's distance, by the number of blocks that are judged together."""


@dataclass(frozen=True, eq=False)
class UsualStatistics:
    """What a camera is usually like at some time of the day."""

    profile: Profile
    limits: Limits

    @cached_property
    def ordinary(self) -> Mapping[str, tuple[float, float]]:
        """Between which values the middle 98 % of each number are."""
        found = {}
        for name, counts in self.profile.numbers.items():
            if not counts.any():
                continue
            shares = np.cumsum(counts) / counts.sum()
            statistic = NUMBERS[name]
            width = (statistic.high - statistic.low) / len(counts)
            low = statistic.low + width * float(np.searchsorted(shares, 0.01))
            high = statistic.low + width * float(np.searchsorted(shares, 0.99) + 1)
            found[name] = (low, high)
        return found

    def limit(self, window: int, name: str) -> float:
        """The limit of a statistic's distance; of one that the reference never saw, what is worth a word."""
        limit = self.limits[window].get(name, notable(name))
        relative = NUMBERS[name].relative if name in NUMBERS else 0.0
        return max(limit, relative * self.profile.mean(name)) if relative else limit


@dataclass(frozen=True, eq=False)
class Reference:
    """What a camera and a model were like while all was well.

    Attributes:
        camera: the stream's name.
        model: what found the objects.
        size: width and height of the pictures.
        interval_s: stream seconds between two samples.
        usual: what is usual, by hour: see ``hour_of``. ``ALL_HOURS`` is always there.
    """

    camera: str
    model: str
    size: tuple[int, int]
    interval_s: float
    usual: Mapping[str, UsualStatistics]

    @property
    def samples(self) -> int:
        """How many frames were sampled for it."""
        return self.usual[ALL_HOURS].profile.samples

    def usual_at(self, utc: float | None) -> UsualStatistics:
        """What is usual at a time (Unix seconds): that of the hour, where it was learnt."""
        if utc is not None:
            found = self.usual.get(hour_of(utc))
            if found is not None:
                return found
        return self.usual[ALL_HOURS]

    def usual_near(self, utc: float | None) -> Iterator[UsualStatistics]:
        """What is usual at a time and, of a reference that knows hours, around it, the time itself first.

        Dusk does not come on the hour: the hours before and after count too, and the time from one to the other.
        """
        own = self.usual_at(utc)
        yield own
        if utc is None or own is self.usual[ALL_HOURS]:
            return
        for near in (utc - 3600, utc + 3600):
            other = self.usual.get(hour_of(near))
            if other is not None and other is not own:
                yield other
                yield from (_both(own, other, *shares) for shares in _DUSK)

    def check_fits(self, camera: str | None, model: str, size: tuple[int, int]) -> None:
        """Raise ConfigError where it is of another camera (None: any), model or picture size."""
        if camera is not None and camera != self.camera:
            raise ConfigError(
                f"the reference is of the camera {self.camera}, not of {camera}: each camera needs its own"
            )
        if model != self.model:
            raise ConfigError(
                f"the reference was learnt with the model {self.model}, not with {model}: objects of two models "
                "cannot be compared. Learn it again with this model"
            )
        if size != self.size:
            width, height = self.size
            raise ConfigError(
                f"the reference is of pictures of {width}×{height}, and these have {size[0]}×{size[1]}: "
                "is it the same camera? If its resolution was changed, learn the reference again"
            )

    def save(self, path: Path) -> None:
        """Write it as JSON, whole or not at all. Raises SinkError."""
        usual = {
            hour: {"profile": one.profile.to_dict(), "limits": one.limits}
            for hour, one in self.usual.items()
        }
        values = {
            "sightline_reference": _VERSION,
            "camera": self.camera,
            "model": self.model,
            "size": list(self.size),
            "interval_s": self.interval_s,
            "usual": usual,
        }
        write_whole(path, json.dumps(values, separators=(",", ":")).encode())

    @classmethod
    def load(cls, path: Path) -> Reference:
        """Read what ``save`` wrote. Raises ConfigError: it is something else."""
        try:
            values = json.loads(_content(path))
        except OSError as exc:
            raise ConfigError(f"cannot read the reference {path}: {exc.strerror}") from exc
        except (ValueError, RecursionError) as exc:
            raise ConfigError(f"{path} is no reference: it is not JSON") from exc
        if not isinstance(values, dict) or "sightline_reference" not in values:
            raise ConfigError(f"{path} is no reference: make one with `sightline drift learn`")
        if values["sightline_reference"] != _VERSION:
            raise ConfigError(
                f"{path} was written by another version of Sightline: learn the reference again"
            )
        try:
            return cls._read(values)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
            raise ConfigError(f"{path} is damaged: {exc!r}: learn the reference again") from exc

    @classmethod
    def _read(cls, values: Mapping[str, Any]) -> Reference:
        width, height = (int(side) for side in values["size"])
        usual = {str(hour): _usual(one) for hour, one in values["usual"].items()}
        interval_s = float(values["interval_s"])
        if not 0 <= interval_s < math.inf:
            raise ValueError("its interval is no time")
        return cls(str(values["camera"]), str(values["model"]), (width, height), interval_s, usual)


def hour_of(utc: float) -> str:
    """The hour of a Unix time here, and whether it is one of a weekend: ``weekday 09``, ``weekend 23``."""
    local = time.localtime(utc)
    return f"{'weekend' if local.tm_wday >= 5 else 'weekday'} {local.tm_hour:02}"


def usual_of(
    camera: str, blocks: Sequence[Profile], rest: Profile | None = None
) -> UsualStatistics:
    """What is usual in a recording, from profiles of its blocks in order, and of the rest of a long one.

    The null distribution is that of the recording against itself: runs of blocks against the rest.

    Raises:
        ConfigError: there are too few.
    """
    have = sum(block.samples for block in blocks)
    blocks = [block for block in blocks if block.samples >= BLOCK]
    if len(blocks) < FEWEST_BLOCKS:
        raise ConfigError(
            f"{camera}: {have} sampled frames are too few for a reference: {FEWEST_BLOCKS * BLOCK} are needed "
            "at least, of several minutes: give more footage"
        )
    total = merged(blocks)
    if rest is not None and rest.samples:
        began, ended, utc = total.began, max(total.ended, rest.ended), total.utc
        total = merged([total, rest])
        total.began, total.ended, total.utc = began, ended, utc
    limits = {}
    for window in WINDOWS:
        length = min(window, len(blocks) // 2)
        starts = len(blocks) - length + 1
        null: dict[str, list[float]] = {}
        for start in range(0, starts, max(1, starts // _RUNS)):
            run = merged(blocks[start : start + length])
            for name, distance in distances(run, difference(total, run)).items():
                null.setdefault(name, []).append(distance)
        limits[window] = _widened(limits_of(null), total.ended - total.began)
    return UsualStatistics(total, limits)


def _widened(limits: Mapping[str, float], seconds: float) -> dict[str, float]:
    """Limits of what comes and goes, wider where a recording is too short to have seen all that is usual."""
    return {
        name: limit * max(1.0, (_NEEDED_S.get(parts_of(name)[0], 0.0) / max(seconds, 1.0)) ** 0.5)
        for name, limit in limits.items()
    }


def limits_of(null: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """The limit of each statistic from distances of the reference to itself.

    It lies above all of them, above what a normal distribution of them allows, and it is worth a word.
    """
    quantile = float(stats.norm.isf(FALSE_ALARMS))
    return {
        name: max(notable(name), MARGIN * max(own), float(np.mean(own) + quantile * np.std(own)))
        for name, own in null.items()
    }


def _both(a: UsualStatistics, b: UsualStatistics, of_a: int, of_b: int) -> UsualStatistics:
    """What is usual while one hour becomes another, in a window with so many parts of each."""
    limits = {
        window: {
            name: max(a.limit(window, name), b.limit(window, name))
            for name in a.limits[window].keys() | b.limits[window].keys()
        }
        for window in WINDOWS
    }
    return UsualStatistics(merged([a.profile] * of_a + [b.profile] * of_b), limits)


def _usual(values: Mapping[str, Any]) -> UsualStatistics:
    limits = {
        int(window): {str(name): float(limit) for name, limit in own.items()}
        for window, own in values["limits"].items()
    }
    if set(limits) != set(WINDOWS):
        raise ValueError("its windows are others")
    if not all(0 < limit < math.inf for own in limits.values() for limit in own.values()):
        raise ValueError("a limit is no distance")
    profile = Profile.from_dict(values["profile"])
    if not profile.samples:
        raise ValueError("it has no samples")
    return UsualStatistics(profile, limits)


def _content(path: Path) -> bytes:
    """What is in a file. Raises ConfigError: it is a device or a pipe, or far too large; OSError."""
    found = path.stat()
    if (stat.S_ISREG(found.st_mode) and found.st_size <= _LARGEST) or path.is_dir():
        return path.read_bytes()
    raise ConfigError(f"{path} is no reference: it is no file, or one of more than 64 MiB")
