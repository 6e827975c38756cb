"""One camera, file or other source."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from sightline.config.live import LiveOptions
from sightline.config.model import LARGEST_SIDE
from sightline.config.monitoring.collect import OF_DRIFT, CollectFramesOptions
from sightline.config.monitoring.drift import DriftOptions
from sightline.config.monitoring.estimate import EstimateAccuracyOptions
from sightline.config.options import Inconsistency, Name, Options, refuse_inconsistent
from sightline.config.outputs import OutputOptions
from sightline.config.paths import PathField, possible_path
from sightline.config.scheduler import Priority
from sightline.config.stages import Stages
from sightline.config.tracker import ByteTrackOptions, TrackerChoice, embedder_of
from sightline.errors import ConfigError
from sightline.wall_time import read_moment


class AdaptiveOptions(Options):
    """How a stream keeps up: fewer frames analysed, at a smaller size, only where something moves."""

    motion: bool = Field(False, description="analyse only where the picture has changed")
    motion_hold_s: float = Field(1.0, ge=0, description="go on for so long after the last motion")
    motion_refresh_s: float = Field(
        5.0, gt=0, description="analyse once in so long also when nothing moves"
    )
    target_fps: float | None = Field(None, gt=0, description="analysed per second that are wanted")
    max_latency_ms: float = Field(100.0, gt=0, description="p99 from decoded to analysed")
    sizes: tuple[Annotated[int, Field(gt=0, le=LARGEST_SIDE, multiple_of=32)], ...] = Field(
        (), description="longer sides of the input, largest first, to go down and up by load"
    )
    max_fps: float | None = Field(
        None, gt=0, description="analysed per second at most; the rest are counted as skipped"
    )
    max_skip: int = Field(
        1, ge=1, le=100, description="at least every so many-th frame is analysed"
    )

    @model_validator(mode="after")
    def _goes_down(self) -> AdaptiveOptions:
        refuse_inconsistent(_upside_down(self))
        return self


def _upside_down(options: AdaptiveOptions) -> Iterator[Inconsistency]:
    """Under load a stream takes the next size, which must be smaller; and it cannot reach more than its limit."""
    for number, (larger, smaller) in enumerate(itertools.pairwise(options.sizes)):
        if smaller >= larger:
            yield (
                ("sizes", number + 1),
                f"sizes get smaller from one to the next, and {smaller} comes after {larger}",
            )
    wanted, most = options.target_fps, options.max_fps
    if wanted is not None and most is not None and wanted > most:
        yield (
            ("target_fps",),
            f"{wanted:g} a second are wanted, but max_fps analyses {most:g} at most",
        )


Regions = Literal["motion"]
REFRESH_S = 2.0


class DetectionOptions(Options):
    """Which parts of its pictures a stream's detector is shown."""

    regions: Regions | None = Field(
        None,
        description="`motion`: of a camera that stands still, only the parts in which something moves, side by "
        "side at the camera's own resolution; none: whole pictures",
    )
    refresh_s: float = Field(
        REFRESH_S,
        gt=0,
        description="with `regions`: the whole picture is looked at once in so long, too",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> DetectionOptions:
        refuse_inconsistent(_needs_regions(self))
        return self


def _needs_regions(options: DetectionOptions) -> Iterator[Inconsistency]:
    """An option of regions where there are none."""
    if options.regions is None and options.refresh_s != REFRESH_S:
        yield (
            ("refresh_s",),
            "it needs `regions: motion`: without it, each look is at the whole picture",
        )


Moment = Annotated[
    datetime,
    BeforeValidator(read_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment with its zone: ``wall_time.read_moment`` of what is given."""


def moment(name: str, value: object) -> datetime:
    """The moment that an option means. Raises ConfigError, which calls it ``name``."""
    try:
        return read_moment(value)
    except ValueError as exc:
        raise ConfigError(f"{name}: {exc}, not {value!r}") from exc


def _camera_number(value: object) -> object:
    """A camera's number need not stand in quotes."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _something(value: str) -> str:
    if not value.strip():
        raise ValueError("give a file, an address, a camera's number, a folder or street://")
    return possible_path(value)


class StreamOptions(Options):
    """One camera, file or other source that is analysed for as long as it runs."""

    source: Annotated[
        str, BeforeValidator(_camera_number), AfterValidator(_something), PathField("source")
    ] = Field(
        description="file, rtsp://, http://, camera number, folder, street://",
        json_schema_extra={"type": ["string", "integer"]},
    )
    model: Name = Field("default", description="a name under `models`")
    detect: DetectionOptions = Field(
        DetectionOptions(), description="which parts of its pictures the detector is shown"
    )
    track: bool = Field(True, description="give objects lasting ids")
    tracker: TrackerChoice = Field(
        ByteTrackOptions(), description="how objects are followed: a kind, or its thresholds"
    )
    stages: Stages = Field(
        (), description="further models that are shown the tracked objects, in order"
    )
    every: int = Field(
        1,
        ge=1,
        description="only every so many-th frame is analysed; the tracker predicts the others",
    )
    priority: Priority = Field("normal", description="whose frames go first when it is busy")
    weight: float = Field(1.0, gt=0, le=1000, description="share of the engine beside the others'")
    min_fps: float = Field(0.0, ge=0, description="kept for this stream before anyone gets more")
    max_age_ms: float = Field(
        1000.0, gt=0, description="a frame that has waited longer is dropped and counted"
    )
    realtime: bool = Field(
        False, description="play a file at its own pace, as a camera would: late frames are dropped"
    )
    loop: bool = Field(False, description="begin a file again at its end")
    fps: float | None = Field(
        None, gt=0, le=1000, description="pictures are the frames of one film at this rate"
    )
    start: Moment | None = Field(
        None, description="when a recording was begun, with its zone: 2026-11-28T08:00:00Z"
    )
    live: LiveOptions = Field(LiveOptions(), description="how a network stream connects")
    adaptive: AdaptiveOptions = Field(AdaptiveOptions(), description="how the stream keeps up")
    drift: DriftOptions | None = Field(
        None, description="watch whether pictures and objects are still like they were"
    )
    collect: CollectFramesOptions | None = Field(
        None, description="keep the frames from which the model would learn most"
    )
    estimate: EstimateAccuracyOptions | None = Field(
        None, description="estimate how accurate the model is, without labels"
    )
    outputs: OutputOptions = Field(OutputOptions(), description="where results are written")

    @property
    def further_models(self) -> list[tuple[tuple[str | int, ...], str]]:
        """Models beside the detector, of stages, the tracker, ``collect`` and ``estimate``: where each is named, and its name."""
        found: list[tuple[tuple[str | int, ...], str]] = [
            (("stages", number, "model"), stage.model) for number, stage in enumerate(self.stages)
        ]
        embedder = embedder_of(self.tracker)
        if embedder is not None:
            found.append((("tracker", "embedder"), embedder))
        if self.collect is not None and self.collect.embedder is not None:
            found.append((("collect", "embedder"), self.collect.embedder))
        if self.estimate is not None and self.estimate.reference is not None:
            found.append((("estimate", "reference"), self.estimate.reference))
        return found

    @model_validator(mode="after")
    def _fits_together(self) -> StreamOptions:
        refuse_inconsistent(_contradictions(self))
        return self


def _contradictions(options: StreamOptions) -> Iterator[Inconsistency]:
    """Rates that exclude one another, and a tracker where nothing is tracked."""
    if not options.track and "tracker" in options.model_fields_set:
        yield ("tracker",), "nothing is tracked with `track: false`: leave one of the two out"
    if not options.track and options.stages:
        yield ("stages",), "they are shown tracked objects, and `track: false` tracks nothing"
    embeds = next((n for n, one in enumerate(options.stages) if one.kind == "embed"), None)
    if embeds is not None and options.outputs.database is None:
        yield ("stages", embeds), "its vectors are kept in a database: give outputs.database"
    yield from _impossible_kinds(options)
    if options.detect.regions and options.adaptive.sizes:
        yield ("adaptive", "sizes"), "with `detect.regions`, inputs are chosen by what moves"
    if options.estimate is not None and (options.detect.regions or options.adaptive.sizes):
        yield (
            ("estimate",),
            "it is of whole pictures at one size: leave out `detect.regions` and `adaptive.sizes`",
        )
    most = options.adaptive.max_fps
    if most is not None and options.min_fps > most:
        yield (
            ("min_fps",),
            (
                f"{options.min_fps:g} a second are kept for it, but adaptive.max_fps analyses "
                f"{most:g} at most"
            ),
        )


def _impossible_kinds(options: StreamOptions) -> Iterator[Inconsistency]:
    """Reasons for which a stream is asked to collect frames, and that it can never have."""
    kinds = () if options.collect is None else options.collect.kinds or ()
    for number, kind in enumerate(kinds):
        if kind in OF_DRIFT and options.drift is None:
            yield ("collect", "kinds", number), f"{kind}: it needs `drift` with a reference"
        if kind == "flickering" and not options.track:
            yield ("collect", "kinds", number), "flickering: nothing is tracked with `track: false`"
