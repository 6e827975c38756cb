"""Reading a model file with its card: each field of the card from where it is said best.

Each field is taken from ``NAME.yaml`` beside the file, else from the file's own metadata, else
inferred from its shapes; where it came from is kept and logged.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sightline import coco
from sightline.errors import ModelError
from sightline.model_inputs import format_shape
from sightline.models.exporters.hugging_face import classifier_config, hub_config
from sightline.models.exporters.metadata import (
    DETECTION_TASKS,
    from_metadata,
    refuse_task,
    told_family,
)
from sightline.models.exporters.neighbours import FILES, neighbour
from sightline.models.family import Family, ModelHints, recognise
from sightline.models.file import ModelFile
from sightline.models.graphs.focus import fold_focus
from sightline.models.graphs.foreign import foreign_operators
from sightline.models.graphs.relax import relax
from sightline.models.model_card import ModelCard, card_beside, card_path, validated_card
from sightline.models.task_fields import check_task, with_keypoints
from sightline.protocols import Decoder
from sightline.types import Fit, Normalization

log = logging.getLogger(__name__)

DEFAULT_SIZE = 640

CropTask = Literal["classify", "embed"]
"""Tasks of models that are shown one object, or one picture, at a time."""

_IMAGENET: Mapping[str, Any] = {
    "size": 224,
    "resize": "centre-crop",
    "crop": 0.875,
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}
"""How the classifiers of torchvision and timm are fed, where nothing tells."""

_Found: TypeAlias = dict[str, tuple[Any, str]]
"""The fields of a card, each with where it was found. What later says it has the last word."""

_SAID = {"card", "metadata", "config.json", *FILES}
"""Where a field of a card stands; any other origin is a guess."""


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
    beside = card_beside(file.path)
    metadata = from_metadata(file.metadata, DETECTION_TASKS, file.path)
    refuse_task(beside.get("task", "detect"), DETECTION_TASKS, file.path)
    if _of_input(file)["fixed_size"][0]:
        metadata.pop("size", None)  # a file beside the model may be another export's
    size = _size(file, beside.get("size", metadata.get("size")))
    names = beside.get("class_names", metadata.get("class_names"))
    hub = hub_config(file.path)
    told = hub.family if hub else told_family(file.metadata)
    told_fields = {**metadata, **beside}
    task = "pose" if told_fields.get("keypoint_shape") else told_fields.get("task")
    family, fit = _family(file, decoders, beside, size, names, told, task)
    where = str(card_path(file.path))
    check_task(fit, family, told_fields.get("task"), where)
    fit, keypoints = with_keypoints(fit, told_fields, _count(names), where)
    if hub and not hub.fits(family, fit.classes):
        hub = None
    names = names or (hub.fields["class_names"] if hub else None)
    other = None if hub else neighbour(file.path, family, fit.classes)
    decoder = decoders[family]
    file = fold_focus(relax(file, decoder))
    found: _Found = {
        **_of_family(file, family, fit, decoder),
        "size": (size, "input shape"),
        **keypoints,
        **{key: (value, "config.json") for key, value in (hub.fields if hub else {}).items()},
        **({key: (v, other.file) for key, v in other.fields.items()} if other else {}),
        **_of_input_type(file),
        **{key: (value, "metadata") for key, value in metadata.items()},
        **{key: (value, "card") for key, value in beside.items()},
        "task": (fit.task, "outputs"),
        **({"order": ("rgb", "one channel")} if file.channels == 1 else {}),
    }
    _number_coco_names(beside, found)
    card = validated_card(file.path, {key: value for key, (value, _) in found.items()})
    _check(card, file, size)
    _check_anchors(card, fit, decoder)
    if names:
        said_by = card_path(file.path) if "class_names" in beside else f"{file.path}: its metadata"
        _check_names(card, names, fit.classes, str(said_by))
    origin = {key: source for key, (_, source) in found.items()}
    _say_guesses(card, file, origin, fit)
    return CardReading(card, file, origin, fit.flat)


def _of_family(file: ModelFile, family: str, fit: Fit, decoder: Decoder) -> _Found:
    """The card's fields that a model's name, its family and its shapes tell."""
    of_input = _of_input(file)
    resized = fit.resizes and not of_input["fixed_size"][0]
    return {
        "name": (file.path.stem, "file name"),
        "decoder": (family, "output shapes"),
        "outputs": (tuple(file.outputs[i].name for i in fit.outputs), "outputs"),
        **of_input,
        **({"max_batch": (1, "outputs")} if fit.flat else {}),
        "class_names": (coco.names_for(fit.classes), "output shapes"),
        **{key: (value, f"the {family} family") for key, value in decoder.card.items()},
        **({"resize": ("letterbox", "input shape")} if resized else {}),
    }


def _number_coco_names(beside: Mapping[str, object], found: _Found) -> None:
    """`coco91` has the name of id 0 first: begin with the family's first class."""
    if beside.get("class_names") == list(coco.COCO_CATEGORIES) and "first_class" in found:
        first = found["first_class"][0]
        found["class_names"] = (coco.COCO_CATEGORIES[first:], "card")


