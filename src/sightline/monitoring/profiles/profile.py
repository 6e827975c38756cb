"""A profile: what the sampled frames of some time are like. Profiles of the same camera can be added up."""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.monitoring.profiles.looks import LooksSketch
from sightline.monitoring.profiles.object_statistics import ObjectSample
from sightline.monitoring.profiles.picture_statistics import COLOUR_BINS, PictureSample
from sightline.monitoring.profiles.statistic import BINS, NUMBERS, VIEW, checked_count

Reals = NDArray[np.float32]
Counts = NDArray[np.int64]
_COLOURS = tuple(map(str, range(COLOUR_BINS**2)))
"""Names of the bins of Cb and Cr."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameSample:
    """One sampled frame: its place in the stream, what its picture is like and what was found in it.

    ``utc`` is its Unix time, where that is known.
    """

    time: float
    utc: float | None
    picture: PictureSample
    objects: ObjectSample


@dataclass(slots=True, eq=False)
class Profile:
    """Sketches of the statistics of some sampled frames.

    Attributes:
        samples: how many frames.
        began, ended: stream seconds of the first and last of them.
        utc: Unix time of the first, where it is known.
        numbers: by statistic, a histogram (128,) over its range.
        categories: by statistic, how often each category was seen.
        view: the mean picture's brightness (72, 128), float32.
        looks: what objects look like, by the digest of the embedder that said so.
    """

    samples: int = 0
    began: float = 0.0
    ended: float = 0.0
    utc: float | None = None
    numbers: dict[str, Counts] = field(default_factory=dict)
    categories: dict[str, Counter[str]] = field(default_factory=dict)
    view: Reals = field(default_factory=lambda: np.zeros(VIEW[::-1], np.float32))
    looks: dict[str, LooksSketch] = field(default_factory=dict)

    def add(self, sample: FrameSample) -> None:
        """Count one more frame."""
        if not self.samples:
            self.began, self.utc = sample.time, sample.utc
        self.samples += 1
        self.ended = sample.time
        picture = sample.picture
        for name, value in picture.numbers.items():
            self._histogram(name)[bin_of(name, value)] += 1
        colours = self.categories.setdefault("colours", Counter())
        for name, count in zip(_COLOURS, picture.colours.tolist(), strict=True):
            if count:
                colours[name] += count
        self.view += (picture.view - self.view) / self.samples
        self._add_objects(sample.objects)

    def _add_objects(self, objects: ObjectSample) -> None:
        for name, values in objects.numbers.items():
            if len(values) == 1:
                self._histogram(name)[bin_of(name, float(values[0]))] += 1
            elif len(values):
                statistic = NUMBERS[name]
                scale = BINS / (statistic.high - statistic.low)
                bins = ((values - statistic.low) * scale).astype(np.int64)
                inside = np.minimum(np.maximum(bins, 0, out=bins), BINS - 1, out=bins)
                self._histogram(name)[:] += np.bincount(inside, minlength=BINS)
        for name, found in objects.categories.items():
            self.categories.setdefault(name, Counter()).update(found)
        for embedder, vectors in objects.vectors.items():
            self.looks.setdefault(embedder, LooksSketch()).add(vectors)

    def _histogram(self, name: str) -> Counts:
        found = self.numbers.get(name)
        if found is None:
            found = self.numbers[name] = np.zeros(BINS, np.int64)
        return found

    def mean(self, name: str) -> float:
        """The mean of a number, to half a bin; NaN where it was never seen."""
        counts = self.numbers.get(name)
        if counts is None or not counts.any():
            return float("nan")
        return float((middles(name) * counts).sum() / counts.sum())

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it: histograms as pairs of bin and count, the view rounded."""
        numbers = {
            name: [[int(b), int(counts[b])] for b in np.flatnonzero(counts)]
            for name, counts in self.numbers.items()
        }
        return {
            "samples": self.samples,
            "began": round(self.began, 3),
            "ended": round(self.ended, 3),
            "utc": self.utc,
            "numbers": numbers,
            "categories": {name: dict(counts) for name, counts in self.categories.items()},
            "view": _packed(self.view),
            "looks": {embedder: sketch.to_dict() for embedder, sketch in self.looks.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Profile:
        """What ``to_dict`` gave. Raises KeyError, TypeError, ValueError: it is something else."""
        profile = cls(
            checked_count(values["samples"]), float(values["began"]), float(values["ended"])
        )
        profile.utc = None if values["utc"] is None else float(values["utc"])
        for name, pairs in values["numbers"].items():
            if (
                name in NUMBERS
            ):  # else another version wrote it: what is not known here is not compared
                bins = {checked_count(number): checked_count(count) for number, count in pairs}
                if not bins or max(bins) >= BINS:
                    raise ValueError(f"the histogram of {name} has no bins, or others")
                profile._histogram(name)[list(bins)] = list(bins.values())
        for name, found in values["categories"].items():
            profile.categories[name] = Counter(
                {str(key): checked_count(found[key]) for key in found}
            )
        profile.view = _unpacked(values["view"])
        for embedder, sketch in values.get("looks", {}).items():  # 0.1.0 knew none
            profile.looks[str(embedder)] = LooksSketch.from_dict(sketch)
        return profile


def _packed(view: Reals) -> str:
    """The view as bytes, compressed, in base64."""
    return base64.b64encode(zlib.compress(np.round(view).astype(np.uint8).tobytes())).decode()


def _unpacked(text: str) -> Reals:
    """Raises ValueError: it is no view."""
    size = VIEW[0] * VIEW[1]
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(text), size + 1)
    except zlib.error as exc:
        raise ValueError(str(exc)) from exc
    return np.frombuffer(data, np.uint8).astype(np.float32).reshape(VIEW[::-1])


def bin_of(name: str, value: float) -> int:
    """The bin of a number's histogram in which a value is; what lies beyond the range is in the last."""
    statistic = NUMBERS[name]
    place = int((value - statistic.low) * BINS / (statistic.high - statistic.low))
    return min(max(place, 0), BINS - 1)


def middles(name: str) -> Reals:
    """The value in the middle of each bin of a number's histogram, (128,)."""
    statistic = NUMBERS[name]
    width = (statistic.high - statistic.low) / BINS
    return np.asarray(statistic.low + width * (np.arange(BINS) + 0.5), np.float32)


def merged(profiles: Iterable[Profile]) -> Profile:
    """The sum of profiles; the times are those of the first and the last of them."""
    total = Profile()
    for one in profiles:
        if not one.samples:
            continue
        if not total.samples:
            total.began, total.utc = one.began, one.utc
        total.samples += one.samples
        total.ended = one.ended
        for name, counts in one.numbers.items():
            total._histogram(name)[:] += counts  # noqa: SLF001 (its own)
        for name, found in one.categories.items():
            total.categories.setdefault(name, Counter()).update(found)
        total.view += (one.view - total.view) * (one.samples / total.samples)
        for embedder, sketch in one.looks.items():
            total.looks[embedder] = total.looks.get(embedder, LooksSketch()).plus(sketch)
    return total


def difference(total: Profile, part: Profile) -> Profile:
    """A profile without a part of it."""
    left = merged([total])
    left.samples -= part.samples
    for name, counts in part.numbers.items():
        left.numbers[name] -= counts
    for name, found in part.categories.items():
        left.categories[name] -= found
    for embedder, sketch in part.looks.items():
        left.looks[embedder] = left.looks[embedder].plus(sketch, -1)
    if left.samples:
        whole = total.view * total.samples - part.view * part.samples
        left.view = np.asarray(whole / left.samples, np.float32)
    return left
