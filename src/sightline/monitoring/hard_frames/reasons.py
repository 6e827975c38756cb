"""How hard a frame is for a model, for reasons that need no truth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import numpy as np

from sightline.config import HARD_FRAME_KINDS, HardFrameKind
from sightline.monitoring.profiles.profile import FrameSample, Profile, bin_of
from sightline.monitoring.profiles.statistic import NUMBERS

_SURE = 0.5
"""An object with a lower score is one that the model is unsure of."""
_UNSURE = 4
"""As many unsure objects, or tracks that came back, are as hard as it gets."""
_UNCERTAIN = (0.4, 0.8)
"""How hard a frame with many unsure objects is: where all frames of its stream have as many, and where none has."""
_RARE = 0.05
"""A class with a smaller share of the objects so far is rare."""
_KNOWN = 100
"""Objects from which on it is known what is rare."""
_RARE_PICTURE = 0.2
"""A picture is rare where fewer of those so far were like it."""
_KNOWN_PICTURES = 10
"""Pictures from which on it is known what is rare."""
_OF_PICTURES = ("motion", "frozen")
"""Statistics that are of two pictures: cars that go by make none rare."""
_ANOMALOUS = 3.0
"""An anomaly score that is as hard as it gets."""
DRIFTED = 0.5
"""How hard any frame is while its camera has drifted: the model has not learnt from such pictures."""
LEAST = 0.15
"""Frames that are less hard are not collected, even where there is room."""

Reasons = Mapping[HardFrameKind, float]
"""How hard a frame is by reason, 0 to 1; what is 0 is left out."""


class HardnessMeter:
    """Tells how hard the frames of one stream are.

    Args:
        kinds: the reasons that count.
    """

    def __init__(self, kinds: tuple[HardFrameKind, ...] = HARD_FRAME_KINDS) -> None:
        self._kinds = kinds
        self._classes: Counter[str] = Counter()
        self._unsure: Counter[int] = Counter()
        self._past = Profile()

    def reasons(
        self, sample: FrameSample, anomaly: float | None = None, *, drifted: bool = False
    ) -> dict[HardFrameKind, float]:
        """Why a sampled frame is hard.

        Args:
            sample: the next of the stream.
            anomaly: how far its picture is from all that is usual; None: nobody knows, and pictures are rare
                that are unlike those before.
            drifted: the camera is no longer like its reference.
        """
        numbers = sample.objects.numbers
        classes = self._class_rarity(sample.objects.categories["classes"])
        pictures = self._picture_rarity(sample) if anomaly is None else 0.0
        found: dict[HardFrameKind, float] = {
            "uncertain": self._uncertainty(int((numbers["confidence"] < _SURE).sum())),
            "flickering": float(numbers.get("track_gaps", np.zeros(1)).sum()) / _UNSURE,
            "rare": max(classes, pictures),
            "anomalous": (anomaly or 0.0) / _ANOMALOUS,
            "drifted": DRIFTED * drifted,
        }
        return {
            name: min(1.0, value)
            for name, value in found.items()
            if value > 0 and name in self._kinds
        }

    def _uncertainty(self, unsure: int) -> float:
        """How hard so many unsure objects are, held against the stream's other frames.

        A weak model is unsure in every frame: then that tells nothing of any of them.
        """
        fewer = sum(count for number, count in self._unsure.items() if number < unsure)
        rank = fewer / max(1, self._unsure.total())
        self._unsure[unsure] += 1
        least, most = _UNCERTAIN
        return min(1.0, unsure / _UNSURE) * (least + (most - least) * rank)

    def _picture_rarity(self, sample: FrameSample) -> float:
        """1 for a picture unlike all so far, 0 where a fifth of them were like it.

        The mean of the three statistics that fewest pictures share.
        """
        past, numbers = self._past, sample.picture.numbers
        names = [name for name in numbers if name not in _OF_PICTURES]
        shares = [share_near(past, name, numbers[name]) for name in names if name in past.numbers]
        known = past.samples >= _KNOWN_PICTURES
        past.add(sample)
        if not known or not shares:
            return 0.0
        return max(0.0, 1 - float(np.mean(sorted(shares)[:3])) / _RARE_PICTURE)

    def _class_rarity(self, classes: Counter[str]) -> float:
        """1 for a class that was never seen, 0 where all of them are frequent."""
        known = self._classes.total()
        self._classes += classes
        if known < _KNOWN:
            return 0.0
        shares = [(self._classes[name] - count) / known for name, count in classes.items()]
        return max((1 - share / _RARE for share in shares if share < _RARE), default=0.0)


def share_near(past: Profile, name: str, value: float) -> float:
    """The share of the pictures of a profile in which a number differs from ``value`` by less than is notable."""
    counts, near = past.numbers[name], NUMBERS[name].notable
    first, last = bin_of(name, value - near), bin_of(name, value + near)
    return float(counts[first : last + 1].sum() / counts.sum())


def hardness(reasons: Reasons) -> float:
    """All reasons together, 0 to 1: they add up as independent chances do."""
    return 1.0 - math.prod(1 - value for value in reasons.values())
