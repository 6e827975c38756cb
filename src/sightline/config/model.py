"""Models and what one call may ask of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Self,
    SupportsIndex,
    SupportsInt,
    TypeGuard,
)

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from sightline.config.engine import Device, EngineOptions
from sightline.config.options import Options
from sightline.config.paths import PathField, possible_path
from sightline.config.rollout import HasRollout
from sightline.tables import ENGINES

MODEL_SUFFIXES = {
    *(".onnx", ".xml", ".pt", ".pth", ".pt2", ".torchscript", ".ts"),
    *(".engine", ".plan", ".trt"),
}
"""Suffixes of files that are meant as models; not all of them can be run. Other words are names."""


def _class_words(value: object) -> object:
    """One class, or several with commas, need not stand in a list; ids are as good as names."""
    if isinstance(value, str):
        value = [word.strip() for word in value.split(",") if word.strip()]
    elif isinstance(value, SupportsIndex) and not isinstance(value, Iterable):
        value = [value]
    if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        return value
    return tuple(
        str(one) if isinstance(one, SupportsIndex) and not isinstance(one, bool) else one
        for one in value
    )


ClassNames = Annotated[
    tuple[str, ...],
    BeforeValidator(_class_words),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": ["string", "integer"]}},
                {"type": ["string", "integer"]},
            ]
        }
    ),
]
"""Names or ids of classes: a list, or text with commas."""


LARGEST_SIDE = 8192
"""Largest side of an input or a tile, in pixels. Activations at this side take gigabytes already; what is larger is a slip
of the finger, and would exhaust the memory of the machine."""


def _size_of(value: object) -> object:
    """One side or two; also as text on the command line: ``640``, or ``640x384`` for width and height."""
    sides = _sides_of(value)
    given = sides if isinstance(sides, list | tuple) else (sides,)
    if any(_is_whole(side) and int(side) > LARGEST_SIDE for side in given):
        raise ValueError(
            f"a side has {LARGEST_SIDE} pixels at most, and {value!r} has more: small objects in large pictures "
            "are found with tiles"
        )
    return sides


def _sides_of(value: object) -> object:
    """One side or two, read from text where it is text."""
    wrong = ValueError(f"give 640, or 640x384 for width and height, not {value!r}")
    if isinstance(value, str):
        sides = value.lower().replace("×", "x").split("x")
        if not all(side.strip().isdecimal() and len(side) < 10 for side in sides) or len(sides) > 2:
            raise wrong
        numbers = tuple(map(int, sides))
        return numbers[0] if len(numbers) == 1 else numbers
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise wrong
    elif not isinstance(value, Mapping) and not _is_whole(
        value
    ):  # the values of a mapping may be secret
        raise wrong
    return value


def _is_whole(side: object) -> TypeGuard[SupportsInt]:
    if isinstance(side, bool) or not isinstance(side, SupportsInt):
        return False
    try:
        return int(side) == side
    except (ValueError, OverflowError):  # not a number, or infinite
        return False


_SIDE_SCHEMA: dict[str, Any] = {"type": "integer", "maximum": LARGEST_SIDE}

SizeOption = Annotated[
    int | tuple[int, int],
    BeforeValidator(_size_of),
    WithJsonSchema(
        {
            "anyOf": [
                _SIDE_SCHEMA,
                {"type": "array", "items": _SIDE_SCHEMA, "minItems": 2, "maxItems": 2},
                {"type": "string", "pattern": r"^\d+\s*([xX×]\s*\d+)?$"},
            ]
        }
    ),
]
"""The longer side, or width and height, in pixels, up to ``LARGEST_SIDE``; as text too: ``640x384``."""


if TYPE_CHECKING:
    Backend = str
else:
    Backend = Literal[("auto", *ENGINES)]


class DetectParameters(Options):
    """What one call may ask for instead of the model's own."""

    conf: float | None = Field(None, ge=0, le=1, description="lowest score of an object")
    iou: float | None = Field(None, ge=0, le=1, description="overlap above which NMS drops a box")
    classes: ClassNames | None = Field(None, description="names or ids of the only classes wanted")


class ClassifyParameters(Options):
    """What one call of ``classify`` may ask for."""

    top: int = Field(5, ge=1, description="names of each attribute, the likeliest first")
    conf: float = Field(0.0, ge=0, le=1, description="lowest score of a name")
    every: int = Field(1, ge=1, description="only every so many-th frame is looked at")


class ModelOptions(Options):
    """A model and how it is used. What is None is taken from the model's card."""

    model: Annotated[str, AfterValidator(possible_path), PathField("model")] = Field(
        description="path of an .onnx or .xml file, a zoo name, or `people`"
    )
    backend: Backend = Field(
        "auto", description="auto takes the fastest that is installed and fits the device"
    )
    engine: EngineOptions = Field(EngineOptions(), description="how the runtime runs it")
    conf: float | None = Field(
        None,
        ge=0,
        le=1,
        description="lowest score of an object; where a stream tracks, of what begins an id",
    )
    iou: float | None = Field(None, ge=0, le=1, description="overlap above which NMS drops a box")
    size: SizeOption | None = Field(
        None, description="longer side of an input fitted to the picture, or its width and height"
    )
    classes: ClassNames | None = Field(None, description="names or ids of the only classes wanted")
    max_detections: int | None = Field(None, ge=1, description="most objects in a picture")
    agnostic_nms: bool | None = Field(None, description="boxes of different classes compete too")
    models_dir: Annotated[Path | None, PathField("folder")] = Field(
        None, description="folder of pulled models"
    )


class ReplicaOptions(Options):
    """Where a model runs: one engine for each device, with the memory it may take."""

    devices: tuple[Device, ...] = Field((), description="cuda:0, cuda:1, cpu; a device may repeat")
    memory_limit_mb: int | None = Field(None, ge=64, description="of each device")


class ServedModelOptions(ModelOptions, HasRollout):
    """A model of a service; clients and streams call it by its name."""

    replicas: ReplicaOptions = Field(ReplicaOptions(), description="several devices at once")
    fallback: tuple[EngineOptions, ...] = Field(
        (), description="engines that take over, in this order, when the first one fails"
    )
    warm_up: bool = Field(True, description="run once at each batch size before being ready")
    task: Literal["detect", "segment", "pose", "obb", "classify"] = Field(
        "detect",
        description="what clients ask of it: objects, or names of whole pictures (`POST /classify`); with "
        "segment, pose and obb, a model that tells no masks, keypoints or angles is refused",
    )
    tensors: Literal["auto", "native"] = Field(
        "auto",
        description="what the Open Inference Protocol describes as NAME: auto takes uint8 pictures, or "
        "the file's own tensors where it is no vision model; native always the file's own",
    )

    @property
    def files(self) -> tuple[ModelOptions, ...]:
        """The models of files that it is made of: itself."""
        return (self,)

    def with_files(self, change: Callable[[dict[str, Any]], dict[str, object]]) -> Self:
        """The same, with what ``change`` makes of the options of each of its files."""
        return self.model_copy(update=change(dict(self)))
