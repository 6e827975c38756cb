"""The model card: everything that is needed to use a model file.

Each field is taken from ``NAME.yaml`` beside the file, else from the file's own metadata, else
inferred from its shapes; where it came from is kept and logged.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from sightline.errors import ModelError
from sightline.foreign_words import named_here
from sightline.geometry import Resize
from sightline.model_inputs import format_shape
from sightline.models.family import Clues, Family, recognise
from sightline.models.file import ModelFile
from sightline.models.focus import fold_focus
from sightline.models.hugging_face import hub_config
from sightline.models.metadata import from_metadata, refuse_task, told_family
from sightline.models.relax import relax
from sightline.protocols import Decoder
from sightline.types import ChannelOrder, Fit, Normalization
from sightline.value_errors import in_words

log = logging.getLogger(__name__)

DEFAULT_SIZE = 640

_SAID = {"card", "metadata", "config.json"}
"""Where a field of a card stands; any other origin is a guess."""

_MOST_CLASSES = 100_000
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Control characters, line ends and marks that turn the direction of writing: in a name they would
reach terminals, logs and tables."""


class ModelCard(BaseModel):
    """How to feed a model and how to read it. Sizes are (width, height) in pixels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    task: Literal["detect", "classify", "embed"] = "detect"
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
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resize: Resize = "letterbox"
    pad: int = Field(114, ge=0, le=255, description="grey level around a letterboxed picture")
    first_class: int = Field(0, ge=0, description="the model's own id of the first class name")
    class_names: tuple[str, ...] = ()
    anchors: tuple[tuple[tuple[PositiveFloat, PositiveFloat], ...], ...] | None = Field(
        None, description="width and height of the anchors of each head, for `yolov5-heads`"
    )
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
    def _names_by_id(cls, value: Any, info: ValidationInfo) -> Any:
        """Names may be a mapping of ids, as Ultralytics writes them.

        They are the model's own ids, so that its first one may be ``first_class``.
        """
        if isinstance(value, Mapping):
            # A list as text would be all that YAML's aliases stand for: gigabytes.
            if any(isinstance(v, Mapping | list | tuple | set) for v in value.values()):
                raise ValueError("the name of a class must be text")
            names = {int(k): str(v) for k, v in value.items()}
            first = info.data.get("first_class", 0)
            first = 0 if min(names, default=0) < first else first
            if max(names, default=0) > _MOST_CLASSES:  # each id below it would get a name
                raise ValueError(
                    f"class id {max(names)} is above {_MOST_CLASSES}, the most that there can be"
                )
            return tuple(names.get(i, str(i)) for i in range(first, max(names, default=-1) + 1))
        return value

    @field_validator("class_names")
    @classmethod
    def _printable(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Names without control characters: a model file from elsewhere may hold any."""
        return tuple(_CONTROLS.sub(" ", name).strip() for name in names)

    @field_validator("mean", "std", mode="before")
    @classmethod
    def _of_each_channel(cls, value: Any) -> Any:
        """One number is that of all channels, or of the one that a grey picture has."""
        numbers = value if isinstance(value, list | tuple) else [value]
        return tuple(numbers) * 3 if len(numbers) == 1 else value

    @field_validator("size", mode="before")
    @classmethod
    def _square(cls, value: Any) -> Any:
        return (value, value) if isinstance(value, int) else value

    @property
    def normalization(self) -> Normalization:
        """What is done to pixels before the network, for an Engine."""
        return Normalization(self.scale, self.mean, self.std)


@dataclass(frozen=True)
class CardReading:
    """A card, its model file, and where each field was found: card, metadata or shapes.

    The file is the one that was read, opened to other sizes where its graph allows it. ``flat`` says
    that the outputs have no row for each picture.
    """

    card: ModelCard
    file: ModelFile
    origin: Mapping[str, str]
    flat: bool = False


