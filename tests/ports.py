"""Ports for servers that cannot take a free one by themselves."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: set[int] = set()
# Processes that share the tests out (pytest-xdist) take ports of their own.
_OF = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WHICH = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens to, and that no outgoing connection takes meanwhile.

    The system gives connections any port of a range; these lie below it. They are never given twice.
    """
    first = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32768
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().randrange(10_000, first)
        if port % _OF == _WHICH and port not in _given and _is_free(port):
            _given.add(port)
            found.append(port)
    return found


def free_port() -> int:
    return free_ports(1)[0]


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
