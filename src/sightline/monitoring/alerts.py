"""Alert rules: values in, alerts out, once for each time that something is wrong for long enough."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sightline.config import AlertOptions
from sightline.errors import defect
from sightline.monitoring.watched import Reading
from sightline.types import JsonObject

PERIOD_S = 1.0

log = logging.getLogger(__name__)

Subject = tuple[str, str]
"""What a rule is applied to: ``("stream", "gate")``."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What is told of a rule: that it fires, or that it no longer does.

    ``since`` is the Unix time at which it began, ``seconds`` how long it has lasted; ``value`` is
    None where there is none any more.
    """

    name: str
    state: Literal["firing", "resolved"]
    metric: str
    kind: str
    subject: str
    value: float | None
    limit: str
    since: float
    seconds: float

    def __str__(self) -> str:
        value = "gone" if self.value is None else f"{self.value:.4g}"
        of = self.subject if self.kind == "machine" else f"{self.kind} {self.subject}"
        what = f"{self.metric} of {of} is {value}"
        if self.state == "resolved":
            return f"resolved: {self.name}: {what}, after {self.seconds:.0f} s {self.limit}"
        return f"alert: {self.name}: {what}, {self.limit} for {self.seconds:.0f} s"

    def to_dict(self) -> JsonObject:
        """As JSON has it; ``text`` is the sentence that chat services show."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {"text": str(self), **fields}


Notify = Callable[[AlertOptions, Alert], None]


def to_log(rule: AlertOptions, alert: Alert) -> None:
    """Write an alert to the log."""
    level = logging.WARNING if alert.state == "firing" else logging.INFO
    fields = {key: value for key, value in alert.to_dict().items() if key not in {"text", "name"}}
    log.log(level, "%s", alert, extra={"alert": rule.name, **fields})


@dataclass
class _Episode:
    bad_since: float | None = None
    told: bool = False
    told_at: float = float("-inf")


class AlertRules:
    """Watches values by rules.

    A rule looks at each model and each stream on its own, or at those that it names. It fires
    when its value has been beyond the limit for ``for_s`` without a pause, once, and tells when
    that is over. After it has fired, it is silent for ``cooldown_s``: what is wrong still at the
    end of that time is told then. What is not told when it begins is not told when it ends.

    Args:
        rules: what to watch.
        read: the values as they are now.
        notify: each is told of every alert, in this order, and must return soon.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        rules: Sequence[AlertOptions],
        read: Callable[[], Iterable[Reading]],
        notify: Sequence[Notify] = (to_log,),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._read = read
        self._notify = notify
        self._clock = clock
        self._episodes: dict[tuple[str, Subject], _Episode] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, period_s: float = PERIOD_S) -> None:
        """Evaluate from now on, in a thread of its own."""
        self._thread = threading.Thread(
            target=self._run, args=(period_s,), name="alerts", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Evaluate no more. Idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def evaluate(self) -> None:
        """Look at all values once."""
        now = self._clock()
        readings = list(self._read())
        for rule in self._rules:
            values: dict[Subject, float] = {
                (reading.kind, reading.name): reading.value
                for reading in readings
                if reading.metric == rule.metric and _concerns(rule, reading)
            }
            known = {subject for name, subject in self._episodes if name == rule.name}
            for subject in values.keys() | known:
                self._step(rule, subject, values.get(subject), now)

    @property
    def firing(self) -> list[tuple[str, str, str]]:
        """Rule, kind and name of what is wrong now and has been told."""
        episodes = list(self._episodes.items())
        return sorted((rule, *subject) for (rule, subject), episode in episodes if episode.told)

    def _step(self, rule: AlertOptions, subject: Subject, value: float | None, now: float) -> None:
        episode = self._episodes.setdefault((rule.name, subject), _Episode())
        silent = now - episode.told_at < rule.cooldown_s
        if value is not None and _beyond(rule, value):
            if episode.bad_since is None:
                episode.bad_since = now
            if not episode.told and not silent and now - episode.bad_since >= rule.for_s:
                episode.told, episode.told_at = True, now
                self._tell(rule, subject, "firing", value, now - episode.bad_since)
            return
        if episode.told and episode.bad_since is not None:
            self._tell(rule, subject, "resolved", value, now - episode.bad_since)
        episode.told, episode.bad_since = False, None
        if not silent:  # there is nothing left to remember
            del self._episodes[rule.name, subject]

    def _tell(
        self,
        rule: AlertOptions,
        subject: Subject,
        state: Literal["firing", "resolved"],
        value: float | None,
        seconds: float,
    ) -> None:
        limit = f"above {rule.above:g}" if rule.above is not None else f"below {rule.below:g}"
        since = time.time() - seconds
        alert = Alert(rule.name, state, rule.metric, *subject, value, limit, since, seconds)
        for notify in self._notify:
            try:
                notify(rule, alert)
            except Exception as exc:  # one that fails must not silence the others
                log.error("alert %s could not be told: %s", rule.name, exc, exc_info=defect(exc))

    def _run(self, period_s: float) -> None:
        while not self._stop.wait(period_s):
            try:
                self.evaluate()
            except Exception:  # nobody would notice that nothing is watched any more
                log.exception("the alert rules could not be evaluated")


def _concerns(rule: AlertOptions, reading: Reading) -> bool:
    if (rule.model is None and rule.stream is None) or reading.kind == "machine":
        return True
    return reading.name == (rule.model if reading.kind == "model" else rule.stream)


def _beyond(rule: AlertOptions, value: float) -> bool:
    if rule.above is not None:
        return value > rule.above
    return rule.below is not None and value < rule.below