def _say_guesses(card: ModelCard, file: ModelFile, origin: Mapping[str, str], fit: Fit) -> None:
    """Log what nobody has said of a model, and warn where its class names are a guess."""
    guessed = [
        f"{key}={_short(getattr(card, key))}"
        for key, source in origin.items()
        if source not in _SAID
    ]
    log.info("model %s: inferred %s", card.name, ", ".join(guessed))
    if card.class_names and origin["class_names"] not in _SAID and fit.classes is None:
        log.warning(
            "model %s: %s tells neither the names nor the number of its classes. They are called as those "
            "of COCO, which is a guess: write into %s beside it `class_names: [helmet, vest, ...]`, "
            "or `class_names: %s` where it is right",
            card.name, file.path.name, card_path(file.path).name,
            "coco" if len(card.class_names) == len(coco.COCO_NAMES) else "coco91",
        )  # fmt: skip
    if card.anchors and origin["anchors"] not in _SAID:
        log.warning(
            "model %s: its heads are read with the anchors of YOLOv5 and YOLOv7-tiny, which is a guess: "
            "write into %s beside it `anchors: yolov7` where it is another YOLOv7, or `anchors: yolov5` where it is right",
            card.name, card_path(file.path).name,
        )  # fmt: skip


def _family(
    file: ModelFile,
    decoders: Mapping[str, Decoder],
    beside: Mapping[str, Any],
    size: tuple[int, int],
    names: object,
    told: str | None,
    task: str | None,
) -> Family:
    """The family that the card names, that its exporter or its task tell of, or that the outputs tell."""
    wanted = beside.get("decoder")
    if wanted is not None and wanted not in decoders:
        known = ", ".join(decoders)
        raise ModelError(f"{card_path(file.path)}: unknown decoder {wanted!r}; known are {known}")
    if file.format in {"torch", "tensorrt"} and not file.outputs:
        wanted = wanted or told
        if wanted is None:
            what = "a PyTorch program" if file.format == "torch" else "an engine of TensorRT"
            raise ModelError(
                f"{file.path}: {what} does not say what it is: write a card "
                f"{card_path(file.path).name} beside it with `decoder`, `size` and `class_names`"
            )
        return Family(wanted, decoders[wanted].fit((), size) or Fit(()))
    clues = ModelHints(
        card_path(file.path).name,
        size,
        wanted,
        _count(names),
        tuple(beside.get("outputs", ())),
        told,
        task,
    )
    outputs = file.outputs_at(size)
    try:
        return recognise(outputs, decoders, clues)
    except ModelError as exc:
        foreign = [] if file.graph is None else foreign_operators(file.graph)
        if foreign and any(not one.shape or None in one.shape for one in outputs):
            raise ModelError(
                f"{file.path}: ONNX does not know {', '.join(foreign)}, so nothing tells the shapes of its outputs, and "
                "runtimes without that plugin cannot run it: export the model without it"
            ) from exc
        raise ModelError(f"{file.path}: {exc}") from exc


def _count(names: object) -> int | None:
    """How many class names there are, where there are any."""
    return len(names) if names and isinstance(names, Sequence | Mapping) else None


def _of_input(file: ModelFile) -> _Found:
    """The card's fields that the shape of the input tells."""
    n, _, height, width = file.input.shape
    fixed = height is not None or width is not None
    return {"fixed_size": (fixed, "input shape"), "max_batch": (n, "input shape")}


def _of_input_type(file: ModelFile) -> _Found:
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


