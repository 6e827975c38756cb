"""Rules that can never come true, and those that can."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.config.refused import refusal

from sightline.config import AlertOptions
from sightline.config.monitoring.alerts import never_true
from sightline.config.options import checked


def rule(metric: str, **values: Any) -> AlertOptions:
    limits = {} if values.keys() & {"above", "below"} else {"above": 0.5}
    return checked(AlertOptions, name="a", metric=metric, **limits, **values)


@pytest.mark.parametrize(
    ("metric", "values", "key", "said"),
    [
        ("stream_down_s", {"model": "m"}, "model", "of streams, never of a model"),
        ("accuracy", {"model": "m"}, "model", "of streams, never of a model"),
        ("disk_used", {"model": "m"}, "model", "of the machine, never of a model"),
        (
            "temperature_c",
            {"stream": "s", "above": 80},
            "stream",
            "of the machine, never of a stream",
        ),
        ("error_rate", {"stream": "s"}, "stream", "of models, never of a stream"),
        ("error_rate", {"above": 1}, "above", "goes from 0 to 1: it is never above 1"),
        ("agreement", {"below": 0}, "below", "goes from 0 to 1: it is never below 0"),
        ("latency_p99_ms", {"below": 0}, "below", "begins at 0: it is never below 0"),
        ("throughput_fps", {"below": -2.5}, "below", "begins at 0: it is never below -2.5"),
        ("drift", {"stream": "s", "below": 0}, "below", "begins at 0: it is never below 0"),
    ],
)
def test_never_true(metric: str, values: dict[str, Any], key: str, said: str) -> None:
    ((at, message),) = never_true(rule(metric, **values))
    assert at == key
    assert message.startswith(metric)
    assert said in message


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ("stream_down_s", {"stream": "s"}),
        ("stream_down_s", {"stream": "s", "model": "m"}),
        ("error_rate", {"model": "m"}),
        ("error_rate", {"stream": "s", "model": "m"}),
        ("accuracy", {"stream": "s", "below": 0.5}),
        ("temperature_c", {"below": -5}),
        ("throughput_fps", {"below": 10}),
        ("latency_p99_ms", {"above": 1}),
        ("disk_used", {"above": 0.9}),
    ],
)
def test_rules_that_can_come_true(metric: str, values: dict[str, Any]) -> None:
    assert list(never_true(rule(metric, **values))) == []


@pytest.mark.parametrize("limits", [{}, {"above": 1, "below": 2}])
def test_a_rule_has_one_limit(limits: dict[str, float]) -> None:
    said = refusal(AlertOptions, name="a", metric="drift", **limits)
    assert said == "give either `above` or `below`"


def test_the_address_of_a_webhook_is_checked_and_never_told() -> None:
    said = refusal(
        AlertOptions, name="a", metric="drift", above=1, webhook="ftp://u:hunter2@example.org"
    )
    assert said.startswith("webhook: ")
    assert "hunter2" not in said
    made = rule("drift", webhook="https://u:hunter2@example.org/hook")
    assert "hunter2" not in repr(made)
    assert made.webhook is not None
    assert made.webhook.get_secret_value() == "https://u:hunter2@example.org/hook"


def test_addresses_of_mail_are_checked() -> None:
    said = refusal(AlertOptions, name="a", metric="drift", above=1, email=["a@b.c", "nobody"])
    assert said.startswith("email.1: an address is written ops@example.org")
