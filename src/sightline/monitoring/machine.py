"""What a machine tells of itself that nobody may let go on for long: full disks, and heat."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

_ROOT = Path("/")


def disk_used(folders: Iterable[Path]) -> Iterator[tuple[str, float]]:
    """The share (0 to 1) of each file system that is in use, by the first folder that lies on it.

    Of a folder that is not there yet, that is the one above it. What only the system's administrator may use
    counts as used.
    """
    seen: set[int] = set()
    for folder in folders:
        there = next((one for one in (folder, *folder.parents) if one.exists()), None)
        if there is None:
            continue
        try:
            device = there.stat().st_dev
            status = os.statvfs(there)
        except OSError:  # a network drive that is away
            continue
        if device not in seen and status.f_blocks:
            seen.add(device)
            used = status.f_blocks - status.f_bfree
            yield str(folder), used / (used + status.f_bavail) if used + status.f_bavail else 1.0


def temperatures(root: Path = _ROOT) -> Iterator[tuple[str, float]]:
    """Degrees Celsius of each thermal zone by its name, as Linux tells them; of most virtual machines none.

    Args:
        root: where the machine's ``sys`` is.
    """
    seen: dict[str, int] = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        try:
            degrees = float((zone / "temp").read_text()) / 1e3
        except (OSError, ValueError):  # a zone that is switched off cannot be read
            continue
        name = zone.name
        with contextlib.suppress(OSError):
            name = (zone / "type").read_text().strip() or zone.name
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}", degrees
