"""The newest looks at a stream, and what they come to."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

from sightline.config import FEWEST_LOOKS
from sightline.evaluation.estimation.accuracy import accuracy_of, uses_reference
from sightline.evaluation.estimation.calibration import AccuracyCalibration
from sightline.evaluation.estimation.evidence import DetectionEvidence, joined_evidence
from sightline.types import AccuracyStatus


class LookWindow:
    """What was found in the newest frames that were looked at; too old ones do not count.

    Args:
        class_names: of the model.
        calibration: of it; None: there is none.
        referred: a reference looks, too.
        frames: so many count, at most.
        longest_s: older ones do not.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        calibration: AccuracyCalibration | None,
        frames: int,
        longest_s: float,
        clock: Callable[[], float],
        *,
        referred: bool,
    ) -> None:
        self._class_names, self._calibration = class_names, calibration
        self._referred, self.uses_reference = referred, referred and uses_reference(calibration)
        self._longest_s, self._clock = longest_s, clock
        self._looks: deque[tuple[float, DetectionEvidence]] = deque(maxlen=frames)

    @property
    def apart_s(self) -> float:
        """Seconds between frames that followed one another where the calibration was learnt; 0: nobody knows."""
        known = None if self._calibration is None else self._calibration.interval_s
        return known or 0.0

    @property
    def expired(self) -> bool:
        """Whether even the newest look is too old."""
        return bool(self._looks) and self._clock() - self._looks[-1][0] > self._longest_s

    def add(self, found: DetectionEvidence) -> AccuracyStatus:
        """Count one more look; what all come to now."""
        now = self._clock()
        self._looks.append((now, found))
        while now - self._looks[0][0] > self._longest_s:
            self._looks.popleft()
        frames = len(self._looks)
        if frames < FEWEST_LOOKS:
            return AccuracyStatus("waiting", frames=frames)
        estimate = accuracy_of(
            joined_evidence([one for _, one in self._looks], referred=self.uses_reference),
            self._class_names,
            self._calibration,
            referred=self._referred,
        )
        if math.isnan(estimate.map50):
            return AccuracyStatus("empty", frames=frames, notes=estimate.notes)
        return AccuracyStatus(
            "estimated",
            round(estimate.map50, 4),
            round(estimate.low, 4),
            round(estimate.high, 4),
            {
                name: {"ap50": round(one.ap50, 4), "objects": round(one.objects, 2)}
                for name, one in estimate.per_class.items()
            },
            frames,
            notes=estimate.notes,
        )
