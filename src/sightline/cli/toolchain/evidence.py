"""What variants of a model are made and judged by: pictures that it was shown, and a judge."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from sightline import build
from sightline.cli.terminal.progress_line import ProgressLine
from sightline.cli.toolchain.optimize_request import OptimizeRequest
from sightline.errors import ConfigError
from sightline.optimize.variants.footage import look_at
from sightline.optimize.variants.original import Judge
from sightline.optimize.variants.pictures import NetworkPictures
from sightline.types import Frame

if TYPE_CHECKING:
    from sightline.build.sources import SourceInput

FEWEST_PICTURES = 20
"""Scales that were found on fewer pictures say little of the next one."""


@dataclass(frozen=True)
class Evidence:
    """What a model was shown of the footage, and the judge of its variants.

    Args:
        shown: what its network was given.
        calibration: those of them that scales are found on.
        judge: tells what a variant has kept.
        doubts: why scales that are found on them may not hold for what cameras show.
    """

    shown: NetworkPictures
    calibration: tuple[int, ...]
    judge: Judge
    doubts: tuple[str, ...] = ()


def footage(request: OptimizeRequest) -> list[SourceInput]:
    """What ``--data`` means. Raises ConfigError: one of them is live."""
    inputs = build.inputs(request.data)
    for named in inputs:
        if named.live:
            raise ConfigError(
                f"--data {named.name} is live: record some minutes of it, and give the file"
            )
    return inputs


def footage_frames(request: OptimizeRequest, progress: ProgressLine) -> Iterator[Frame]:
    """Frames that are evenly spread over the footage.

    Raises:
        ConfigError: it is live.
        SightlineError: the first failure of a source.
    """
    inputs = footage(request)
    share = -(-request.frames // len(inputs))
    for number, named in enumerate(inputs):
        progress(f"footage {number + 1} of {len(inputs)}: {named.name}")
        yield from _spread(named, share)
        damaged = named.source.status.dropped.get("corrupt", 0)
        if damaged:
            progress.end()
            typer.echo(f"{named.name}: {damaged} damaged frames were left out", err=True)


def _spread(named: SourceInput, most: int) -> Iterator[Frame]:
    """At most so many frames of a source, evenly spread where it is known how many there are."""
    with closing(named.source) as source:
        info = source.open()
        step = max(1, (info.frames or 0) // most)
        given = 0
        for number, frame in enumerate(source):
            if number % step == 0:
                yield frame
                given += 1
                if given == most:
                    return


def check_amount(request: OptimizeRequest, count: int, what: str = "frames") -> None:
    """Raise ConfigError where so few pictures tell nothing."""
    fewest = FEWEST_PICTURES * (1 if request.labels else 2)
    if count < fewest:
        raise ConfigError(
            f"--data: {count} {what} are too few: {fewest} are needed at least, of which "
            f"{FEWEST_PICTURES} tell how to scale values, and some hundred are better"
        )


def doubts_told(
    request: OptimizeRequest, shown: NetworkPictures, progress: ProgressLine
) -> tuple[str, ...]:
    """Why scales that are found on these pictures may not hold, told on stderr.

    Raises ConfigError: nearly all of them show the same.
    """
    seen = look_at(shown)
    fewest = FEWEST_PICTURES // (2 if request.labels else 1)
    if seen.different < fewest:
        raise ConfigError(
            f"--data: of {len(shown)} pictures only {seen.different} differ, and {fewest} at least are needed: "
            "take footage in which more happens, or of a longer time"
        )
    for doubt in seen.doubts:
        progress.end()
        typer.echo(f"--data: {doubt}", err=True)
    return seen.doubts
