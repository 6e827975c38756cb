"""The search for the fastest candidate within limits.

Two steps, each a successive halving (Jamieson and Talwalkar 2016): all candidates are measured for a
short time, the best quarter for a longer one, and so on. First backend, precision and input size, with
which rates differ by factors; then batch, threads and requests in flight around the best of them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from sightline.errors import SightlineError
from sightline.optimize.benchmarks.timing import FullLoad
from sightline.optimize.tuning.candidates import Limits, SearchSpace, Trial, TuningCandidate

FULL_S = 4.0
"""The best candidates are measured for so long."""
RUNGS = (1 / 16, 1 / 4, 1)
"""Parts of that time that candidates are measured for, one after another."""
KEPT = 1 / 4
"""The part that goes on to the next rung."""
LEAST = 2
"""So many go on at least, and are measured in turns for the whole time."""
TURNS = 4
"""Candidates of a rung are measured in so many turns."""
NEAR, MOST_NEAR = 0.8, 2
"""How near to the fastest of the first step others come that are looked at more closely, too; and how many
they are at a time. Where none of these holds, the next are looked at."""

Tell = Callable[[str], None]


class CandidateRunner(Protocol):
    """Runs candidates. Raises SightlineError where one cannot run."""

    def accuracy(self, candidate: TuningCandidate) -> float:
        """How well it does, as a part of the native configuration's: 1 is as well."""

    def load(self, candidate: TuningCandidate, seconds: float) -> FullLoad:
        """Run it at full load for so long, once it is warm."""

    def release(self, candidates: Sequence[TuningCandidate]) -> None:
        """Free all engines but those of these candidates."""


def search(
    space: SearchSpace, runner: CandidateRunner, limits: Limits, tell: Tell, full_s: float = FULL_S
) -> list[Trial]:
    """Find the fastest candidate within limits; see ``best`` for which of the trials it is."""
    measurer = _Measurer(runner, limits, tell)
    plain = [measurer.accuracy(candidate) for candidate in space.plain()]
    measurer.halve([t for t in plain if t.accurate(limits)], full_s, plain_only=True)
    first = sorted(
        (t for t in measurer.trials.values() if t.accurate(limits)),
        key=lambda t: -t.pictures_per_s,
    )
    while first and best(list(measurer.trials.values()), limits, full_s) is None:
        slowest = NEAR * first[0].pictures_per_s
        near = [trial for trial in first if trial.pictures_per_s >= slowest][:MOST_NEAR]
        first = first[len(near) :]
        around = [
            Trial(candidate, trial.accuracy)
            for trial in near
            for candidate in space.around(trial.candidate)
        ]
        measurer.halve(around, full_s)
    return list(measurer.trials.values())


def search_all(
    space: SearchSpace, runner: CandidateRunner, limits: Limits, tell: Tell, full_s: float = FULL_S
) -> list[Trial]:
    """Measure every candidate for the whole time."""
    measurer = _Measurer(runner, limits, tell)
    for candidate in space.every():
        trial = measurer.accuracy(candidate)
        if trial.refused is None:
            measurer.measure([trial], full_s)
    return list(measurer.trials.values())


def best(trials: Sequence[Trial], limits: Limits, full_s: float = FULL_S) -> Trial | None:
    """The fastest trial that holds, of those that were measured for ``full_s``; None: none holds."""
    known = [trial for trial in trials if trial.seconds >= full_s and trial.holds(limits)]
    return max(known, key=lambda trial: trial.pictures_per_s, default=None)


class _Measurer:
    """Keeps the last trial of each candidate, and what accuracies are known."""

    def __init__(self, runner: CandidateRunner, limits: Limits, tell: Tell) -> None:
        self.trials: dict[TuningCandidate, Trial] = {}
        self._runner, self._limits, self._tell = runner, limits, tell
        self._accuracies: dict[TuningCandidate, float] = {}

    def accuracy(self, candidate: TuningCandidate) -> Trial:
        """A trial with the accuracy, which batch, threads and requests do not change."""
        trial = Trial(candidate)
        try:
            if candidate.plain not in self._accuracies:
                self._accuracies[candidate.plain] = self._runner.accuracy(candidate.plain)
                self._tell(f"{candidate}: accuracy {self._accuracies[candidate.plain]:.3f}")
            trial = replace(trial, accuracy=self._accuracies[candidate.plain])
        except SightlineError as exc:
            trial = replace(trial, refused=str(exc))
            self._tell(f"{candidate}: cannot run: {exc}")
        self.trials[candidate] = trial
        return trial

    def measure(self, trials: Sequence[Trial], seconds: float) -> list[Trial]:
        """Measure trials for so long each, in turns: what else the machine does falls on all.

        A shorter measurement of one is forgotten, a longer one kept.
        """
        known = {c: t for c, t in self.trials.items() if t.seconds >= seconds}
        loads: dict[TuningCandidate, list[FullLoad]] = {}
        for _ in range(TURNS):
            for trial in trials:
                one = trial.candidate
                if one in known:
                    continue
                try:
                    loads.setdefault(one, []).append(self._runner.load(one, seconds / TURNS))
                except SightlineError as exc:
                    known[one] = replace(trial, accuracy=None, refused=str(exc))
        for trial in trials:
            one = trial.candidate
            if one not in known:
                known[one] = _joined(trial, loads[one], seconds)
            if self.trials.get(one) is not known[one]:
                self.trials[one] = known[one]
                self._tell(_said(known[one]))
        return [known[trial.candidate] for trial in trials]

    def halve(self, trials: Sequence[Trial], full_s: float, *, plain_only: bool = False) -> None:
        """Measure all for the first part of the time, the best quarter of them for the next.

        ``plain_only`` leaves out the last part, which the next step's own begins with.
        """
        left = list(trials)
        for part in RUNGS[:-1] if plain_only else RUNGS:
            if len(left) <= LEAST and RUNGS[0] < part < RUNGS[-1]:
                continue  # nothing would be left out
            measured = self.measure(left, part * full_s)
            running = [trial for trial in measured if trial.refused is None]
            running.sort(key=lambda t: (not t.holds(self._limits), -t.pictures_per_s))
            left = running[: max(LEAST, math.ceil(KEPT * len(running)))]
            self._runner.release([trial.candidate for trial in left])


def _joined(trial: Trial, loads: Sequence[FullLoad], seconds: float) -> Trial:
    """What the turns of a candidate came to: the median of their rates, and the p99 over all."""
    samples = sorted(ms for load in loads for ms in load.samples_ms)
    return replace(
        trial,
        pictures_per_s=statistics.median(load.pictures_per_s for load in loads),
        p99_ms=samples[math.ceil(0.99 * len(samples)) - 1],
        seconds=seconds,
    )


def _said(trial: Trial) -> str:
    if trial.refused:
        return f"{trial.candidate}: cannot run: {trial.refused}"
    return (
        f"{trial.candidate}: {trial.pictures_per_s:.1f} pictures/s, p99 {trial.p99_ms:.0f} ms "
        f"in {trial.seconds:.2g} s"
    )
