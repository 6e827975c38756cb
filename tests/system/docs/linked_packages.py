"""Packages of the environment that runs the tests, put into another one as pip would: by hard links.

Unpacking a gigabyte of wheels takes a minute of a processor, and needs an index to fetch them from.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from packaging.requirements import Requirement


def requirements(distribution: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """What a distribution asks for here, with some of its extras."""
    for text in distribution.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield requirement


def link(wanted: Requirement, target: Path) -> bool:
    """Put a package into a ``site-packages`` folder with all that it asks for.

    Returns False, with nothing done, where this environment lacks one of them in a version that fits.
    """
    found: dict[str, Distribution] = {}
    seen: set[str] = set()
    open_ = [wanted]
    while open_:
        requirement = open_.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        try:
            distribution = importlib.metadata.distribution(requirement.name)
        except PackageNotFoundError:
            return False
        if not requirement.specifier.contains(distribution.version, prereleases=True):
            return False
        found[distribution.name] = distribution
        open_.extend(requirements(distribution, requirement.extras))
    for distribution in found.values():
        _link_files(distribution, target)
    return True


def _link_files(distribution: Distribution, target: Path) -> None:
    """Link a distribution's files; scripts stay out, as they begin with this environment's Python."""
    for file in distribution.files or ():
        source, copy = Path(str(file.locate())), target / file
        if ".." in file.parts or copy.exists() or not source.is_file():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, copy)
        except OSError:  # another file system
            shutil.copy2(source, copy)
