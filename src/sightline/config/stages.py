"""Further models of a stream: what is done with objects after they were detected and tracked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Annotated, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from sightline.config.model import ClassNames, SizeOption
from sightline.config.options import Options, checked
from sightline.config.paths import PathField

Share = Annotated[float, Field(ge=0, le=1)]
"""A share of the width or height of a picture."""


def _corners(value: object) -> object:
    """JSON has lists; where options are told apart by their kind, they are not taken for tuples."""
    if not isinstance(value, list):
        return value
    return tuple(tuple(one) if isinstance(one, list) else one for one in value)


Point: TypeAlias = tuple[float, float]


def _simple(corners: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """What is inside of a polygon whose sides cross is anybody's guess, and most often a slip in the order of its corners."""
    fault = _polygon_fault(corners)
    if fault is not None:
        raise ValueError(fault)
    return corners


def _polygon_fault(corners: Sequence[Point]) -> str | None:
    """What is wrong with a polygon: it has no area, or its sides cross or touch; None: nothing.

    Args:
        corners: x, y, finite, in order; the last is joined to the first. One that repeats the one before it counts
            once, and so does a last that repeats the first.
    """
    ring = [one for n, one in enumerate(corners) if one != corners[n - 1]]
    sides = [(ring[n - 1], ring[n]) for n in range(len(ring))]
    if len(ring) < 3 or not any(_side_of(*sides[0], corner) for corner in ring):
        return "its corners lie on one line: nothing is inside"
    for n, side in enumerate(sides):
        for m in range(n + 1, len(sides)):
            neighbours = m == n + 1 or (n == 0 and m == len(sides) - 1)
            if not neighbours and _meet(side, sides[m]):
                return (
                    f"its sides {_shown_side(side)} and {_shown_side(sides[m])} cross: give the corners in the order in which "
                    "they follow one another around it"
                )
    return None


def _shown_side(side: tuple[Point, Point]) -> str:
    (x1, y1), (x2, y2) = side
    return f"({x1:g}, {y1:g})–({x2:g}, {y2:g})"


