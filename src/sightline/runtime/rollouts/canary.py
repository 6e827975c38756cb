"""Whether a new version goes on, takes the place of the old one, or is taken back.

Knows counts and rules. Knows no models, threads or clock, so every rule is tested in simulated counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

from sightline.config import CanaryOptions
from sightline.types import ClassFigures, RolloutReason, RolloutStats

Decision = Literal["go on", "promote", "roll back"]

LEAST_PICTURES = 10
"""Fewer pictures say nothing, whatever is in them."""
LEAST_LATENCIES = 50
"""Answers of each model from which their latencies are compared."""
AT_ONCE = 2.0
"""A latency so many times above its limit is not watched until the end of the step."""
_SURE = 3.0
"""Standard errors beyond which a count is no accident."""


class Canary:
    """The steps of one new version, and the rules that it must keep.

    A rule that is broken beyond doubt ends it at once. At the end of a step, every rule must hold as
    the figures are.

    Args:
        options: steps and rules.
    """

    def __init__(self, options: CanaryOptions) -> None:
        self._options = options
        self.step = 0
        self._compared_before = 0

    @property
    def share(self) -> float:
        """The part of the traffic that the new version answers in this step."""
        return self._options.steps[self.step]

    def decide(self, figures: RolloutStats) -> tuple[Decision, tuple[RolloutReason, ...]]:
        """What follows from the figures so far, and why: in sentences for the log."""
        broken = tuple(_broken(figures, self._options, beyond_doubt=True))
        if broken:
            return "roll back", broken
        if figures.compared - self._compared_before < self._options.pictures:
            return "go on", ()
        broken = tuple(_broken(figures, self._options, beyond_doubt=False))
        if broken:
            return "roll back", broken
        self._compared_before = figures.compared
        if self.step + 1 < len(self._options.steps):
            self.step += 1
            return "go on", _kept(f"every rule holds after {figures.compared} pictures")
        return "promote", _kept(f"every rule holds after all steps and {figures.compared} pictures")


def _kept(message: str) -> tuple[RolloutReason]:
    return (RolloutReason("kept", message),)


def _broken(
    figures: RolloutStats, rules: CanaryOptions, *, beyond_doubt: bool
) -> Iterator[RolloutReason]:
    yield from _errors(figures, rules, beyond_doubt=beyond_doubt)
    yield from _latencies(figures, rules, beyond_doubt=beyond_doubt)
    if figures.compared < LEAST_PICTURES:
        return
    confident = sum(one.confident for one in figures.per_class.values())
    agreed = sum(one.agreed for one in figures.per_class.values())
    if confident >= rules.min_objects and _below(
        agreed, confident, rules.min_agreement, beyond_doubt=beyond_doubt
    ):
        yield RolloutReason(
            "min_agreement",
            f"agreement {agreed / confident:.2f} is below {rules.min_agreement:g} "
            f"({confident} objects)",
        )
    for name, one in figures.per_class.items():
        yield from _of_class(name, one, rules, beyond_doubt=beyond_doubt)


def _errors(
    figures: RolloutStats, rules: CanaryOptions, *, beyond_doubt: bool
) -> Iterator[RolloutReason]:
    second = figures.second
    if second.tried < LEAST_PICTURES:
        return
    worst = _bounds(second.failed, second.tried)[0] if beyond_doubt else second.error_rate
    if worst > rules.max_error_rate:
        yield RolloutReason(
            "max_error_rate",
            f"error rate {second.error_rate:.3f} is above {rules.max_error_rate:g} "
            f"({second.failed} of {second.tried} pictures)",
        )


def _latencies(
    figures: RolloutStats, rules: CanaryOptions, *, beyond_doubt: bool
) -> Iterator[RolloutReason]:
    first, second = figures.first, figures.second
    if min(first.answered, second.answered) < LEAST_LATENCIES:
        return
    for name, own, others, most in (
        ("p95", second.p95_ms, first.p95_ms, rules.max_latency_p95),
        ("p99", second.p99_ms, first.p99_ms, rules.max_latency_p99),
    ):
        limit = most * AT_ONCE if beyond_doubt else most
        if own is not None and others and own > limit * others:
            yield RolloutReason(
                f"max_latency_{name}",
                f"latency {name} of {own:.1f} ms is {own / others:.2f} times the first model's "
                f"{others:.1f} ms, above {most:g} times",
            )


def _of_class(
    name: str, one: ClassFigures, rules: CanaryOptions, *, beyond_doubt: bool
) -> Iterator[RolloutReason]:
    if one.confident >= rules.min_objects and _below(
        one.agreed, one.confident, rules.min_class_agreement, beyond_doubt=beyond_doubt
    ):
        yield RolloutReason(
            "min_class_agreement",
            f"class {name}: agreement {one.agreed / one.confident:.2f} is below "
            f"{rules.min_class_agreement:g} ({one.confident} objects)",
        )
    if max(one.first, one.second) < rules.min_objects:
        return
    change = abs(one.second - one.first)
    doubt = _SURE * math.sqrt(one.first + one.second) if beyond_doubt else 0.0
    if change > rules.max_count_change * one.first + doubt:
        yield RolloutReason(
            "max_count_change",
            f"class {name}: {one.second} objects where the first model found {one.first}, a change of "
            f"more than {rules.max_count_change:.0%}",
        )


def _below(part: int, whole: int, least: float, *, beyond_doubt: bool) -> bool:
    return (_bounds(part, whole)[1] if beyond_doubt else part / whole) < least


def _bounds(part: int, whole: int) -> tuple[float, float]:
    """Between which shares the true one lies, nearly surely (Wilson's score interval)."""
    share, spread = part / whole, _SURE**2 / whole
    middle = share + spread / 2
    reach = _SURE * math.sqrt(share * (1 - share) / whole + spread / (4 * whole))
    return (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)
