"""The model card: everything that is needed to use a model file.

Each field is taken from ``NAME.yaml`` beside the file, else from the file's own metadata, else
inferred from its shapes; where it came from is kept and logged.
"""

from __future__ import annotations

import ast
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    ValidationError,
    field_validator,
)

from sightline.coco import COCO_NAMES
from sightline.config import TrackerOptions
from sightline.errors import ModelError
from sightline.geometry import Resize
from sightline.models.file import ModelFile, Shape, format_shape
from sightline.models.focus import fold_focus
from sightline.models.relax import relax
from sightline.protocols import Decoder
from sightline.types import ChannelOrder, Normalization
from sightline.value_errors import in_words

log = logging.getLogger(__name__)

DEFAULT_SIZE = 640

_TASKS = {"detect": "a detection model", "classify": "a classifier", "embed": "an embedder"}


class ModelCard(BaseModel):
    """How to feed a model and how to read it. Sizes are (width, height) in pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    task: Literal["detect", "classify", "embed"] = "detect"
    decoder: str = Field("", description="model family: a key of sightline.build.DECODERS")
    size: tuple[PositiveInt, PositiveInt] = Field(description="native input size: width, height")
    fixed_size: bool = Field(description="the graph takes its native size only")
    max_batch: int | None = Field(None, ge=1, description="largest batch; none: any")
    stride: int = Field(32, ge=1, description="input sides must be multiples of this")
    order: ChannelOrder = "rgb"
    scale: float = Field(1 / 255, gt=0, description="pixel × scale, before mean and std")
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resize: Resize = "letterbox"
    pad: int = Field(114, ge=0, le=255, description="grey level around a letterboxed picture")
    class_names: tuple[str, ...] = ()
    conf: float = Field(0.25, ge=0, le=1)
    iou: float = Field(0.45, ge=0, le=1)
    max_detections: int = Field(300, ge=1)
    agnostic_nms: bool = False
    attributes: dict[str, tuple[str, ...]] = Field(
        {}, description="what each output of a classifier tells, and the names of its values"
    )
    logits: bool = Field(False, description="a classifier's outputs are no probabilities yet")
    margin: float = Field(0.0, ge=0, description="seen around a crop, as a share of its sides")
    tracker: TrackerOptions | None = Field(
        None, description="thresholds of the tracker, where the usual ones do not suit the model"
    )
    licence: str | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")

    @field_validator("class_names", mode="before")
    @classmethod
    def _names_by_id(cls, value: Any) -> Any:
        """Names may be a mapping of ids, as Ultralytics writes them."""
        if isinstance(value, Mapping):
            names = {int(k): str(v) for k, v in value.items()}
            return tuple(names.get(i, str(i)) for i in range(max(names, default=-1) + 1))
        return value

    @field_validator("size", mode="before")
    @classmethod
    def _square(cls, value: Any) -> Any:
        return (value, value) if isinstance(value, int) else value

    @property
    def normalization(self) -> Normalization:
        return Normalization(self.scale, self.mean, self.std)


@dataclass(frozen=True)
class CardReading:
    """A card, its model file, and where each field was found: card, metadata or shapes.

    The file is the one that was read, opened to other sizes where its graph allows it.
    """

    card: ModelCard
    file: ModelFile
    origin: Mapping[str, str]


def read_card(file: ModelFile, decoders: Mapping[str, Decoder]) -> CardReading:
    """The card of a model file.

    Raises:
        ModelError: the card beside the file is broken, its checksum is another file's, or the
            outputs belong to no known family.
    """
    beside = _card_beside(file.path)
    metadata = _from_metadata(file.metadata, ("detect",))
    _refuse_task(beside.get("task", "detect"), ("detect",))
    size = _size(file, beside.get("size", metadata.get("size")))
    family = beside.get("decoder")
    if family is not None and family not in decoders:
        known = ", ".join(decoders)
        raise ModelError(f"{_beside(file.path)}: unknown decoder {family!r}; known are {known}")
    shapes = file.output_shapes(1, size[1], size[0]) or [o.shape for o in file.outputs]
    told = bool(shapes)  # a PyTorch program tells nothing of its outputs
    matching = [name for name, d in decoders.items() if told and d.matches(shapes, size)]
    if family is None:
        if file.format == "torch":
            raise ModelError(
                f"{file.path}: a PyTorch program does not say what it is: write a card "
                f"{_beside(file.path).name} beside it with `decoder`, `size` and `class_names`"
            )
        if not matching:
            raise ModelError(_unknown_family(file, shapes, size, decoders))
        family = matching[0]
    elif matching and family not in matching:
        raise ModelError(
            f"{_beside(file.path)}: decoder is {family}, but this model's outputs are those of "
            f"{' or '.join(matching)}"
        )
    decoder = decoders[family]
    file = fold_focus(relax(file, decoder))
    _, _, height, width = file.input.shape
    found: dict[str, tuple[Any, str]] = {
        "name": (file.path.stem, "file name"),
        "decoder": (family, "output shapes"),
        "size": (size, "input shape"),
        "fixed_size": (height is not None or width is not None, "input shape"),
        "max_batch": (file.input.shape[0], "input shape"),
        **{key: (value, f"the {family} family") for key, value in decoder.card.items()},
        "class_names": (_names_for(decoder.classes(shapes) if told else None), "output shapes"),
        **{key: (value, "metadata") for key, value in metadata.items()},
        **{key: (value, "card") for key, value in beside.items()},
    }
    card = _validated(file.path, {key: value for key, (value, _) in found.items()})
    _check(card, file, size)
    origin = {key: source for key, (_, source) in found.items()}
    guessed = [
        f"{key}={_short(getattr(card, key))}"
        for key, source in origin.items()
        if source not in {"card", "metadata"}
    ]
    log.info("model %s: inferred %s", card.name, ", ".join(guessed))
    return CardReading(card, file, origin)


def read_crop_card(file: ModelFile) -> CardReading:
    """The card of a classifier or an embedder: of a model that is shown one object at a time.

    Raises:
        ModelError: the card beside the file is broken or contradicts the model, its checksum is
            another file's, or the task is another.
    """
    beside = _card_beside(file.path)
    metadata = _from_metadata(file.metadata, ("classify", "embed"))
    if beside.get("task", metadata.get("task", "detect")) == "detect":
        raise ModelError(
            f"{file.path}: a classifier or an embedder is needed: write a card "
            f"{_beside(file.path).name} beside it with `task: classify` or `task: embed`"
        )
    size = _size(file, beside.get("size", metadata.get("size")))
    _, _, height, width = file.input.shape
    found: dict[str, tuple[Any, str]] = {
        "name": (file.path.stem, "file name"),
        "size": (size, "input shape"),
        "fixed_size": (height is not None or width is not None, "input shape"),
        "max_batch": (file.input.shape[0], "input shape"),
        **{key: (value, "metadata") for key, value in metadata.items()},
        **{key: (value, "card") for key, value in beside.items()},
    }
    card = _validated(file.path, {key: value for key, (value, _) in found.items()})
    if card.task == "classify" and not card.attributes:
        card = card.model_copy(update={"attributes": {"class": card.class_names}})
    _check(card, file, size)
    _check_outputs(card, file)
    return CardReading(card, file, {key: source for key, (_, source) in found.items()})


def _check_outputs(card: ModelCard, file: ModelFile) -> None:
    """Raise ModelError where the outputs of a classifier or an embedder are not what it says."""
    shapes = [output.shape for output in file.outputs]
    told = ", ".join(format_shape(shape) for shape in shapes)
    if any(len(shape) != 2 for shape in shapes):
        raise ModelError(f"{file.path}: its outputs are {told}; each must be (crops, values)")
    if card.task == "embed" and len(shapes) != 1:
        raise ModelError(f"{file.path}: its outputs are {told}; an embedder has one")
    if card.task == "classify":
        sizes = [len(names) for names in card.attributes.values()]
        known = [shape[1] for shape in shapes]
        if len(sizes) != len(known) or any(
            n not in {None, size} for n, size in zip(known, sizes, strict=True)
        ):
            named = ", ".join(f"{a} ({len(names)})" for a, names in card.attributes.items())
            raise ModelError(
                f"{file.path}: its outputs are {told}, but its card names the values of {named}: "
                f"write `class_names` or `attributes` into {_beside(file.path).name}"
            )


def _check(card: ModelCard, file: ModelFile, size: tuple[int, int]) -> None:
    """Raise ModelError where a card contradicts its model."""
    if card.fixed_size and card.size != size:
        raise ModelError(
            f"{_beside(file.path)}: size is {card.size[0]}×{card.size[1]}, but the model takes "
            f"{size[0]}×{size[1]} only: leave `size` out"
        )
    if "int" in file.input.dtype and card.normalization != Normalization():
        raise ModelError(
            f"{file.path}: its input is {file.input.dtype}, which cannot hold scaled pixels: "
            f"write `scale: 1` into {_beside(file.path).name}"
        )
    if card.sha256 is not None and card.sha256 != file.sha256:
        raise ModelError(
            f"{file.path}: its SHA-256 is {file.sha256}, its card says {card.sha256}: "
            "the file was changed or is another one"
        )


def _short(value: Any) -> str:
    return f"{len(value)} names" if isinstance(value, tuple) and len(value) > 4 else str(value)


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card beside a model file that was made from the card's own.

    The checksum is left out: it was the other file's.
    """
    import yaml

    fields = card.model_dump(mode="json", exclude={"sha256"})
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    _beside(path).write_text(text, encoding="utf-8")


