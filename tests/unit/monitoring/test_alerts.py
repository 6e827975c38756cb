"""Alert rules in virtual time: when they fire, when they are silent, when it is over."""

from __future__ import annotations

import itertools
import logging
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.config import AlertOptions
from sightline.monitoring.alerts import Alert, AlertRules, to_log
from sightline.monitoring.watched import Reading

DEADLINE_S = 10.0


class World:
    """Values that a test sets, a clock that it moves, and what was told, as ``second state``."""

    def __init__(self, *rules: AlertOptions) -> None:
        self.now = 1000.0
        self.readings: dict[tuple[str, str, str], float] = {}
        self.told: list[Alert] = []
        self.times: list[tuple[float, str]] = []
        self.rules = AlertRules(rules, self.read, [self.tell], lambda: self.now)

    def read(self) -> list[Reading]:
        return [Reading(*key, value) for key, value in self.readings.items()]

    def tell(self, rule: AlertOptions, alert: Alert) -> None:
        self.told.append(alert)
        self.times.append((self.now - 1000, alert.state))

    def run(self, *values: float | None, metric: str = "error_rate") -> None:
        """One value of the model ``m`` per second; None: there is none."""
        for value in values:
            key = (metric, "model", "m")
            if value is None:
                self.readings.pop(key, None)
            else:
                self.readings[key] = value
            self.rules.evaluate()
            self.now += 1


def rule(**values: object) -> AlertOptions:
    return AlertOptions.model_validate(
        {"name": "r", "metric": "error_rate", "above": 5, "for_s": 3, "cooldown_s": 10, **values}
    )


FIRE, OVER = "firing", "resolved"


@pytest.mark.parametrize(
    ("options", "values", "expected"),
    [
        pytest.param({}, [9] * 3 + [0], [], id="too short"),
        pytest.param({}, [9] * 8, [(3, FIRE)], id="told once"),
        pytest.param({}, [9] * 8 + [0] * 3, [(3, FIRE), (8, OVER)], id="told when it is over"),
        pytest.param({}, [9, 9, 0] * 5, [], id="a pause begins it anew"),
        pytest.param({}, [5] * 9, [], id="the limit itself is fine"),
        pytest.param({"for_s": 0}, [0, 9, 0], [(1, FIRE), (2, OVER)], id="at once"),
        pytest.param({"for_s": 0}, [9, 0] * 4, [(0, FIRE), (1, OVER)], id="flapping is silent"),
        pytest.param(
            {"for_s": 0}, [9, 0] * 6, [(0, FIRE), (1, OVER), (10, FIRE), (11, OVER)],
            id="until the cooldown is over",
        ),
        pytest.param(
            {"for_s": 0}, [9, 0] + [9] * 12, [(0, FIRE), (1, OVER), (10, FIRE)],
            id="what is wrong still after the cooldown is told then",
        ),
        pytest.param(
            {"for_s": 0}, [9, 0, 9, 9, 0, 0], [(0, FIRE), (1, OVER)],
            id="what was not told is not resolved",
        ),
        pytest.param({"for_s": 0, "cooldown_s": 0}, [9, 0] * 2,
            [(0, FIRE), (1, OVER), (2, FIRE), (3, OVER)], id="no cooldown"),
        pytest.param({"cooldown_s": 0}, [9] * 30, [(3, FIRE)], id="once also without a cooldown"),
        pytest.param({}, [None] * 5, [], id="no value"),
        pytest.param({}, [9] * 5 + [None] * 2, [(3, FIRE), (5, OVER)], id="the value is gone"),
        pytest.param({}, [9, 9, None] * 4, [], id="no value is a pause"),
        pytest.param({}, [float("nan")] * 9, [], id="not a number"),
        pytest.param({"above": None, "below": 2}, [1] * 5 + [2], [(3, FIRE), (5, OVER)], id="below"),
    ],
)  # fmt: skip
def test_one_value(
    options: dict[str, object], values: list[float | None], expected: list[tuple[float, str]]
) -> None:
    world = World(rule(**options))
    world.run(*values)
    assert world.times == expected


def test_each_subject_is_looked_at_on_its_own() -> None:
    world = World(rule(metric="stream_down_s", for_s=0, cooldown_s=100))
    world.readings = {("stream_down_s", "stream", name): 0.0 for name in ("a", "b")}
    world.rules.evaluate()
    world.readings["stream_down_s", "stream", "b"] = 9
    world.rules.evaluate()
    world.readings["stream_down_s", "stream", "a"] = 9
    world.rules.evaluate()
    assert [(alert.subject, alert.state) for alert in world.told] == [("b", FIRE), ("a", FIRE)]
    assert world.rules.firing == [("r", "stream", "a"), ("r", "stream", "b")]


