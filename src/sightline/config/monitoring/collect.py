"""How hard frames of a stream are collected while it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field

from sightline.config.options import Name, Options
from sightline.config.paths import PathField

HardFrameKind = Literal["uncertain", "flickering", "rare", "anomalous", "drifted", "disagreed"]
"""Why a frame is worth a label."""
HARD_FRAME_KINDS: tuple[HardFrameKind, ...] = get_args(HardFrameKind)
OF_DRIFT: tuple[HardFrameKind, ...] = ("anomalous", "drifted")
"""Reasons that only a stream with ``drift`` can have."""


class CollectFramesOptions(Options):
    """A stream whose hardest frames of each day are kept, as a dataset of YOLO's."""

    folder: Annotated[Path, PathField("folder")] = Field(
        description="each stream has a dataset of its own in it: `FOLDER/STREAM`"
    )
    per_day: int = Field(50, ge=1, le=10_000, description="frames that are kept of each day (UTC)")
    every_s: float = Field(
        1.0, gt=0, le=3600, description="seconds between two frames that are looked at"
    )
    kinds: Annotated[tuple[HardFrameKind, ...], Field(min_length=1)] | None = Field(
        None, description="reasons that count; none given: all that the stream can have"
    )
    blur: tuple[str, ...] = Field((), description="classes whose objects are made unrecognisable")
    keep_days: float = Field(30.0, gt=0, description="older frames are removed")
    max_mb: float = Field(
        1000.0, gt=0, description="size of a stream's dataset; the oldest go first"
    )
    embedder: Name | None = Field(
        None, description="tells which frames look the same; none: their brightness does"
    )