def _beside(path: Path) -> Path:
    return path.with_suffix(".yaml")


def _card_beside(path: Path) -> dict[str, Any]:
    beside = _beside(path)
    if not beside.is_file():
        return {}
    import yaml  # only a model with a card pays for it

    try:
        content = yaml.safe_load(beside.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise ModelError(f"{beside}: not a model card: {exc}") from exc
    if not isinstance(content, dict):
        raise ModelError(
            f"{beside}: a model card is a mapping of fields, such as `decoder: yolov8`"
        )
    # What the card leaves out is found later; what it says must be right before it is used.
    _validated(path, {"name": "", "decoder": "", "size": 1, "fixed_size": False, **content})
    return content


def _refuse_task(task: str, wanted: Sequence[str]) -> None:
    if task not in wanted:
        kinds = " or ".join(_TASKS[w] for w in wanted)
        raise ModelError(
            f"this model's task is {task!r}; {kinds} is needed, so export one of those"
        )


def _from_metadata(metadata: Mapping[str, str], tasks: Sequence[str]) -> dict[str, Any]:
    """Fields in the metadata that Ultralytics exports carry (names, stride, task, imgsz), and ours.

    Raises ModelError where the task is none of ``tasks``.
    """
    found: dict[str, Any] = {}
    if "task" in metadata:
        _refuse_task(metadata["task"], tasks)
        found["task"] = metadata["task"]
    readers: dict[str, tuple[str, Callable[[str], Any]]] = {
        "names": ("class_names", ast.literal_eval),
        "stride": ("stride", lambda text: int(float(text))),
        "imgsz": ("size", _width_height),
        "license": ("licence", str),
        "attributes": ("attributes", json.loads),
        "margin": ("margin", float),
    }
    for key, (field, read) in readers.items():
        if key in metadata:
            try:
                found[field] = read(metadata[key])
            except (ValueError, SyntaxError, TypeError) as exc:
                raise ModelError(
                    f"the model's metadata {key}={metadata[key]!r} is unreadable"
                ) from exc
    return found


def _width_height(text: str) -> tuple[int, int]:
    """From ``[height, width]``."""
    height, width = ast.literal_eval(text)
    return int(width), int(height)


def _size(file: ModelFile, declared: Any) -> tuple[int, int]:
    _, _, height, width = file.input.shape
    if height and width:
        return (width, height)
    if declared is None:
        return (DEFAULT_SIZE, DEFAULT_SIZE)
    return (
        (declared, declared) if isinstance(declared, int) else (int(declared[0]), int(declared[1]))
    )


def _unknown_family(
    file: ModelFile, shapes: list[Shape], size: tuple[int, int], decoders: Mapping[str, Decoder]
) -> str:
    outputs = ", ".join(
        f"{o.name} {format_shape(s)}" for o, s in zip(file.outputs, shapes, strict=True)
    )
    return (
        f"{file.path}: this model's outputs are {outputs} for an input of {size[0]}×{size[1]}; "
        f"known families are {', '.join(decoders)}. If it is one of those, write a card "
        f"{_beside(file.path).name} beside it with `decoder: NAME` (and `size`)"
    )


def _names_for(classes: int | None) -> tuple[str, ...]:
    return COCO_NAMES if classes in {None, len(COCO_NAMES)} else ()


def _validated(path: Path, fields: Mapping[str, Any]) -> ModelCard:
    try:
        return ModelCard.model_validate(fields)
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(str(k) for k in first["loc"])
        raise ModelError(f"{_beside(path)}: {key}: {_misvalued(first)}") from exc


def _misvalued(item: Any) -> str:
    kind, value = item["type"], item["input"]
    if kind == "extra_forbidden":
        return f"there is no such key; there are {', '.join(ModelCard.model_fields)}"
    if kind == "missing":
        return "it is missing"
    said = in_words(kind, item.get("ctx", {}), item["msg"]).removeprefix("Value error, ")
    shown = "" if isinstance(value, Mapping | list | tuple) else f", not {value!r:.60}"
    return said + shown
