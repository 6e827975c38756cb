"""How many frames of all streams are decoded, and the part of it that each stream has.

A decoded frame that is not analysed has used the processor for nothing. When the streams send more than
can be analysed, only a few more frames are decoded than come to something, and each stream decodes
the same number a second: a stream that decodes less than the others would be analysed less, however fairly
the scheduler treats its frames.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sightline.runtime.streams.cpu_limiter import CpuLimiter

PERIOD_S = 1.0
MEMORY_S = 3.0
"""What happened longer ago hardly counts."""
GONE_S = 5.0
"""A stream of which nothing was heard for so long is not counted on."""
SURPLUS = 1.5
"""Frames that are decoded for each that is analysed: which one it is depends on the moment."""
FALL, RISE = 0.9, 1.1
"""What streams may decode changes by these factors a second at most."""
LEAST = 0.02
"""The least part of its packets that a stream decodes, so that it is noticed when things get better."""
AGAIN = 0.6
"""This part of the frames that were lost is decoded once more at least."""
HEAVY = 0.1
"""Nothing is left out where decoding everything uses no more than this part of the processor."""
LATE = 0.25
"""Decoders are behind when this part of the frames comes too late."""
LATE_S = 1.0
"""For so long that is remembered."""
LOOK_S = 0.1
"""So often it is looked whether the engine is busy."""
REACTION_S = 0.3
BEYOND = 40.0
"""Frames beyond its share that a stream decodes at most, times the part of the engine that is idle."""
CUT = 0.1
"""This part of the streams is cut off between two looks at most."""


class DecodingCounts(NamedTuple):
    """What became of the frames of a stream so far. ``late`` ones are part of those that are lost."""

    decoded: int = 0
    analyzed: int = 0
    lost: int = 0
    """Nobody had time to analyse them."""
    late: int = 0
    """They were decoded too late already."""


@dataclass(eq=False)
class DecodingLoad:
    """What one stream decodes: its settings, what its reader notes, and counts in which older frames fade."""

    weight: float = 1.0
    min_fps: float = 0.0
    share: float = 1.0
    """The part of its packets that is decoded: the budget sets it."""
    interval_s: float | None = None
    """Seconds between two of its packets."""
    used_s: float = 0.0
    """Processor time of its decoder in all."""

    counts: DecodingCounts = field(default_factory=DecodingCounts)
    counted_s: float = 0.0
    """Processor time that is counted already."""
    judged_at: float | None = None
    seconds: float = 0.0
    decoded: float = 0.0
    wanted: float = 0.0
    analyzed: float = 0.0
    late: float = 0.0
    on_time: float = 0.0
    decoding_s: float = 0.0

    def add(self, counts: DecodingCounts, now: float) -> int:
        """Count what has happened since the last call. Returns how many frames were lost."""
        passed = 0.0 if self.judged_at is None else now - self.judged_at
        decoded, analyzed, lost, late = (
            new - old for new, old in zip(counts, self.counts, strict=True)
        )
        used, self.counted_s = self.used_s - self.counted_s, self.used_s
        self.counts, self.judged_at = counts, now
        if not passed:
            return 0
        fade = math.exp(-passed / MEMORY_S)
        self.seconds = fade * self.seconds + passed
        self.decoded = fade * self.decoded + decoded
        self.wanted = fade * self.wanted + analyzed + lost
        self.analyzed = fade * self.analyzed + analyzed
        soon = math.exp(-passed / LATE_S)
        self.late = soon * self.late + late
        self.on_time = soon * self.on_time + analyzed + lost - late
        self.decoding_s = fade * self.decoding_s + used
        return lost - late

    @property
    def demand(self) -> float:
        """Frames a second that would go to the model if everything were decoded."""
        if not self.interval_s or not self.decoded:
            return 0.0
        # Some are decoded and left out all the same: nothing moves, or only every n-th is wanted.
        return min(1.0, self.wanted / self.decoded) / self.interval_s


class DecodingBudget:
    """Shares the decoding between the streams that wait for the same engine with the same priority.

    Args:
        limiter: gives decoders their turns on the processor.
        busy_s: seconds that the engine has worked so far.
        clock: in seconds.
    """

    def __init__(
        self,
        limiter: CpuLimiter,
        busy_s: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limiter = limiter
        self._busy_s = busy_s
        self._clock = clock
        self._lock = threading.Lock()
        self._loads: dict[DecodingLoad, None] = {}
        self._shared_at = clock()
        self._worked_s = busy_s()
        self._busy = 1.0  # the part of the last seconds in which the engine had enough to do
        self._late = False
        self._again = 1.0  # share of the lost frames that may be decoded once more
        self._looked_at, self._looked_s = self._shared_at, self._worked_s
        self._idle = 0.0  # the part of the last moments in which the engine had too little to do
        self._cuts = 0

    def due(self, load: DecodingLoad) -> bool:
        """Whether a stream should be judged again."""
        return load.judged_at is None or self._clock() - load.judged_at >= PERIOD_S

    def judge(self, load: DecodingLoad, counts: DecodingCounts) -> float:
        """Take note of what a stream has done so far, and share out anew once a period.

        Returns how many frames the stream may decode instead of those that it has lost.
        """
        now = self._clock()
        with self._lock:
            lost = load.add(counts, now)
            self._loads[load] = None
            if now - self._shared_at >= PERIOD_S:
                self._note_busy(now - self._shared_at)
                self._shared_at = now
                self._share_out(now)
            return self._again * lost

    def leaves_out(self, beyond: float) -> bool:
        """Whether a stream that has decoded its share, and ``beyond`` it, leaves out what comes until its next
        key frame.

        It goes on where the engine would have nothing to do: the others may have decoded their shares
        at the same moment. For the same reason only a few are cut off at a time.
        """
        with self._lock:
            self._look()
            if (beyond < BEYOND * self._idle and not self._late) or not self._cuts:
                return False
            self._cuts -= 1
            return True

    def _look(self) -> None:
        """See whether the engine is busy."""
        now = self._clock()
        passed = now - self._looked_at
        if passed < LOOK_S:
            return
        busy, before = self._busy_s(), self._looked_s
        self._looked_at, self._looked_s = now, busy
        idle = 1.0 - min(1.0, max(0.0, busy - before) / passed)
        keep = math.exp(-passed / REACTION_S)
        self._idle = keep * self._idle + (1.0 - keep) * idle
        self._cuts = max(1, round(CUT * len(self._loads)))

    def _note_busy(self, passed: float) -> None:
        """Measure what part of the last seconds the engine was busy."""
        before, self._worked_s = self._worked_s, self._busy_s()
        busy = min(1.0, max(0.0, (self._worked_s - before) / passed))
        keep = math.exp(-passed / MEMORY_S)
        self._busy = keep * self._busy + (1.0 - keep) * busy

    def _share_out(self, now: float) -> None:
        for load in [one for one in self._loads if now - (one.judged_at or 0.0) > GONE_S]:
            del self._loads[load]
        loads = [load for load in self._loads if load.seconds and load.demand]
        demands = [(load.demand, load.weight) for load in loads]
        level = fair_level(self._allowed(loads), demands) if loads else math.inf
        for load in loads:
            least = SURPLUS * load.min_fps
            share = max(level * load.weight, least) / load.demand
            load.share = min(1.0, max(LEAST, share))

    def _allowed(self, loads: Sequence[DecodingLoad]) -> float:
        """Frames a second for the model that all streams together may decode.

        Without overload that is everything. Else it is what the engine could analyse if it were never
        idle, and less while more is decoded than ``SURPLUS`` allows or decoders are late.
        """
        analyzed = sum(load.analyzed / load.seconds for load in loads)
        wanted = sum(load.wanted / load.seconds for load in loads)
        cores = sum(load.decoding_s / load.seconds for load in loads)
        late = sum(load.late for load in loads)
        self._late = late > LATE * (late + sum(load.on_time for load in loads))
        demand = sum(load.demand for load in loads)
        possible = analyzed if self._late else analyzed / max(LEAST, self._busy)
        allowed = SURPLUS * possible
        self._again = min(1.0, max(AGAIN, self._again * self._change(allowed, wanted)))
        light = cores * demand <= HEAVY * self.limiter.cores * wanted
        if allowed >= demand or (light and not self._late):
            return math.inf
        # What is lost is decoded once more (see Decoding), so this is what is to be analysed.
        change = self._change(allowed, wanted)
        return change * (analyzed if change < 1.0 else possible)

    def _change(self, allowed: float, wanted: float) -> float:
        """The factor that brings what is decoded nearer to what is allowed."""
        return FALL if self._late else min(RISE, max(FALL, allowed / wanted))


def fair_level(total: float, demands: Sequence[tuple[float, float]]) -> float:
    """The rate for each unit of weight at which demands (rate, weight) add up to a total.

    Who wants less than its share leaves the rest to the others. Infinite where there is enough for all.
    """
    weight = sum(weight for _, weight in demands)
    for demand, own in sorted(demands, key=lambda one: one[0] / one[1]):
        if demand * weight > total * own:
            return max(0.0, total) / weight
        total -= demand
        weight -= own
    return math.inf
