"""Chooses the frames of a stream that are worth a label: those from which a model learns most.

A frame is hard for reasons that need no truth: objects of which the model is unsure, tracks that were missed and
came back, classes that are rare, pictures that are unlike the reference.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sightline.monitoring.drift.detector import anomaly
from sightline.monitoring.drift.reference import Reference
from sightline.monitoring.profiles.profile import FrameSample
from sightline.types import Floats, Observation

_SURE = 0.5
"""An object with a lower score is one that the model is unsure of."""
_UNSURE = 4
"""As many unsure objects, or tracks that came back, are as hard as it gets."""
_RARE = 0.05
"""A class with a smaller share of the objects so far is rare."""
_KNOWN = 100
"""Objects from which on it is known what is rare."""
_ANOMALOUS = 3.0
"""An anomaly score that is as hard as it gets."""
_LEAST = 0.15
"""Frames that are less hard are not collected, even where there is room."""


@dataclass(frozen=True, slots=True, eq=False)
class HardFrame:
    """A frame that was chosen: how hard it is (0 to 1), by reason and together, and what it shows."""

    hardness: float
    reasons: Mapping[str, float]
    seen: Observation
    view: Floats = field(repr=False)


class HardFrameSelection:
    """Keeps the hardest frames of one stream within a budget, no two of them alike.

    Args:
        budget: how many frames are kept.
        reference: tells which pictures are unusual; None: nobody knows.
        apart: mean difference of two frames, in grey levels, below which they show the same.
    """

    def __init__(self, budget: int, reference: Reference | None = None, apart: float = 2.0) -> None:
        self._budget = budget
        self._reference = reference
        self._apart = apart
        self._heap: list[tuple[float, int, HardFrame]] = []
        self._order = itertools.count()
        self._classes: Counter[str] = Counter()

    def add(self, seen: Observation, sample: FrameSample) -> None:
        """Look at a sampled frame; it is kept where it is among the hardest. Its pixels are made then only."""
        reasons = self._reasons(sample)
        hardness = float(1 - np.prod([1 - reason for reason in reasons.values()]))
        if hardness < _LEAST:
            return
        view = sample.picture.view
        alike = [entry for entry in self._heap if self._same(entry[2].view, view)]
        if any(entry[0] >= hardness for entry in alike):
            return
        if not alike and len(self._heap) == self._budget and self._heap[0][0] >= hardness:
            return
        for entry in alike:  # the harder one of those that show the same stays
            self._heap.remove(entry)
        if alike:
            heapq.heapify(self._heap)
        frame = HardFrame(hardness, reasons, seen, view)
        heapq.heappush(self._heap, (hardness, next(self._order), frame))
        if len(self._heap) > self._budget:
            heapq.heappop(self._heap)

    def frames(self) -> list[HardFrame]:
        """Those that were chosen, the hardest first."""
        return [frame for _, _, frame in sorted(self._heap, key=lambda entry: -entry[0])]

    def _same(self, a: Floats, b: Floats) -> bool:
        return float(np.abs(a - b).mean()) < self._apart

    def _reasons(self, sample: FrameSample) -> dict[str, float]:
        """How hard a frame is by reason, 0 to 1; what is 0 is left out."""
        numbers = sample.objects.numbers
        found = {
            "uncertain": float((numbers["confidence"] < _SURE).sum()) / _UNSURE,
            "flickering": float(numbers.get("track_gaps", np.zeros(1)).sum()) / _UNSURE,
            "rare class": self._rarity(sample.objects.categories["classes"]),
        }
        if self._reference is not None:
            usual = self._reference.usual_at(sample.utc)
            found["anomalous"] = anomaly(sample, usual) / _ANOMALOUS
        return {name: min(1.0, value) for name, value in found.items() if value > 0}

    def _rarity(self, classes: Counter[str]) -> float:
        """1 for a class that was never seen, 0 where all of them are frequent."""
        known = self._classes.total()
        self._classes += classes
        if known < _KNOWN:
            return 0.0
        shares = [(self._classes[name] - count) / known for name, count in classes.items()]
        return max((1 - share / _RARE for share in shares if share < _RARE), default=0.0)
