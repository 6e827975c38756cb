"""How hard a frame is for a model, for reasons that need no truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from sightline.config import HARD_FRAME_KINDS, HardFrameKind
from sightline.monitoring.profiles.profile import FrameSample

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

    def reasons(
        self, sample: FrameSample, anomaly: float = 0.0, *, drifted: bool = False
    ) -> dict[HardFrameKind, float]:
        """Why a sampled frame is hard.

        Args:
            sample: the next of the stream.
            anomaly: how far its picture is from all that is usual; 0 where nobody knows.
            drifted: the camera is no longer like its reference.
        """
        numbers = sample.objects.numbers
        found: dict[HardFrameKind, float] = {
            "uncertain": float((numbers["confidence"] < _SURE).sum()) / _UNSURE,
            "flickering": float(numbers.get("track_gaps", np.zeros(1)).sum()) / _UNSURE,
            "rare": self._rarity(sample.objects.categories["classes"]),
            "anomalous": anomaly / _ANOMALOUS,
            "drifted": DRIFTED * drifted,
        }
        return {
            name: min(1.0, value)
            for name, value in found.items()
            if value > 0 and name in self._kinds
        }

    def _rarity(self, classes: Counter[str]) -> float:
        """1 for a class that was never seen, 0 where all of them are frequent."""
        known = self._classes.total()
        self._classes += classes
        if known < _KNOWN:
            return 0.0
        shares = [(self._classes[name] - count) / known for name, count in classes.items()]
        return max((1 - share / _RARE for share in shares if share < _RARE), default=0.0)


def hardness(reasons: Reasons) -> float:
    """All reasons together, 0 to 1: they add up as independent chances do."""
    return float(1 - np.prod([1 - value for value in reasons.values()]))
