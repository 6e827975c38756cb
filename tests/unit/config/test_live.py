"""How a live source connects: defaults, limits, and what does not go together."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.config.refused import refusal

from sightline.config import LiveOptions


def test_without_options_a_camera_is_tried_for_ever() -> None:
    options = LiveOptions()
    assert (options.reconnect_attempts, options.wait_for_camera, options.hosts) == (0, False, None)
    assert options.backoff_first_s <= options.backoff_max_s
    assert options.auth_retry_s > options.backoff_max_s, "cameras lock accounts"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"transport": "tls"}, "transport: it must be 'tcp' or 'udp', not 'tls'"),
        ({"open_timeout_s": 0}, "open_timeout_s: it must be more than 0, not 0"),
        ({"stall_timeout_s": -1}, "stall_timeout_s: it must be more than 0, not -1"),
        ({"download_mb": -1}, "download_mb: it must be 0 or more, not -1"),
        ({"reconnect_attempts": 1.5}, "reconnect_attempts: "),
        ({"threads": -1}, "threads: it must be 0 or more, not -1"),
        ({"clock": "ntp"}, "clock: it must be 'auto' or 'arrival', not 'ntp'"),
        ({"open_timeout_s": float("nan")}, "open_timeout_s: "),
        ({"transports": "tcp"}, "transports: there is no such option; did you mean transport?"),
        ({"hosts": ["a b"]}, "hosts.0: "),
        ({"hosts": ["10.0.0.0/33"]}, "hosts.0: "),
        (
            {"backoff_first_s": 5},
            "backoff_first_s: the first wait is 5 s, and backoff_max_s, the longest, is 2 s: raise that too",
        ),
    ],
)
def test_what_is_refused(values: dict[str, Any], message: str) -> None:
    assert refusal(LiveOptions, **values).startswith(message)


@pytest.mark.parametrize("values", [{"backoff_first_s": 2, "backoff_max_s": 2}, {"hosts": []}, {"hosts": ["camera", "10.0.0.0/8", "fd00::/8"]}, {"download_mb": 0}, {"threads": 0}])  # fmt: skip
def test_what_is_accepted(values: dict[str, Any]) -> None:
    options = LiveOptions(**values)
    for name, value in values.items():
        assert getattr(options, name) == (tuple(value) if isinstance(value, list) else value)
