"""Which family a model's outputs belong to, and which of them it reads.

Knows what families say of outputs (``Decoder.fit``), and how the names of classes, where they are
known, decide between families that would both fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sightline.errors import ModelError
from sightline.model_inputs import format_shape
from sightline.protocols import Decoder
from sightline.types import Fit, TensorSpec

COCO_COUNTS = (80, 91)
"""Classes of models that were trained on COCO: without its gaps, or numbered by its categories."""


class Family(NamedTuple):
    """A key of the table of decoders, and how the model's outputs fit it."""

    name: str
    fit: Fit


@dataclass(frozen=True)
class ModelHints:
    """What is known of a model beside its outputs.

    Args:
        card: file name of the card beside the model, for messages.
        canvas: width and height of the input.
        decoder: the family that the card names.
        names: how many class names the card or the metadata give.
        outputs: names of the outputs that the card says are read, in the family's order.
        told: the family that the file's exporter tells of, which counts where the outputs fit it.
        task: what the model finds, where the card or the metadata tell.
    """

    card: str
    canvas: tuple[int, int]
    decoder: str | None = None
    names: int | None = None
    outputs: tuple[str, ...] = ()
    told: str | None = None
    task: str | None = None


def recognise(
    outputs: Sequence[TensorSpec], decoders: Mapping[str, Decoder], clues: ModelHints
) -> Family:
    """The family of a model with these outputs, for an input of the size that the clues name.

    Raises:
        ModelError: no family fits, several do and nothing tells which, or the card names another
            than those that fit. The message says what to write into the card.
    """
    given = _given(outputs, clues)
    read = [outputs[i] for i in given]
    fitting = list(_fitting(read, decoders, clues))
    found = _chosen(read, fitting, decoders, clues)
    if clues.outputs:  # the card's order counts
        return Family(found.name, replace(found.fit, outputs=given, resizes=False))
    return found


def _fitting(
    outputs: Sequence[TensorSpec], decoders: Mapping[str, Decoder], clues: ModelHints
) -> Iterator[Family]:
    """The families that the outputs fit, up to one that no later one can take the place of."""
    if clues.decoder is not None:
        fit = decoders[clues.decoder].fit(outputs, clues.canvas)
        if fit is not None:
            yield Family(clues.decoder, fit)
            return
    elif clues.told is not None:
        fit = decoders[clues.told].fit(outputs, clues.canvas)
        if fit is not None:
            yield Family(clues.told, replace(fit, certainty="sure"))
            return
    for name, decoder in decoders.items():
        fit = decoder.fit(outputs, clues.canvas)
        if fit is None:
            continue
        yield Family(name, fit)
        if fit.certainty == "sure" and fit.classes in _likely_counts(clues.names):
            return


def _likely_counts(names: int | None) -> tuple[int, ...]:
    """How many classes a model has: as many as names are known, or one of COCO's numbers."""
    return COCO_COUNTS if names is None else (names,)


def _given(outputs: Sequence[TensorSpec], clues: ModelHints) -> tuple[int, ...]:
    """Places of the outputs that the card names, or of all."""
    places = {output.name: i for i, output in enumerate(outputs)}
    for name in clues.outputs:
        if name not in places:
            raise ModelError(
                f"{clues.card}: outputs: the model has none called {name!r}; it has "
                f"{', '.join(places)}"
            )
    return tuple(places[name] for name in clues.outputs) or tuple(range(len(outputs)))


def _chosen(
    outputs: Sequence[TensorSpec],
    fitting: Sequence[Family],
    decoders: Mapping[str, Decoder],
    clues: ModelHints,
) -> Family:
    if clues.decoder is not None:
        for family in fitting:
            if family.name == clues.decoder:
                return family
        told = [f.name for f in fitting if f.fit.certainty == "sure"]
        if told and not clues.outputs:
            raise ModelError(
                f"{clues.card}: decoder is {clues.decoder}, but this model's outputs are those of "
                f"{' or '.join(told)}"
            )
        flat = bool(outputs) and len(outputs[0].shape) in {1, 2}
        return Family(clues.decoder, Fit(tuple(range(len(outputs))), flat=flat))
    likely = _told_by_task([f for f in fitting if f.fit.certainty != "card"], clues.task)
    pool = _told_by_classes(likely, clues.names)
    for family in pool:
        if family.fit.certainty == "sure":
            return family
    if len(pool) == 1 and (len(likely) > 1 or clues.task == pool[0].fit.task):
        return pool[0]
    raise ModelError(_question(outputs, pool, decoders, clues))


def _told_by_task(families: list[Family], task: str | None) -> list[Family]:
    """The families whose task is told; all where none has it."""
    return [f for f in families if f.fit.task == task] or families


def _told_by_classes(families: list[Family], names: int | None) -> list[Family]:
    """The families whose number of classes is that of the names, or COCO's; all where none has it."""
    told = [f for f in families if f.fit.classes in _likely_counts(names)]
    if not told:
        return families
    return [f for f in families if f.fit.classes is None or f in told]


def _meaning(fit: Fit) -> str:
    """What a family takes outputs for that are another one's too."""
    found = {"segment": "masks", "pose": "keypoints", "obb": "angles"}.get(fit.task)
    return f" ({found or f'{fit.classes} classes'})"


def _question(
    outputs: Sequence[TensorSpec],
    pool: Sequence[Family],
    decoders: Mapping[str, Decoder],
    clues: ModelHints,
) -> str:
    width, height = clues.canvas
    listed = ", ".join(f"{o.name} {format_shape(o.shape)}" for o in outputs)
    said = f"this model's outputs are {listed} for an input of {width}×{height}"
    if pool:
        several = len({family.fit.task for family in pool}) > 1
        lines = " or ".join(
            f"`decoder: {family.name}`{_meaning(family.fit) if several else ''}" for family in pool
        )
        others = ", or name another family" if len(pool) == 1 else ""
        return (
            f"{said}, which several families have: write a card {clues.card} beside it with "
            f"{lines}{others}"
        )
    return (
        f"{said}; known families are {', '.join(decoders)}. If it is one of those, write a card "
        f"{clues.card} beside it with `decoder: NAME` (and `size`); where the outputs' names do not "
        "tell which is which, also `outputs: [NAME, …]` in the order that the family reads them"
    )