def _side_of(start: Point, end: Point, point: Point) -> float:
    """Above 0 where the point is on one hand of the line, below on the other, 0 on it."""
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _meet(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Whether two sides have a point in common."""
    if any(
        max(one[0][axis], one[1][axis]) < min(other[0][axis], other[1][axis])
        or max(other[0][axis], other[1][axis]) < min(one[0][axis], one[1][axis])
        for axis in (0, 1)
    ):
        return False
    return (
        _side_of(*one, other[0]) * _side_of(*one, other[1]) <= 0
        and _side_of(*other, one[0]) * _side_of(*other, one[1]) <= 0
    )


MOST_CORNERS = 1000

Corners = Annotated[
    tuple[tuple[Share, Share], ...],
    Field(min_length=3, max_length=MOST_CORNERS),
    BeforeValidator(_corners),
    AfterValidator(_simple),
]
"""Corners x, y of a polygon, whose sides do not cross."""


class CropStageOptions(Options):
    """What stages have in common that show objects to a model."""

    model: Annotated[str, PathField("model")] = Field(
        description="a name under `models`, of a bundled or pulled model, or a file"
    )
    of: ClassNames = Field(
        (), description="names or ids of the classes whose objects it is shown; none: all"
    )
    min_size: int = Field(16, ge=1, description="shorter side of a box, in pixels, that is shown")
    only_in: Corners | None = Field(
        None,
        description="corners x, y of a polygon, as shares of the picture: only objects that stand in it are "
        "shown; none: all",
    )
    every: int = Field(
        1, ge=1, description="it looks at each so many-th of the analysed frames only"
    )


class ClassifyOptions(CropStageOptions):
    """A classifier that is shown tracked objects. It looks at each a few times, until it is sure."""

    kind: Literal["classify"] = Field("classify", description="what the stage does")
    conf: float | None = Field(
        None, ge=0, le=1, description="lowest score of a label; none: the model's own"
    )
    sure: float = Field(
        0.95,
        gt=0,
        le=1,
        description="an object is looked at no more, unless it grows, once each label has this score",
    )
    again_s: float = Field(
        1.0, gt=0, description="until then an object is looked at again after so long"
    )
    max_looks: int = Field(
        6,
        ge=1,
        description="an object is looked at so often, and again only where it is much larger",
    )


class Classify(ClassifyOptions):
    """A stage of ``track`` that shows tracked objects to a classifier and keeps its labels.

        for seen in sl.track("street.mp4", model, stages=[sl.Classify("colour.onnx", of=["car"])]):
            print(seen.labels)

    Args:
        model: a classifier's file, or the name of a bundled or pulled one (``street-attributes``).
        of: names or ids of the classes whose objects it is shown; none: all.
        conf: lowest score of a label; the model's own by default.
        options: further ones of ``ClassifyOptions``: how often it looks.

    Raises ConfigError.
    """

    def __init__(
        self,
        model: str | PathLike[str],
        *,
        of: int | str | Sequence[int | str] = (),
        conf: float | None = None,
        **options: object,
    ) -> None:
        valid = checked(ClassifyOptions, model=fspath(model), of=of, conf=conf, **options)
        super().__init__(**valid.model_dump())


class EmbedOptions(CropStageOptions):
    """An embedder that makes vectors of objects, to search by. Of each track the best crop is kept."""

    kind: Literal["embed"] = Field("embed", description="what the stage does")
    better: float = Field(
        1.3,
        ge=1,
        description="how many times better (size, sharpness, score) a later crop of a track must be to "
        "take the place of the one before",
    )
    again_s: float = Field(
        0.5, ge=0, description="until then no other crop of a track is looked at after one was"
    )
    picture: int = Field(
        160,
        ge=0,
        le=1024,
        description="longer side, in pixels, of the picture that is kept of each crop; 0: none",
    )


class Embed(EmbedOptions):
    """A stage of ``track`` that makes vectors of tracked objects, to search by.

        for seen in sl.track("street.mp4", model, stages=[sl.Embed("street-embedder", of=["car"])]):
            print([embedding.track_id for embedding in seen.embeddings])

    Args:
        model: an embedder's file, or the name of a bundled or pulled one (``street-embedder``).
        of: names or ids of the classes whose objects it is shown; none: all.
        options: further ones of ``EmbedOptions``: which crops are kept.

    Raises ConfigError.
    """

    def __init__(
        self,
        model: str | PathLike[str],
        *,
        of: int | str | Sequence[int | str] = (),
        **options: object,
    ) -> None:
        valid = checked(EmbedOptions, model=fspath(model), of=of, **options)
        super().__init__(**valid.model_dump())


class _FindOptions(CropStageOptions):
    """What stages have in common whose model is a detector."""

    conf: float | None = Field(
        None, ge=0, le=1, description="lowest score of what it finds; none: the model's own"
    )
    size: SizeOption | None = Field(
        None, description="longer side of the model's input, or its width and height"
    )
    margin: float = Field(
        0.1, ge=0, le=2, description="of the box's sides, which a crop shows around it"
    )
    max_objects: int = Field(
        32, ge=1, description="crops of a frame at most: those of the largest objects"
    )


class SegmentOptions(_FindOptions):
    """A segmentation model, whose masks become those of the objects."""

    kind: Literal["segment"] = Field("segment", description="what the stage does")
    crops: bool = Field(
        False,
        description="show it the crop of each object, which takes an inference each; else the whole picture once",
    )


class DetectOptions(_FindOptions):
    """A detector that looks for parts of objects: number plates of cars."""

    kind: Literal["detect"] = Field("detect", description="what the stage does")
    crops: bool = Field(
        True,
        description="show it the crop of each object, which takes an inference each; else the whole picture once",
    )
    classes: ClassNames | None = Field(
        None, description="names or ids of the only classes wanted of what it finds"
    )


class Segment(SegmentOptions):
    """A stage of ``track`` that gives objects the masks of a segmentation model.

        for seen in sl.track("street.mp4", model, stages=[sl.Segment("yolo11n-seg.onnx")]):
            print(seen.detections.masks)

    Args:
        model: a segmentation model's file, or the name of a pulled one.
        of: names or ids of the classes whose objects get masks; none: all.
        crops: show it the crop of each object instead of the whole picture.
        conf: lowest score of what it finds; the model's own by default.
        options: further ones of ``SegmentOptions``.

    Raises ConfigError.
    """

    def __init__(
        self,
        model: str | PathLike[str],
        *,
        of: int | str | Sequence[int | str] = (),
        crops: bool = False,
        conf: float | None = None,
        **options: object,
    ) -> None:
        valid = checked(
            SegmentOptions, model=fspath(model), of=of, crops=crops, conf=conf, **options
        )
        super().__init__(**valid.model_dump())


class Detect(DetectOptions):
    """A stage of ``track`` that looks for parts of objects, which stand behind them in the same frame.

        for seen in sl.track("street.mp4", model, stages=[sl.Detect("plates.onnx", of=["car"])]):
            print([d.parent_id for d in seen.detections if d.name == "plate"])

    Args:
        model: a detector's file, or the name of a bundled or pulled one.
        of: names or ids of the classes in whose objects it looks; none: all.
        classes: names or ids of the only classes wanted of what it finds.
        conf: lowest score of what it finds; the model's own by default.
        options: further ones of ``DetectOptions``.

    Raises ConfigError.
    """

    def __init__(
        self,
        model: str | PathLike[str],
        *,
        of: int | str | Sequence[int | str] = (),
        classes: int | str | Sequence[int | str] | None = None,
        conf: float | None = None,
        **options: object,
    ) -> None:
        valid = checked(
            DetectOptions, model=fspath(model), of=of, classes=classes, conf=conf, **options
        )
        super().__init__(**valid.model_dump())


StageOptions: TypeAlias = ClassifyOptions | EmbedOptions | SegmentOptions | DetectOptions
"""What is done with the objects of a frame: by the ``kind``."""

SomeStage = TypeVar("SomeStage", ClassifyOptions, EmbedOptions, SegmentOptions)


def stage_options(kind: type[SomeStage], text: str) -> SomeStage:
    """The stage that ``MODEL`` or ``MODEL:class,class`` means. Raises ConfigError."""
    model, colon, of = text.rpartition(":") if ":" in text else (text, "", "")
    return checked(kind, model=model, **({"of": of} if colon else {}))


def _kind_of(value: object) -> object:
    """The first kind need not be named: it was the only one once."""
    return {"kind": "classify", **value} if isinstance(value, Mapping) else value


class _OrWithoutKind:
    """Says in the JSON schema what ``_kind_of`` accepts: without a kind, a stage is several of them."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": handler(core)["oneOf"]}


Stages: TypeAlias = tuple[
    Annotated[
        StageOptions, Field(discriminator="kind"), BeforeValidator(_kind_of), _OrWithoutKind()
    ],
    ...,
]
"""What is done with the objects of a frame, in order."""