def read_crop_card(file: ModelFile, task: CropTask | None = None) -> CardReading:
    """The card of a classifier or an embedder: of a model that is shown one object at a time.

    Args:
        file: the model.
        task: what it is used for, where neither a card nor the file says what it is. A classifier
            of which nothing is told is fed as those of ImageNet are.

    Raises:
        ModelError: the card beside the file is broken or contradicts the model, its checksum is
            another file's, or the task is another.
    """
    beside = card_beside(file.path)
    metadata = from_metadata(file.metadata, ("classify", "embed"), file.path)
    told = beside.get("task", metadata.get("task"))
    if told in DETECTION_TASKS or (told is None and task is None):
        raise ModelError(
            f"{file.path}: a classifier or an embedder is needed: write a card "
            f"{card_path(file.path).name} beside it with `task: classify` or `task: embed`"
        )
    hub = classifier_config(file.path) if (told or task) == "classify" else {}
    guess = _IMAGENET if told is None and not hub else {}
    said = (each["size"] for each in (beside, metadata, hub, guess) if "size" in each)
    size = _size(file, next(said, None))
    found: _Found = {
        "name": (file.path.stem, "file name"),
        "task": (told or task, "use"),
        **_of_input(file),
        **{key: (value, "config.json") for key, value in hub.items()},
        **{key: (value, "guess") for key, value in guess.items()},
        **_of_input_type(file),
        **{key: (value, "metadata") for key, value in metadata.items()},
        **{key: (value, "card") for key, value in beside.items()},
        "size": (size, "input shape"),
    }
    card = validated_card(file.path, {key: value for key, (value, _) in found.items()})
    if card.task == "classify" and not card.attributes:
        names = card.class_names or (_numbers(file) if guess else ())
        card = card.model_copy(update={"attributes": {"class": names}})
    if guess:
        log.warning(
            "model %s: nothing says how it is fed, so it gets pictures as ImageNet's classifiers do, which is "
            "a guess: write a card %s beside it with `task: classify`, `mean`, `std`, `resize` and "
            "`class_names`",
            card.name, card_path(file.path).name,
        )  # fmt: skip
    _check(card, file, size)
    _check_outputs(card, file)
    return CardReading(card, file, {key: source for key, (_, source) in found.items()})


def _numbers(file: ModelFile) -> tuple[str, ...]:
    """Names for the values of a classifier with one output that nobody names; none of others."""
    shapes = [output.shape for output in file.outputs]
    known = shapes[0][1] if len(shapes) == 1 and len(shapes[0]) == 2 else None
    return tuple(str(number) for number in range(known or 0))


def _check_outputs(card: ModelCard, file: ModelFile) -> None:
    """Raise ModelError where the outputs of a classifier or an embedder are not what it says."""
    shapes = [output.shape for output in file.outputs]
    told = ", ".join(format_shape(shape) for shape in shapes)
    if any(len(shape) != 2 for shape in shapes):
        raise ModelError(
            f"{file.path}: its outputs are {told}; those of a classifier or an embedder are "
            "(crops, values) each: is it a detector?"
        )
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
                f"write `class_names` or `attributes` into {card_path(file.path).name}"
            )


def _check(card: ModelCard, file: ModelFile, size: tuple[int, int]) -> None:
    """Raise ModelError where a card contradicts its model."""
    if card.task in DETECTION_TASKS and card.resize == "centre-crop":
        raise ModelError(
            f"{card_path(file.path)}: resize: centre-crop cuts off the borders of a picture, with the "
            "objects there: it is for classifiers only"
        )
    if card.fixed_size and card.size != size:
        raise ModelError(
            f"{card_path(file.path)}: size is {card.size[0]}×{card.size[1]}, but the model takes "
            f"{size[0]}×{size[1]} only: leave `size` out"
        )
    if "int" in file.input.dtype and card.normalization != Normalization():
        raise ModelError(
            f"{file.path}: its input is {file.input.dtype}, which cannot hold scaled pixels: "
            f"write `scale: 1` into {card_path(file.path).name}"
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
            f"are known for {levels}: write `anchors: [[[w, h], [w, h], [w, h]], …]` into its card, or "
            "`anchors: yolov5-p6` for the usual four heads"
        )


def _check_names(card: ModelCard, given: object, classes: int | None, said_by: str) -> None:
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


def _short(value: object) -> str:
    return f"{len(value)} names" if isinstance(value, tuple) and len(value) > 4 else str(value)


def _size(file: ModelFile, declared: Any) -> tuple[int, int]:
    _, _, height, width = file.input.shape
    if height and width:
        return (width, height)
    if declared is None:
        return (DEFAULT_SIZE, DEFAULT_SIZE)
    return (
        (declared, declared) if isinstance(declared, int) else (int(declared[0]), int(declared[1]))
    )
