"""What streams, engines and the scheduler tell of themselves: snapshots that any part may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from sightline.types.arrays import Clock

if TYPE_CHECKING:
    from sightline.config import Priority

PRIORITIES: tuple[Priority, ...] = ("urgent", "normal", "batch")

OUTCOMES = ("done", "failed", "overloaded", "deadline", "stale", "cancelled")
"""What can become of an item of a scheduler."""


@dataclass(frozen=True, slots=True)
class DriftStatus:
    """Whether a stream is still like its reference.

    ``state``: ``waiting`` (too few samples yet), ``learning`` (``learnt`` of the time is over, 0 to 1), ``usual``,
    ``drift`` or ``refused``; ``error`` says why the reference cannot be used, or not be written. ``effect`` is the largest
    distance over its limit: 1 and more is a change. ``anomaly`` is that of the newest sample: 1 is notably outside of
    all that is usual. ``since`` is the Unix time at which the drift began. ``changes`` are sentences with their
    effects; ``causes`` the likely ones.
    """

    state: Literal["waiting", "learning", "usual", "drift", "refused"]
    samples: int = 0
    learnt: float = 0.0
    effect: float = 0.0
    anomaly: float = 0.0
    since: float | None = None
    causes: tuple[str, ...] = ()
    changes: Mapping[str, float] = field(default_factory=dict)
    recommendation: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class HardFrameStatus:
    """The hard frames that a stream has kept: ``today`` (UTC), and ``kept`` of all days, in ``bytes``.

    ``collected`` counts those that were written since the start by reason, of which a frame may have several;
    ``dropped`` those that were not: ``busy`` (others were being written) or ``failed``, which ``error`` explains.
    """

    today: int = 0
    kept: int = 0
    bytes: int = 0
    collected: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class AccuracyStatus:
    """How accurate the model of a stream is, estimated without labels.

    ``state``: ``waiting`` (too few frames were looked at yet), ``estimated``, ``empty`` (hardly an object was there) or
    ``refused``. ``error`` says why, or what keeps frames from being looked at. ``map50`` is the estimated mAP at an
    overlap of 0.5, and in nine of ten cases between ``low`` and ``high``; None: nothing is known. ``per_class`` has
    ``ap50`` and the expected ``objects`` of each class that is there. It is made of ``frames``, the newest of those that
    were ``looked_at`` since the start, the last of them at the Unix time ``newest``. ``left_out`` counts those that
    came to nothing: ``busy`` (there was no idle time), ``restarting`` (the reference is) or ``failed``. ``notes`` say
    what would make the estimate better.
    """

    state: Literal["waiting", "estimated", "empty", "refused"]
    map50: float | None = None
    low: float | None = None
    high: float | None = None
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    frames: int = 0
    looked_at: int = 0
    newest: float | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class StreamStats:
    """A snapshot of one stream. ``state`` is the source's (``types.SourceState``), or ``paused``, ``failed``,
    ``degraded`` (it runs, but one of its outputs cannot be written) or ``restarting`` (its process is).

    ``read`` = ``analyzed`` + the sum of ``dropped`` + ``pending``, exactly, at every moment;
    ``pending`` frames are being analysed and are 0 once the stream has ended. ``dropped`` counts
    by reason: ``stale`` (a newer frame came, or it waited too long), ``corrupt``, ``skipped``
    (only every n-th is analysed, or no time to decode it), ``still`` (nothing moved), ``paused``, ``overloaded`` and
    ``failed``, ``stopped`` (the stream was ended). ``objects`` are those that outputs were given, with the
    tracker's predictions for frames that were not analysed. ``lost`` are observations that an output could not
    take. Ages are milliseconds from decoded to analysed. ``since`` is Unix time.
    ``utc`` is the wall-clock time of the newest frame that was analysed (ISO 8601), and ``clock`` where
    that is from; None where it is not known. ``missing`` counts, by stage and reason, the frames that
    went on without a stage's part: ``{"classify": {"late": 3}}``. ``drift`` is None where nobody watches for it,
    ``hard_frames`` where none are collected, ``accuracy`` where nobody estimates it.
    """

    name: str
    state: str
    source: str
    model: str
    read: int = 0
    analyzed: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    pending: int = 0
    objects: int = 0
    lost: int = 0
    fps_in: float = 0.0
    fps_analyzed: float = 0.0
    age_p50_ms: float = 0.0
    age_p99_ms: float = 0.0
    reconnects: int = 0
    level: int = 0
    error: str | None = None
    since: float = 0.0
    utc: str | None = None
    clock: Clock | None = None
    missing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    drift: DriftStatus | None = None
    hard_frames: HardFrameStatus | None = None
    accuracy: AccuracyStatus | None = None


@dataclass(frozen=True, slots=True)
class ModelStats:
    """One model's part of ``SchedulerStats``.

    ``capacity`` is pictures per second of the engine, 0 where it is not known yet. ``lost`` of its
    ``requests`` hang; ``hung``: all of them do. ``batch_sizes`` are those in use at each input size
    (width, height) that was warmed up.
    """

    waiting: Mapping[Priority, int]
    in_flight: int
    capacity: float
    outcomes: Mapping[str, int]
    requests: int
    lost: int
    batch_sizes: Mapping[tuple[int, int], tuple[int, ...]]

    @property
    def hung(self) -> bool:
        """Whether all requests hang."""
        return self.lost >= self.requests


@dataclass(frozen=True, slots=True)
class SchedulerStats:
    """A snapshot: items that wait by priority, batches in flight, and items by outcome since start.

    Outcomes are ``done``, ``failed``, ``overloaded``, ``deadline``, ``stale`` and ``cancelled``.
    """

    models: Mapping[str, ModelStats]

    @property
    def waiting(self) -> dict[Priority, int]:
        """Items of all models that wait, by priority."""
        models = self.models.values()
        return {priority: sum(m.waiting[priority] for m in models) for priority in PRIORITIES}

    @property
    def in_flight(self) -> int:
        """Batches of all models in flight."""
        return sum(model.in_flight for model in self.models.values())

    @property
    def capacity(self) -> float:
        """Pictures per second of all engines together."""
        return sum(model.capacity for model in self.models.values())

    @property
    def outcomes(self) -> dict[str, int]:
        """Items of all models since the start, by outcome."""
        models = self.models.values()
        return {outcome: sum(m.outcomes[outcome] for m in models) for outcome in OUTCOMES}


@dataclass(frozen=True, slots=True)
class EngineState:
    """One engine of a ``Fallback``: ``failures`` are those in a row, ``failed`` and ``hangs`` all.

    ``active`` gets the work, ``ready`` would, ``failed`` waits for its trial. ``since`` is when this
    state began, in seconds of Unix time.
    """

    label: str
    state: Literal["active", "ready", "failed"]
    failures: int
    failed: int
    hangs: int
    error: str | None
    since: float


@dataclass(frozen=True, slots=True)
class FallbackStatus:
    """Which engine works. ``pinned`` is the one chosen by hand, or None."""

    active: str
    pinned: str | None
    engines: tuple[EngineState, ...]


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One replica: ``failures`` are those in a row, ``failed`` all of them, of ``ran`` batches.

    ``avoided_s`` is for how much longer it gets no work, in seconds.
    """

    device: str
    in_flight: int
    ran: int
    failed: int
    failures: int
    avoided_s: float
    error: str | None
