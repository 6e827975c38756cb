"""What a second model beside the one that answers has come to: snapshots that any part may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from sightline.types.arrays import JsonObject

RolloutState = Literal["running", "promoting", "promoted", "rolled back"]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """What two models found of one class, in the same pictures.

    ``confident`` are confident objects of either, ``agreed`` those that the other found too;
    ``first`` and ``second`` are all objects of each model.
    """

    confident: int
    agreed: int
    first: int
    second: int

    @property
    def agreement(self) -> float | None:
        """0 to 1; None where neither model is confident of an object."""
        return self.agreed / self.confident if self.confident else None


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """One of the two models: what it did and how long it took.

    ``answered`` are pictures of the traffic that it answered; ``shown`` those that it saw beside the
    other, for comparison; ``failed`` those of either at which it failed. Latencies are milliseconds
    from asked to answered, of the last 2,000 pictures (of a shadow, of those that it was shown); None
    before the first. ``cpu_ms`` is processor time for each picture, None where that is not measured.
    """

    answered: int = 0
    shown: int = 0
    failed: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    cpu_ms: float | None = None

    @property
    def tried(self) -> int:
        """All pictures that it was given."""
        return self.answered + self.shown + self.failed

    @property
    def error_rate(self) -> float:
        """The share of all pictures given to it that failed, 0 to 1."""
        return self.failed / self.tried if self.tried else 0.0


@dataclass(frozen=True, slots=True)
class RolloutReason:
    """Why a second model was promoted or rolled back.

    ``rule`` is the option of a canary that was broken; ``kept`` where every rule holds, ``by hand``, or
    ``loading`` where its file could not be loaded. ``message`` is a sentence for people.
    """

    rule: str
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True, slots=True)
class RolloutStats:
    """A second model beside the first, since it was started or restarted.

    ``kind`` is ``shadow``, ``split`` or ``canary``. ``share`` is the part of the traffic that the second
    model answers now (of a shadow: that it is shown), ``step`` which of the ``steps`` of a canary
    that is, from 1. ``compared`` pictures were seen by both models. ``dropped`` counts by reason the
    pictures that were chosen to be compared and were not. ``reasons`` say why a canary was promoted or
    rolled back. ``since`` is Unix time.
    """

    model: str
    second_model: str
    kind: str
    state: RolloutState
    share: float
    step: int
    steps: int
    compared: int
    per_class: Mapping[str, ClassFigures]
    first: ModelFigures
    second: ModelFigures
    dropped: Mapping[str, int] = field(default_factory=dict)
    examples: int = 0
    reasons: tuple[RolloutReason, ...] = ()
    since: float = 0.0

    @property
    def agreement(self) -> float | None:
        """Over all classes, 0 to 1; None where neither model was confident of anything yet."""
        confident = sum(figures.confident for figures in self.per_class.values())
        agreed = sum(figures.agreed for figures in self.per_class.values())
        return agreed / confident if confident else None

    def to_dict(self) -> JsonObject:
        """As JSON tells it; what is not known yet is None."""
        classes = {
            name: asdict(figures) | {"agreement": figures.agreement}
            for name, figures in self.per_class.items()
        }
        return asdict(self) | {"agreement": self.agreement, "per_class": classes}
