"""What programs may give as a source."""

from __future__ import annotations

from datetime import datetime
from numbers import Integral
from os import PathLike, fspath
from pathlib import Path
from typing import cast

from sightline import build
from sightline.build.source_checks import SourceLike
from sightline.config import moment
from sightline.errors import ConfigError
from sightline.protocols import Source


def source_of(
    source: SourceLike, fps: float | None = None, start: datetime | str | None = None
) -> Source:
    """The source that is meant, as ``track`` takes it. Raises ConfigError."""
    begun = None if start is None else moment("start", start)
    if isinstance(source, (list, tuple)):
        return build.pictures([Path(each) for each in source], fps=fps, start=begun)
    if isinstance(source, (str, PathLike, Integral)):
        spec = str(source) if isinstance(source, Integral) else fspath(source)
        found = build.inputs([spec], fps=fps, start=begun)
        if len(found) > 1:
            raise ConfigError(
                f"source: {spec} is {len(found)} sources, {found[0].spec} the first: track one after the "
                "other, each with ids of its own"
            )
        return found[0].source
    if fps is not None:
        raise ConfigError("fps: give it to the source itself, such as ImageSource(..., fps=25)")
    given = cast("Source", source)
    return given if begun is None else build.dated(given, begun)
