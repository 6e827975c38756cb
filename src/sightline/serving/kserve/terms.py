"""The terms that a request of the Open Inference Protocol asks for: client, priority, time limit."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from sightline.config import LimitOptions, Priority
from sightline.errors import InvalidRequest
from sightline.runtime.scheduling.executions import Watch
from sightline.runtime.scheduling.items import Terms
from sightline.serving.kserve.tensors import Parameter

PRIORITIES: dict[Parameter, Priority] = {
    "urgent": "urgent",
    "normal": "normal",
    "batch": "batch",
    0: "normal",
    1: "urgent",
    2: "normal",
    3: "batch",
}
"""By name, or as Triton numbers them: 1 is the first to be served, 0 asks for the default."""

LONGEST_S = 3600.0
"""More is not waited for, whatever a client asks."""


def terms_of(
    parameters: Mapping[str, Parameter],
    client: str,
    deadline: float | None,
    watch: Watch,
    limits: LimitOptions,
    now: float,
) -> Terms:
    """The terms of one request; ``client`` and ``deadline`` are the transport's own, ``now`` is on
    the same clock. Raises InvalidRequest: a parameter is wrong."""
    named = _text(parameters, "client", client)
    key = _text(parameters, "split_key", secrets.token_hex(8))  # its pictures go to one model
    wanted = parameters.get("priority", "normal")
    priority = None if isinstance(wanted, bool) else PRIORITIES.get(wanted)
    if priority is None:
        raise InvalidRequest(
            f"parameter 'priority' must be urgent (1), normal (2) or batch (3), not {wanted!r:.40}"
        )
    own = now + _timeout_s(parameters, limits.timeout_ms / 1e3)
    return Terms(
        named,
        priority,
        deadline=own if deadline is None else min(own, deadline),
        max_wait_s=limits.queue_ms / 1e3,
        watch=watch,
        key=key,
    )


def _text(parameters: Mapping[str, Parameter], name: str, default: str) -> str:
    value = parameters.get(name, default)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise InvalidRequest(f"parameter {name!r} must be text of 1 to 64 characters")
    return value


def _timeout_s(parameters: Mapping[str, Parameter], default_s: float) -> float:
    """As Triton has it: ``timeout`` is in microseconds, 0 stands for the default."""
    value = parameters.get("timeout", 0)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidRequest(f"parameter 'timeout' must be whole microseconds, not {value!r:.40}")
    return min(value, LONGEST_S * 1e6) / 1e6 if value else default_s