@pytest.mark.parametrize(
    ("options", "subjects"),
    [
        pytest.param({}, ["model m", "model n", "stream m", "stream s"], id="all"),
        pytest.param({"model": "m"}, ["model m"], id="a model"),
        pytest.param({"stream": "m"}, ["stream m"], id="a stream"),
        pytest.param({"model": "n", "stream": "s"}, ["model n", "stream s"], id="both"),
        pytest.param({"model": "none"}, [], id="one that is not there"),
        pytest.param({"metric": "throughput_fps"}, [], id="another metric"),
    ],
)
def test_whom_a_rule_concerns(options: dict[str, object], subjects: list[str]) -> None:
    world = World(rule(for_s=0, **options))
    for subject in ("model m", "model n", "stream m", "stream s"):
        kind, name = subject.split()
        world.readings["error_rate", kind, name] = 9
    world.rules.evaluate()
    assert sorted(f"{alert.kind} {alert.subject}" for alert in world.told) == subjects


def test_two_rules_do_not_disturb_one_another() -> None:
    world = World(rule(name="low", above=1, for_s=0), rule(name="high", above=8, for_s=0))
    world.run(2, 9, 2, 0)
    assert [(alert.name, alert.state) for alert in world.told] == [
        ("low", FIRE), ("high", FIRE), ("high", OVER), ("low", OVER),
    ]  # fmt: skip


def test_what_an_alert_tells() -> None:
    world = World(rule(name="errors"))
    began = time.time()
    world.run(9, 9, 9, 0.25 + 9, 9, 0)
    fired, over = world.told
    assert str(fired) == "alert: errors: error_rate of model m is 9.25, above 5 for 3 s"
    assert str(over) == "resolved: errors: error_rate of model m is 0, after 5 s above 5"
    told = fired.to_dict()
    assert told.pop("since") == pytest.approx(began - 3, abs=5)
    assert told == {
        "text": str(fired), "name": "errors", "state": "firing", "metric": "error_rate",
        "kind": "model", "subject": "m", "value": 9.25, "limit": "above 5", "seconds": 3,
    }  # fmt: skip


def test_it_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    world = World(rule())
    world.run(*[9] * 5, None)
    with caplog.at_level(logging.INFO):
        for alert in world.told:
            to_log(rule(), alert)
    first, second = caplog.records
    assert (first.levelname, second.levelname) == ("WARNING", "INFO")
    assert "error_rate of model m is 9" in first.getMessage()
    assert "is gone" in second.getMessage()
    assert vars(first)["alert"] == "r"
    assert vars(first)["subject"] == "m"


def test_one_that_cannot_be_told_does_not_silence_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Alert] = []

    def broken(rule: AlertOptions, alert: Alert) -> None:
        raise OSError("no way")

    rules = AlertRules(
        [rule(for_s=0)],
        lambda: [Reading("error_rate", "model", "m", 9)],
        [broken, lambda _, alert: told.append(alert)],
    )
    rules.evaluate()
    assert len(told) == 1
    assert "alert r could not be told" in caplog.text


def test_the_thread_watches_goes_on_after_a_failure_and_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told, calls = threading.Event(), 0

    def read() -> list[Reading]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("not yet")
        return [Reading("error_rate", "model", "m", 9)]

    rules = AlertRules([rule(for_s=0)], read, [lambda *_: told.set()])
    rules.start(period_s=0.01)
    assert told.wait(DEADLINE_S)
    rules.close()
    rules.close()
    assert not [t for t in threading.enumerate() if t.name == "alerts"]
    assert "could not be evaluated" in caplog.text


@given(st.lists(st.sampled_from([0.0, 9.0, None]), max_size=120))
def test_alerts_alternate_and_keep_the_cooldown(values: list[float | None]) -> None:
    world = World(rule(for_s=2, cooldown_s=7))
    world.run(*values)
    states = [state for _, state in world.times]
    assert states == [FIRE, OVER] * (len(states) // 2) + [FIRE] * (len(states) % 2)
    fired = [at for at, state in world.times if state == FIRE]
    assert all(later - earlier >= 7 for earlier, later in itertools.pairwise(fired))


def test_nothing_is_remembered_of_what_has_gone() -> None:
    world = World(rule(for_s=0, cooldown_s=5))
    for i in range(50):
        world.readings = {("error_rate", "model", f"m{i}"): 9.0}
        world.rules.evaluate()
        world.now += 1
    world.readings = {}
    world.now += 6
    world.rules.evaluate()
    world.rules.evaluate()
    assert not world.rules._episodes