def read_card(file: ModelFile, decoders: Mapping[str, Decoder]) -> CardReading:
    """The card of a model file.

    Raises:
        ModelError: the card beside the file is broken, its checksum is another file's, or the
            outputs belong to no known family.
    """
    beside = _card_beside(file.path)
    metadata = from_metadata(file.metadata, ("detect",))
    refuse_task(beside.get("task", "detect"), ("detect",))
    size = _size(file, beside.get("size", metadata.get("size")))
    names = beside.get("class_names", metadata.get("class_names"))
    hub = hub_config(file.path)
    told = hub.family if hub else told_family(file.metadata)
    family, fit = _family(file, decoders, beside, size, names, told)
    if hub and not hub.fits(family, fit.classes):
        hub = None
    if hub and not names:
        names = hub.fields["class_names"]
    decoder = decoders[family]
    file = fold_focus(relax(file, decoder))
    fixed = _of_input(file)["fixed_size"][0]
    found: dict[str, tuple[Any, str]] = {
        "name": (file.path.stem, "file name"),
        "decoder": (family, "output shapes"),
        "outputs": (tuple(file.outputs[i].name for i in fit.outputs), "outputs"),
        "size": (size, "input shape"),
        **_of_input(file),
        **({"max_batch": (1, "outputs")} if fit.flat else {}),
        "class_names": (coco.names_for(fit.classes), "output shapes"),
        **{key: (value, f"the {family} family") for key, value in decoder.card.items()},
        **({"resize": ("letterbox", "input shape")} if fit.resizes and not fixed else {}),
        **{key: (value, "config.json") for key, value in (hub.fields if hub else {}).items()},
        **_of_input_type(file),
        **{key: (value, "metadata") for key, value in metadata.items()},
        **{key: (value, "card") for key, value in beside.items()},
        **({"order": ("rgb", "one channel")} if file.channels == 1 else {}),
    }
    if beside.get("class_names") == list(coco.COCO_CATEGORIES) and "first_class" in found:
        first = found["first_class"][0]  # `coco91` has the name of id 0 first
        found["class_names"] = (coco.COCO_CATEGORIES[first:], "card")
    card = _validated(file.path, {key: value for key, (value, _) in found.items()})
    _check(card, file, size)
    _check_anchors(card, fit, decoder)
    if names:
        said_by = _beside(file.path) if "class_names" in beside else f"{file.path}: its metadata"
        _check_names(card, names, fit.classes, str(said_by))
    origin = {key: source for key, (_, source) in found.items()}
    guessed = [
        f"{key}={_short(getattr(card, key))}"
        for key, source in origin.items()
        if source not in _SAID
    ]
    log.info("model %s: inferred %s", card.name, ", ".join(guessed))
    if card.class_names and origin["class_names"] not in _SAID and fit.classes is None:
        log.warning(
            "model %s: %s tells neither the names nor the number of its classes. They are called as those "
            "of COCO, which is a guess: write into %s `class_names: [helmet, vest, ...]`, "
            "or `class_names: %s` where it is right",
            card.name, file.path.name, _beside(file.path),
            "coco" if len(card.class_names) == len(coco.COCO_NAMES) else "coco91",
        )  # fmt: skip
    return CardReading(card, file, origin, fit.flat)


def _family(
    file: ModelFile,
    decoders: Mapping[str, Decoder],
    beside: Mapping[str, Any],
    size: tuple[int, int],
    names: Any,
    told: str | None,
) -> Family:
    """The family that the card names, that its exporter tells of, or that the outputs tell."""
    wanted = beside.get("decoder")
    if wanted is not None and wanted not in decoders:
        known = ", ".join(decoders)
        raise ModelError(f"{_beside(file.path)}: unknown decoder {wanted!r}; known are {known}")
    if file.format == "torch":
        if wanted is None:
            raise ModelError(
                f"{file.path}: a PyTorch program does not say what it is: write a card "
                f"{_beside(file.path).name} beside it with `decoder`, `size` and `class_names`"
            )
        return Family(wanted, decoders[wanted].fit((), size) or Fit(()))
    clues = Clues(
        _beside(file.path).name,
        size,
        wanted,
        len(names) if names and isinstance(names, Sequence | Mapping) else None,
        tuple(beside.get("outputs", ())),
        told,
    )
    try:
        return recognise(file.outputs_at(size), decoders, clues)
    except ModelError as exc:
        raise ModelError(f"{file.path}: {exc}") from exc


