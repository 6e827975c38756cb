"""Detectors that are made of others: tiles of one, ensembles of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)

from sightline.config.model import ModelOptions, ServedModelOptions, SizeOption
from sightline.config.options import Inconsistency, Options, refuse_inconsistent
from sightline.config.rollout import HasRollout

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


class TileOptions(Options):
    """How a picture is looked at in overlapping tiles."""

    tile: SizeOption | None = Field(
        None,
        description="side, or width and height, of a tile in pixels of the picture; none: as large as the "
        "network's input, or with `smallest` as large as they may be",
    )
    overlap: float = Field(
        0.2, ge=0, le=0.9, description="of neighbouring tiles, a share of their side"
    )
    whole: bool = Field(
        True, description="look at the whole picture too, for objects larger than a tile"
    )
    merge: Literal["nmm", "nms"] = Field(
        "nmm",
        description="an object that was found several times: nmm makes one whole that tiles have cut, nms takes "
        "its best box",
    )
    threshold: float = Field(
        0.5,
        gt=0,
        le=1,
        description="boxes are of one object that overlap so much; for nmm, within what both tiles see",
    )
    smallest: int | None = Field(
        None,
        ge=1,
        description="shorter side in pixels of the smallest objects wanted; where the network sees them well "
        "in the whole picture, there are no tiles",
    )

    @model_validator(mode="after")
    def _has_pixels(self) -> TileOptions:
        refuse_inconsistent(_inconsistencies(self))
        return self


def _inconsistencies(options: TileOptions) -> list[Inconsistency]:
    sides = options.tile if isinstance(options.tile, tuple) else (options.tile,)
    if any(side is not None and side < _LEAST_TILE for side in sides):
        return [(("tile",), f"a tile has {_LEAST_TILE} pixels or more on each side")]
    return []


_LEAST_TILE = 16


class TiledModelOptions(ServedModelOptions, TileOptions):
    """A model that looks at pictures in overlapping tiles."""

    kind: Literal["tiles"] = Field(description="how the model looks at a picture")


class FusionOptions(Options):
    """How what several detectors found becomes one result."""

    fusion: Literal["wbf", "nms", "soft-nms"] = Field(
        "wbf",
        description="boxes of one object: wbf is their weighted mean, nms the best, soft-nms doubts the worse ones",
    )
    iou: float = Field(0.55, ge=0, le=1, description="boxes that overlap by more are of one object")
    votes: int = Field(1, ge=1, description="so many detectors must have found an object")
    conf: float = Field(0.25, ge=0, le=1, description="lowest score of a fused object")
    max_detections: int = Field(300, ge=1, description="most objects in a picture")


class MemberOptions(Options):
    """What one model is to an ensemble."""

    weight: float = Field(1.0, gt=0, description="how much it counts beside the others")
    class_map: dict[str, str | None] = Field(
        {},
        description="its names of classes and those that they are to have; null in place of a name leaves the "
        "class out",
    )


class EnsembleMemberOptions(ModelOptions, MemberOptions):
    """One model of an ensemble."""


def _named(value: object) -> object:
    """A model without options need not stand in braces."""
    return {"model": value} if isinstance(value, str) else value


class _OrName:
    """Says in the JSON schema what ``_named`` accepts."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(core)]}


_Member = Annotated[EnsembleMemberOptions, BeforeValidator(_named), _OrName()]


class EnsembleModelOptions(FusionOptions, HasRollout):
    """Several models as one."""

    kind: Literal["ensemble"] = Field(description="what the model is made of")
    of: tuple[_Member, ...] = Field(min_length=2, description="its models, with their options")
    warm_up: bool = Field(True, description="run once at each batch size before being ready")

    @property
    def files(self) -> tuple[ModelOptions, ...]:
        """The models of files that it is made of."""
        return self.of

    def with_files(self, change: Callable[[dict[str, Any]], dict[str, object]]) -> Self:
        """The same, with what ``change`` makes of the options of each of its files."""
        changed = [member.model_copy(update=change(dict(member))) for member in self.of]
        return self.model_copy(update={"of": tuple(changed)})

    @model_validator(mode="after")
    def _can_vote(self) -> EnsembleModelOptions:
        if self.votes > len(self.of):
            refuse_inconsistent([(("votes",), f"{self.votes}: there are {len(self.of)} models")])
        return self


def _kind_of(value: object) -> str:
    """The kind of an entry of ``models``; a file needs no word for it."""
    if isinstance(value, Mapping):
        return str(value.get("kind", "file"))
    return str(getattr(value, "kind", "file"))


def named_members(models: object) -> object:
    """Entries of ``models`` as they are written, with the options of what ensembles only name.

    A name of another entry, of a file, means that one; else it is a file, or the name of a pulled model.
    """
    if not isinstance(models, Mapping):
        return models
    files = {n: e for n, e in models.items() if isinstance(e, Mapping) and "kind" not in e}
    kept = ModelOptions.model_fields.keys()

    def member(value: object) -> object:
        if isinstance(value, str) and value in files:
            return {key: of for key, of in files[value].items() if key in kept}
        return _named(value)

    return {
        name: {**entry, "of": [member(value) for value in entry["of"]]}
        if isinstance(entry, Mapping) and isinstance(entry.get("of"), list)
        else entry
        for name, entry in models.items()
    }


SharedModelOptions = ServedModelOptions | TiledModelOptions | EnsembleModelOptions
"""A model of a service, whatever it is made of."""

ModelChoice = Annotated[
    Annotated[ServedModelOptions, Tag("file")]
    | Annotated[TiledModelOptions, Tag("tiles")]
    | Annotated[EnsembleModelOptions, Tag("ensemble")],
    Discriminator(_kind_of),
]
"""An entry of ``models``: a file; ``kind: tiles``; or ``kind: ensemble``."""
