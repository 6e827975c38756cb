"""What a batch took, for those who ask: its steps on one clock, shared by all its requests."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(eq=False, slots=True, weakref_slot=True)
class Execution:
    """One batch that an engine ran. Times are nanoseconds of ``time.perf_counter_ns``.

    Args:
        pictures: rows of the batch.
        begun: its input began to be filled.
        filled: the input was ready for the engine.
        inferred: the outputs were there.
        done: every request had read its rows.
    """

    pictures: int
    begun: int = 0
    filled: int = 0
    inferred: int = 0
    done: int = 0


@dataclass(eq=False, slots=True)
class Watch:
    """The executions of one request's jobs, in the order in which they ended.

    ``since`` is when its jobs were handed over, on the clock of ``Execution``.
    """

    since: int = field(default_factory=time.perf_counter_ns)
    executions: list[Execution] = field(default_factory=list)
