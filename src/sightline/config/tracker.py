"""Trackers and their thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, create_model, model_validator

from sightline.config.model import DetectParameters
from sightline.config.options import Inconsistency, Options, refuse_inconsistent
from sightline.config.part_fields import option_field
from sightline.tables import TRACKERS

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


class TrackerOptions(Options):
    """Thresholds of ByteTrack that suit a model; see ``tracking.bytetrack``."""

    high_threshold: float = Field(ge=0, le=1, description="detections that are matched first")
    new_track_threshold: float = Field(ge=0, le=1, description="lowest score of a new object")
    low_threshold: float = Field(0.1, ge=0, le=1, description="lowest score that is looked at")
    class_aware: bool = Field(False, description="join only what has the same class")


class TrackerKind(Options):
    """A tracker of ``tables.TRACKERS`` by its ``kind``, with those of its options that are given."""

    kind: str = Field(description="the tracker")

    @model_validator(mode="after")
    def _fits_together(self) -> TrackerKind:
        refuse_inconsistent(_inconsistencies(self))
        return self


def _inconsistencies(options: TrackerKind) -> Iterator[Inconsistency]:
    """Values that are the wrong way round."""
    given = options.model_dump(exclude_none=True)
    low, high = given.get("low_threshold"), given.get("high_threshold")
    if low is not None and high is not None and low > high:
        yield (
            ("low_threshold",),
            f"{low:g} is above high_threshold, {high:g}: it must not exceed it",
        )
    hits, within = given.get("minimum_hits"), given.get("confirm_within")
    if hits is not None and within is not None and within < hits:
        yield (
            ("confirm_within",),
            f"{within} is less than minimum_hits, {hits}: so many detections are not in so few frames",
        )


def _options_of(kind: str) -> type[TrackerKind]:
    """The options of a tracker, as the table has them."""
    fields: dict[str, Any] = {
        name: option_field(option) for name, option in TRACKERS[kind].options.items()
    }
    fields["kind"] = Literal[kind], Field(kind, description="the tracker")
    return create_model(
        f"{kind.title()}Options", __base__=TrackerKind, __module__=__name__, **fields
    )


if TYPE_CHECKING:

    class _ByteTrack(TrackerKind):
        """What type checkers know of the table's options."""

        kind: str = "bytetrack"
        high_threshold: float | None = None
        low_threshold: float | None = None
        new_track_threshold: float | None = None
        match_threshold: float | None = None
        low_match_threshold: float | None = None
        new_match_threshold: float | None = None
        minimum_hits: int | None = None
        confirm_within: int | None = None
        lost_buffer_s: float | None = None
        class_aware: bool | None = None
        class_votes: int | None = None
        camera_motion: str | None = None

else:
    _ByteTrack = _options_of("bytetrack")


class ByteTrackOptions(_ByteTrack):
    """The tracker ByteTrack. What is None suits the model: see ``tracking.bytetrack``."""


TRACKER_KINDS: Mapping[str, type[TrackerKind]] = {
    kind: ByteTrackOptions if kind == "bytetrack" else _options_of(kind) for kind in TRACKERS
}
"""The options of each tracker, by its kind."""


def __getattr__(name: str) -> type[TrackerKind]:
    """A tracker's options by the name of their class: pickle asks, in a process that is handed some."""
    for options in TRACKER_KINDS.values():
        if options.__name__ == name:
            return options
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _kind_of(value: object) -> object:
    """A tracker's kind alone need not stand in braces, and the first one need not be named."""
    if isinstance(value, str):
        return {"kind": value}
    return {"kind": next(iter(TRACKERS)), **value} if isinstance(value, Mapping) else value


class _OrKindAlone:
    """Says in the JSON schema what ``_kind_of`` accepts: one of the kinds alone, or without its name."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        made = handler(core)
        kinds = made.get("oneOf", [made])  # without a name, `{}` is several of them
        return {"anyOf": [{"type": "string", "enum": list(TRACKERS)}, *kinds]}


if TYPE_CHECKING:
    TrackerChoice = Annotated[TrackerKind, ...]
elif len(TRACKER_KINDS) > 1:
    _Kinds = Annotated[Union[tuple(TRACKER_KINDS.values())], Field(discriminator="kind")]  # noqa: UP007 - made of a table
    TrackerChoice = Annotated[_Kinds, BeforeValidator(_kind_of), _OrKindAlone()]
else:  # a union of one is none
    TrackerChoice = Annotated[ByteTrackOptions, BeforeValidator(_kind_of), _OrKindAlone()]
"""A tracker: its kind alone, or with its thresholds."""


def embedder_of(options: TrackerKind) -> str | None:
    """The embedder that a tracker's options name; None where they name none, or it needs none."""
    found: str | None = options.model_dump(include={"embedder"}).get("embedder")
    return found


class TrackParameters(DetectParameters):
    """What one call of ``track`` may ask for."""

    every: int = Field(1, ge=1, description="only every so many-th frame is analysed")
    tracker: TrackerChoice = Field(ByteTrackOptions(), description="a kind, or its thresholds")
