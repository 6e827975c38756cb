"""The detector: what a model card says, done around an engine that it is handed.

Knows pixels and boxes. Knows no runtime (the engine's) and no model family (the decoder's).
"""

from __future__ import annotations

import copy
import difflib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np

from sightline.errors import ConfigError, ModelError
from sightline.futures import joined
from sightline.geometry import Placement, place
from sightline.models.canvas import Canvas, CanvasRule
from sightline.models.finite import FiniteObjects
from sightline.models.model_card import ModelCard
from sightline.models.postprocess.nms import best, suppress
from sightline.models.postprocess.placed import to_source
from sightline.protocols import Decoder, Engine
from sightline.types import Detections, EngineInfo, Floats, Frame, Pixels

log = logging.getLogger(__name__)


class EngineDetector:
    """A ``Detector`` made of a card, a decoder and an engine.

    Args:
        engine: runs the card's model; closed with the detector.
        card: how to feed and read it.
        decoder: of the card's family.
        flat: the model's outputs have no row for each picture.
        conf, iou, max_detections, agnostic_nms: instead of the card's.
        size: an int for the longer side of an input that fits each picture's aspect; (width,
            height) for that very input; None for the card's own.
        classes: names of the only classes wanted.

    Raises:
        ConfigError: a class has no such name, or the model cannot take that size.
        ModelError: the engine has not the outputs that the card names.
    """

    def __init__(
        self,
        engine: Engine,
        card: ModelCard,
        decoder: Decoder,
        *,
        flat: bool = False,
        conf: float | None = None,
        iou: float | None = None,
        max_detections: int | None = None,
        agnostic_nms: bool | None = None,
        size: int | Canvas | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        self.engine = engine
        self.card = card
        self._decoder = decoder
        self._flat = flat
        self._read_outputs = _places(card, engine.info)
        self.conf = card.conf if conf is None else conf
        self.iou = card.iou if iou is None else iou
        self._limit = card.max_detections if max_detections is None else max_detections
        self._agnostic = card.agnostic_nms if agnostic_nms is None else agnostic_nms
        self.canvas_rule = CanvasRule.of(card, size)
        self.wanted_ids = None if classes is None else class_ids(card.class_names, classes)
        self._nothing = Detections.empty(card.class_names)
        self._unnamed: set[int] = set()  # shared with the detectors that are made of this one
        self._finite = FiniteObjects(card.name)  # likewise

    def __str__(self) -> str:
        """Name, task, input size, classes and runtime, in one line."""
        engine = self.engine.info
        names = self.class_names
        classes = f"{len(names)} classes" if names else "classes without names"
        return (
            f"{self.card.name}: {self.card.task}, input {self.canvas_rule}, {classes}"
            f"{f' ({_some(names, 3)})' if names else ''}, "
            f"{engine.backend} on {engine.device} ({engine.precision})"
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The name of each class id, from 0."""
        return self.card.class_names

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The one engine."""
        return (self.engine,)

    @property
    def max_batch(self) -> int | None:
        """The card's."""
        return self.card.max_batch

    @property
    def tracker_options(self) -> dict[str, Any] | None:
        """The card's, unless another ``conf`` was chosen."""
        suited = self.card.tracker
        return None if suited is None or self.conf != self.card.conf else suited.model_dump()

    @property
    def embedder(self) -> str | None:
        """The card's."""
        return self.card.embedder

    def canvas(self, source: tuple[int, int]) -> Canvas:
        """The input (width, height) for a source picture (width, height)."""
        return self.canvas_rule.canvas(source)

    def batches(self, source: tuple[int, int]) -> tuple[tuple[int, int, int], ...]:
        """What the engine runs for a source picture (width, height): (1, height, width)."""
        width, height = self.canvas(source)
        return ((1, height, width),)

    def with_aspects(self, aspects: Sequence[tuple[int, int]]) -> Self:
        """The same detector on few canvases: see ``SharedDetector``."""
        other = copy.copy(self)
        other.canvas_rule = self.canvas_rule.with_aspects(aspects)
        return other

    def replaced(
        self,
        *,
        conf: float | None = None,
        iou: float | None = None,
        classes: Sequence[str] | None = None,
        size: int | Canvas | None = None,
    ) -> Self:
        """The same detector with other thresholds or classes, or at another size (as for the
        constructor).

        Raises ConfigError: a class has no such name, or the model cannot take that size.
        """
        other = copy.copy(self)
        other.conf = self.conf if conf is None else conf
        other.iou = self.iou if iou is None else iou
        if classes is not None:
            other.wanted_ids = class_ids(self.card.class_names, classes)
        if size is not None:
            other.canvas_rule = CanvasRule.of(self.card, size)
        return other

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """The same detector around another engine; only one of the two may be closed."""
        other = copy.copy(self)
        other.engine = wrap(self.engine)
        return other

    def submit(self, frames: Sequence[Frame]) -> Future[list[Detections]]:
        """Detect in a batch of frames; they may differ in size and in aspect."""
        groups: dict[Canvas, list[int]] = {}
        for i, frame in enumerate(frames):
            groups.setdefault(self.canvas((frame.width, frame.height)), []).append(i)
        limit = self.card.max_batch or len(frames) or 1
        batches = [
            (canvas, members[at : at + limit])
            for canvas, members in groups.items()
            for at in range(0, len(members), limit)
        ]
        if len(batches) == 1:
            return self._run(list(frames), batches[0][0])
        futures = [self._run([frames[i] for i in part], canvas) for canvas, part in batches]
        return joined(futures, partial(_in_order, [part for _, part in batches]))

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def _run(self, frames: list[Frame], canvas: Canvas) -> Future[list[Detections]]:
        card = self.card
        places = [place((f.width, f.height), canvas, card.resize) for f in frames]

        def fill(batch: Pixels) -> None:
            for frame, spot, out in zip(frames, places, batch, strict=True):
                letterbox(frame, spot, card, out)

        read = partial(self._read, canvas, places)
        return self.engine.submit((len(frames), canvas[1], canvas[0]), fill, read)

    def _read(
        self, canvas: Canvas, places: list[Placement], outputs: Sequence[Floats]
    ) -> list[Detections]:
        if self._read_outputs is not None:
            outputs = [outputs[i] for i in self._read_outputs]
        pictures = self._decoder.decode(outputs, canvas, self.conf)
        self._finite.look(pictures, outputs)
        if (
            self._flat
        ):  # it tells neither of pictures without objects nor of those that fill a batch
            missing = [Detections.empty()] * (len(places) - len(pictures))
            pictures = (pictures + missing)[: len(places)]
        return [self._finish(p, spot) for p, spot in zip(pictures, places, strict=True)]

    def _finish(self, found: Detections, spot: Placement) -> Detections:
        if not len(found):
            return self._nothing
        if self.card.first_class:
            found = _counted_from(self.card.first_class, found)
        names = len(self.card.class_names)
        if (
            names
            and not self._unnamed
            and (highest := int(found.class_ids.max(initial=0))) >= names
        ):
            self._warn_of_unnamed(highest)
        if self.wanted_ids is not None:
            found = found[np.isin(found.class_ids, self.wanted_ids)]
        if self._decoder.overlaps:
            found = suppress(found, self.iou, agnostic=self._agnostic, limit=self._limit)
        else:
            found = best(found, self._limit)
        return self._finite.kept(to_source(found, spot, self.class_names, self.card.keypoint_names))

    def _warn_of_unnamed(self, class_id: int) -> None:
        """Say once that a class has no name: where ids are values, shapes cannot tell how many."""
        self._unnamed.add(class_id)
        log.warning(
            "model %s: it has found class %d, and its %d class names end before that. If it counts its "
            "classes from 1, write `first_class: 1` into its card; else name all of them there",
            self.card.name, class_id, len(self.card.class_names),
        )  # fmt: skip


def _places(card: ModelCard, info: EngineInfo) -> tuple[int, ...] | None:
    """Which of an engine's outputs the decoder reads, in its order; None: all as they come."""
    names = [output.name for output in info.outputs]
    if set(card.outputs) <= set(names):
        places = tuple(names.index(name) for name in card.outputs)
        return None if places in {(), tuple(range(len(names)))} else places
    if not names or len(names) == len(card.outputs):
        return None  # another runtime's names of the same outputs
    raise ModelError(
        f"model {card.name}: its card reads the outputs {', '.join(card.outputs)}, and "
        f"{info.backend} has {', '.join(names)}"
    )


def _counted_from(first: int, found: Detections) -> Detections:
    """Objects whose class ids begin with ``first`` in the model, and with 0 from here on."""
    found = found[found.class_ids >= first]
    return replace(found, class_ids=found.class_ids - first)


def class_ids(class_names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """The ids of class names. Raises ConfigError with the nearest name for an unknown one."""
    ids = []
    for name in wanted:
        if name in class_names:
            ids.append(class_names.index(name))
        elif name.isdigit() and (not class_names or int(name) < len(class_names)):
            ids.append(int(name))
        else:
            raise no_class(name, class_names)
    return ids


def no_class(name: str, class_names: Sequence[str]) -> ConfigError:
    """The error that says that a model has no class of this name, and the nearest that it has."""
    near = difflib.get_close_matches(name.lower(), class_names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {_some(class_names)}"
    if (several := name.split()) and set(several) <= set(class_names):
        hint = f"several have commas between them: {','.join(several)}"
    return ConfigError(f"this model has no class {name!r}: {hint}")


def _some(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(names[:most])
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return shown + more if names else "none"


def letterbox(frame: Frame, spot: Placement, card: ModelCard, out: Pixels) -> None:
    """Write a frame into its place in ``out`` (H, W, 3); only the borders are filled."""
    bottom, right = spot.top + spot.height, spot.left + spot.width
    out[: spot.top] = card.pad
    out[bottom:] = card.pad
    out[spot.top : bottom, : spot.left] = card.pad
    out[spot.top : bottom, right:] = card.pad
    frame.scaled(spot.width, spot.height, card.order, out[spot.top : bottom, spot.left : right])


def _in_order(parts: list[list[int]], results: list[list[Detections]]) -> list[Detections]:
    """The results of batches in the order of the frames; ``parts`` are the frames of each batch."""
    places = {
        i: found
        for part, batch in zip(parts, results, strict=True)
        for i, found in zip(part, batch, strict=True)
    }
    return [places[i] for i in range(len(places))]
