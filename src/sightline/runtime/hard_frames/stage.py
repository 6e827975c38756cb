"""Looks at a stream for hard frames, as a stage of its pipeline."""

from __future__ import annotations

from collections.abc import Callable

from sightline.config import HARD_FRAME_KINDS, HardFrameKind
from sightline.monitoring.hard_frames.reasons import HardnessMeter
from sightline.monitoring.profiles.profiler import Profiler
from sightline.runtime.hard_frames.collector import HardFrameCollector
from sightline.types import DriftStatus, Observation


class CollectHardFrames:
    """Hands one frame in so many seconds to a collector, with the reasons why it is hard.

    Args:
        collector: keeps the hardest of them.
        profiler: looks at the frames, one in so many seconds.
        kinds: the reasons that count.
        drift: how the stream stands against its reference; it was watched by the stage before.
    """

    name = "collect"

    def __init__(
        self,
        collector: HardFrameCollector,
        profiler: Profiler,
        kinds: tuple[HardFrameKind, ...] = HARD_FRAME_KINDS,
        drift: Callable[[], DriftStatus | None] = lambda: None,
    ) -> None:
        self._collector, self._drift = collector, drift
        self._profiler = profiler
        self._meter = HardnessMeter(kinds)

    def submit(self, seen: Observation) -> None:
        """There is nothing to wait for."""

    def settle(self, seen: Observation, found: None) -> Observation:  # noqa: ARG002 - the protocol's
        """The observation as it is."""
        sample = self._profiler.see(seen)
        if sample is not None:
            status = self._drift()
            known = status is not None and status.state in {"usual", "drift"}
            anomaly = status.anomaly if status is not None and known else None
            drifted = status is not None and status.state == "drift"
            reasons = self._meter.reasons(sample, anomaly, drifted=drifted)
            self._collector.offer(seen, reasons, sample.picture.view)
        return seen
