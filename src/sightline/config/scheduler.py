"""How streams and clients share the engines."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sightline.config.options import Options

Priority = Literal["urgent", "normal", "batch"]


class SchedulerOptions(Options):
    """How frames of streams and requests of clients share the engines."""

    max_batch: int = Field(8, ge=1, le=256, description="most pictures in one inference")
    queue: int = Field(1024, ge=1, description="items that may wait at a time, of all together")
    urgent_ms: float = Field(10.0, gt=0, description="queue budget of priority `urgent`")
    normal_ms: float = Field(50.0, gt=0, description="queue budget of priority `normal`")
    batch_ms: float = Field(100.0, gt=0, description="queue budget of priority `batch`")
    refuse_after: float = Field(
        2.0, gt=0, description="refuse what would wait longer than so many queue budgets"
    )
    watchdog_s: float = Field(10.0, gt=0, description="an inference that takes longer has hung")

    @property
    def hang_s(self) -> float:
        """An engine that takes longer has hung: the next one must have taken over before the watchdog gives up."""
        return self.watchdog_s / 2
