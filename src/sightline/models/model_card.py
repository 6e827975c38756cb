"""The model card: everything that is needed to use a model file, and the YAML file that holds it.

Knows fields and what is wrong with them; where fields come from that no card gives is said in
``models.card``.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from sightline import coco
from sightline.config import TrackerOptions
from sightline.config.value_errors import in_words
from sightline.errors import ModelError
from sightline.foreign_files.yaml_text import read_yaml
from sightline.geometry import Resize
from sightline.models.history import HistoryStep
from sightline.redaction import one_line
from sightline.types import ChannelOrder, Normalization
from sightline.vocabulary.foreign_words import named_here

_MOST_CLASSES = 100_000


class ModelCard(BaseModel):
    """How to feed a model and how to read it. Sizes are (width, height) in pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    task: Literal["detect", "segment", "pose", "obb", "classify", "embed"] = "detect"
    decoder: str = Field("", description="model family: a key of sightline.build.DECODERS")
    outputs: tuple[str, ...] = Field(
        (), description="names of the outputs that are read, in the family's order; none: all"
    )
    size: tuple[PositiveInt, PositiveInt] = Field(description="native input size: width, height")
    fixed_size: bool = Field(description="the graph takes its native size only")
    max_batch: int | None = Field(None, ge=1, description="largest batch; none: any")
    stride: int = Field(32, ge=1, description="input sides must be multiples of this")
    order: ChannelOrder = "rgb"
    scale: float = Field(1 / 255, gt=0, description="pixel × scale, before mean and std")
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (1.0, 1.0, 1.0)
    resize: Resize = "letterbox"
    pad: int = Field(114, ge=0, le=255, description="grey level around a letterboxed picture")
    first_class: int = Field(0, ge=0, description="the model's own id of the first class name")
    class_names: tuple[str, ...] = ()
    anchors: tuple[tuple[tuple[PositiveFloat, PositiveFloat], ...], ...] | None = Field(
        None,
        description="width and height of the anchors of each head, for `yolov5-heads`; or the name of "
        "a published set: `yolov5`, `yolov5-p6`, `yolov7`",
    )
    keypoint_shape: tuple[PositiveInt, Literal[2, 3]] | None = Field(
        None, description="keypoints of each object, and values of each: 2, or 3 with visibility"
    )
    keypoint_names: tuple[str, ...] = Field((), description="the name of each keypoint")
    conf: float = Field(0.25, ge=0, le=1)
    iou: float = Field(0.45, ge=0, le=1)
    max_detections: int = Field(300, ge=1)
    agnostic_nms: bool = False
    attributes: dict[str, tuple[str, ...]] = Field(
        {}, description="what each output of a classifier tells, and the names of its values"
    )
    logits: bool | None = Field(
        None,
        description="a classifier's outputs are no probabilities yet; null: their values tell",
    )
    multi_label: bool = Field(
        False,
        description="several values of an attribute may hold at once, so logits take a sigmoid",
    )
    crop: float = Field(
        1.0,
        gt=0,
        le=1,
        description="with `centre-crop`: the share of the shorter side that is seen",
    )
    interpolation: Literal["bilinear", "bicubic"] = Field(
        "bilinear", description="with `centre-crop`: Pillow's, with which pictures were resized"
    )
    margin: float = Field(0.0, ge=0, description="seen around a crop, as a share of its sides")
    tracker: TrackerOptions | None = Field(
        None, description="thresholds of the tracker, where the usual ones do not suit the model"
    )
    embedder: str | None = Field(
        None,
        description="name of an embedder for a detector's objects, for trackers by their looks",
    )
    licence: str | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    history: tuple[HistoryStep, ...] = Field(
        (), description="how the file was made of another one, the first step first"
    )

    @field_validator("anchors", mode="before")
    @classmethod
    def _published(cls, value: object) -> object:
        """The anchors of a published model by their name."""
        if not isinstance(value, str):
            return value
        from sightline.models.decoders.yolov5_heads import (
            ANCHORS_BY_NAME,
        )  # only such a card needs it

        if value not in ANCHORS_BY_NAME:
            raise ValueError(f"known anchors are {', '.join(ANCHORS_BY_NAME)}")
        return ANCHORS_BY_NAME[value]

    @field_validator("class_names", mode="before")
    @classmethod
    def _names_by_id(cls, value: object, info: ValidationInfo) -> object:
        """Names may be a mapping of ids, as Ultralytics writes them.

        They are the model's own ids, so that its first one may be ``first_class``.
        """
        if isinstance(value, Mapping):
            # A list as text would be all that YAML's aliases stand for: gigabytes.
            if any(isinstance(v, Mapping | list | tuple | set) for v in value.values()):
                raise ValueError("the name of a class must be text")
            names = {_class_id(k): str(v) for k, v in value.items()}
            first = info.data.get("first_class", 0)
            first = 0 if min(names, default=0) < first else first
            if max(names, default=0) > _MOST_CLASSES:  # each id below it would get a name
                raise ValueError(
                    f"class id {max(names)} is above {_MOST_CLASSES}, the most that there can be"
                )
            return tuple(names.get(i, str(i)) for i in range(first, max(names, default=-1) + 1))
        return value

    @field_validator("class_names", "keypoint_names")
    @classmethod
    def _printable(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Names without control characters: a model file from elsewhere may hold any."""
        return tuple(map(one_line, names))

    @field_validator("attributes")
    @classmethod
    def _printable_labels(
        cls, attributes: dict[str, tuple[str, ...]]
    ) -> dict[str, tuple[str, ...]]:
        return {one_line(name): tuple(map(one_line, ls)) for name, ls in attributes.items()}

    @field_validator("mean", "std", mode="before")
    @classmethod
    def _of_each_channel(cls, value: object) -> object:
        """One number is that of all channels, or of the one that a grey picture has."""
        numbers = value if isinstance(value, list | tuple) else [value]
        return tuple(numbers) * 3 if len(numbers) == 1 else value

    @field_validator("size", mode="before")
    @classmethod
    def _square(cls, value: object) -> object:
        return (value, value) if isinstance(value, int) else value

    def after(self, step: HistoryStep) -> ModelCard:
        """The card of the file that ``step`` made of this card's.

        Steps that were made of the same file are not its own: its card is that of ``a.xml``, too,
        where that was made of ``a.onnx``.
        """
        given = step.source_sha256
        own = takewhile(lambda one: not given or one.source_sha256 != given, self.history)
        return self.model_copy(update={"history": (*own, step)})

    @property
    def normalization(self) -> Normalization:
        """What is done to pixels before the network, for an Engine."""
        return Normalization(self.scale, self.mean, self.std)


def _class_id(key: object) -> int:
    """The class id that a key of ``class_names`` is. Raises ValueError."""
    try:
        number = int(str(key))
    except ValueError:
        number = -1
    if number < 0:
        raise ValueError(f"class ids are whole numbers from 0 on, not {key!r:.40}")
    return number


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card beside a model file that was made from the card's own.

    The checksum is left out: it was the other file's.
    """
    card_path(path).write_text(card_text(card), encoding="utf-8")


def card_text(card: ModelCard) -> str:
    """A card as YAML, without the checksum of the file that it was read with."""
    import yaml

    fields = card.model_dump(mode="json", exclude={"sha256"})
    text: str = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    return text


def card_path(path: Path) -> Path:
    """Where the card of a model file stands: beside it, with the suffix ``.yaml``."""
    return path.with_suffix(".yaml")


def card_beside(path: Path) -> dict[str, Any]:
    """The fields of the card beside a model file; none where there is none. Raises ModelError."""
    beside = card_path(path)
    if not beside.is_file():
        return {}
    try:
        content = read_yaml(beside.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise ModelError(f"{beside}: not a model card: {exc}") from exc
    if not isinstance(content, dict):
        raise ModelError(
            f"{beside}: a model card is a mapping of fields, such as `decoder: yolov8`"
        )
    names = content.get("class_names")
    if isinstance(names, str) and names in coco.LISTS:
        content["class_names"] = list(coco.LISTS[names])
    # What the card leaves out is found later; what it says must be right before it is used.
    validated_card(path, {"name": "", "decoder": "", "size": 1, "fixed_size": False, **content})
    return content


def validated_card(path: Path, fields: Mapping[str, object]) -> ModelCard:
    """A card of these fields. Raises ModelError, which names the key and the file beside ``path``."""
    try:
        return ModelCard.model_validate(fields)
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(str(k) for k in first["loc"])
        raise ModelError(f"{card_path(path)}: {key}: {_misvalued(first)}") from exc


def _misvalued(item: Any) -> str:
    kind, value = item["type"], item["input"]
    if kind == "extra_forbidden":
        known = ModelCard.model_fields
        key = str(item["loc"][-1])
        meant = named_here(key, known) or next(iter(get_close_matches(key, known, 1, 0.6)), None)
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
        return f"there is no such key; {hint}"
    if kind == "missing":
        return "it is missing"
    said = in_words(kind, item.get("ctx", {}), item["msg"]).removeprefix("Value error, ")
    shown = "" if isinstance(value, Mapping | list | tuple) else f", not {value!r:.60}"
    return said + shown
