"""Trackers and their thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from sightline.config.model import DetectParameters
from sightline.config.options import Inconsistency, Options, refuse_inconsistent


class TrackerOptions(Options):
    """Thresholds of ByteTrack that suit a model; see ``tracking.bytetrack``."""

    high_threshold: float = Field(ge=0, le=1, description="detections that are matched first")
    new_track_threshold: float = Field(ge=0, le=1, description="lowest score of a new object")
    low_threshold: float = Field(0.1, ge=0, le=1, description="lowest score that is looked at")
    class_aware: bool = Field(False, description="join only what has the same class")


Share = Annotated[float, Field(ge=0, le=1)]


class ByteTrackOptions(Options):
    """The tracker ByteTrack. What is None suits the model: see ``tracking.bytetrack``."""

    kind: Literal["bytetrack"] = Field("bytetrack", description="the tracker")
    high_threshold: Share | None = Field(
        None, description="score of detections that are matched first; none: the model's `conf`"
    )
    low_threshold: Share | None = Field(
        None, description="lowest score that is looked at; none: 0.1, or `conf` where that is lower"
    )
    new_track_threshold: Share | None = Field(
        None, description="lowest score of a new object; none: the model's `conf`"
    )
    match_threshold: Share | None = Field(
        None, description="smallest overlap (IoU) with a sure detection; none: 0.2"
    )
    low_match_threshold: Share | None = Field(
        None, description="smallest overlap (IoU) with a doubtful detection; none: 0.5"
    )
    new_match_threshold: Share | None = Field(
        None, description="smallest overlap (IoU) of an object that is not confirmed; none: 0.3"
    )
    minimum_hits: int | None = Field(
        None, ge=1, description="detections in a row that confirm a new object; none: 2"
    )
    lost_buffer_s: float | None = Field(
        None, ge=0, description="seconds out of sight after which an id is not given again; none: 1"
    )
    class_aware: bool | None = Field(
        None, description="join only what has the same class; none: as the model's card says"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> ByteTrackOptions:
        refuse_inconsistent(_thresholds(self))
        return self


def _thresholds(options: ByteTrackOptions) -> Iterator[Inconsistency]:
    """Thresholds that are the wrong way round."""
    low, high = options.low_threshold, options.high_threshold
    if low is not None and high is not None and low > high:
        yield (
            ("low_threshold",),
            f"{low:g} is above high_threshold, {high:g}: it must not exceed it",
        )


def _kind_of(value: Any) -> Any:
    """A tracker's kind alone need not stand in braces."""
    return {"kind": value} if isinstance(value, str) else value


TrackerChoice = Annotated[ByteTrackOptions, BeforeValidator(_kind_of)]
"""A tracker: its kind alone, or with its thresholds."""


class TrackParameters(DetectParameters):
    """What one call of ``track`` may ask for."""

    every: int = Field(1, ge=1, description="only every so many-th frame is analysed")
    tracker: TrackerChoice = Field(ByteTrackOptions(), description="a kind, or its thresholds")
