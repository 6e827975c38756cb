"""What a session description (SDP, RFC 8866) tells of the hosts that are talked to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sightline.errors import SourceError
from sightline.hosts import AllowedHosts
from sightline.sources.network.restricted import judged

MOST_BYTES = 64 << 10
"""A description has a few hundred bytes."""

_HOSTS = (
    re.compile(r"c\s*=\s*IN\s+IP[46]\s+([^\s/]+)"),  # where the stream is sent to, and reports are
    re.compile(r"a\s*=\s*rtcp\s*:\s*\d+\s+IN\s+IP[46]\s+(\S+)"),  # RFC 3605
    re.compile(r"a\s*=\s*source-filter\s*:\s*(?:incl|excl)\s+IN\s+\S+\s+(\S.*)"),  # RFC 4570
)


def check_hosts(path: Path, allowed: AllowedHosts) -> None:
    """Look at the hosts that a description names, as at those of other sources' addresses.

    Raises SourceError: it cannot be read, is too long to be one, or names a host that is not allowed; file
    and line are named.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as exc:
        raise SourceError(f"cannot read {path}: {exc.strerror}") from exc
    if len(text) > MOST_BYTES:
        raise SourceError(
            f"{path} has more than {MOST_BYTES} bytes: it is no session description (SDP)"
        )
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        for host in _hosts(line):
            judged(allowed, host, 0, f"{path}:{number}")


def _hosts(line: str) -> Iterator[str]:
    for pattern in _HOSTS:
        match = pattern.match(line.strip())
        if match is not None:
            yield from match[1].split()