def _of_input(file: ModelFile) -> dict[str, tuple[Any, str]]:
    """The card's fields that the shape of the input tells."""
    n, _, height, width = file.input.shape
    fixed = height is not None or width is not None
    return {"fixed_size": (fixed, "input shape"), "max_batch": (n, "input shape")}


def _of_input_type(file: ModelFile) -> dict[str, tuple[Any, str]]:
    """An input of whole numbers can only take pixels as they are."""
    if "int" not in file.input.dtype:
        return {}
    if file.input.dtype == "int8":
        raise ModelError(
            f"{file.path}: its input is int8, which cannot hold pixels from 0 to 255: export it "
            "with an input of floats or of uint8"
        )
    plain = Normalization()
    return {key: (getattr(plain, key), "input type") for key in ("scale", "mean", "std")}


def read_crop_card(file: ModelFile) -> CardReading:
    """The card of a classifier or an embedder: of a model that is shown one object at a time.

    Raises:
        ModelError: the card beside the file is broken or contradicts the model, its checksum is
            another file's, or the task is another.
    """
    beside = _card_beside(file.path)
    metadata = from_metadata(file.metadata, ("classify", "embed"))
    if beside.get("task", metadata.get("task", "detect")) == "detect":
        raise ModelError(
            f"{file.path}: a classifier or an embedder is needed: write a card "
            f"{_beside(file.path).name} beside it with `task: classify` or `task: embed`"
        )
    size = _size(file, beside.get("size", metadata.get("size")))
    found: dict[str, tuple[Any, str]] = {
        "name": (file.path.stem, "file name"),
        "size": (size, "input shape"),
        **_of_input(file),
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


def _check_anchors(card: ModelCard, fit: Fit, decoder: Decoder) -> None:
    """Raise ModelError where a card's anchors are for another family, or not for each head."""
    if card.anchors is None:
        return
    if "anchors" not in decoder.card:
        raise ModelError(f"{card.name}: the family {card.decoder} has no anchors: leave them out")
    levels = [len(level) for level in card.anchors]
    if fit.outputs and levels != [3] * len(fit.outputs):
        raise ModelError(
            f"{card.name}: the model has {len(fit.outputs)} heads with 3 anchors each, and anchors "
            f"are known for {levels}: write `anchors: [[[w, h], [w, h], [w, h]], …]` into its card"
        )


def _check_names(card: ModelCard, given: Any, classes: int | None, said_by: str) -> None:
    """Raise ModelError where there are more or fewer names than classes.

    A mapping that leaves out ids may name fewer.
    """
    if classes is None:
        return
    names = len(card.class_names)
    sparse = isinstance(given, Mapping) and sorted(int(k) for k in given) != list(range(len(given)))
    if names == classes or (sparse and names < classes):
        return
    raise ModelError(
        f"{said_by}: there are {names} class_names, but the outputs are those of {classes} classes "
        f"({card.decoder}): name all {classes} in the model's order, or those that are used by "
        "their id: `class_names: {1: helmet, 3: vest}`"
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
    names = content.get("class_names")
    if isinstance(names, str) and names in coco.LISTS:
        content["class_names"] = list(coco.LISTS[names])
    # What the card leaves out is found later; what it says must be right before it is used.
    _validated(path, {"name": "", "decoder": "", "size": 1, "fixed_size": False, **content})
    return content


def _size(file: ModelFile, declared: Any) -> tuple[int, int]:
    _, _, height, width = file.input.shape
    if height and width:
        return (width, height)
    if declared is None:
        return (DEFAULT_SIZE, DEFAULT_SIZE)
    return (
        (declared, declared) if isinstance(declared, int) else (int(declared[0]), int(declared[1]))
    )


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
        known = ModelCard.model_fields
        meant = named_here(str(item["loc"][-1]), known)
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
        return f"there is no such key; {hint}"
    if kind == "missing":
        return "it is missing"
    said = in_words(kind, item.get("ctx", {}), item["msg"]).removeprefix("Value error, ")
    shown = "" if isinstance(value, Mapping | list | tuple) else f", not {value!r:.60}"
    return said + shown
