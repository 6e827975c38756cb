"""The classifier: names for the attributes of single objects, around an engine that it is handed.

Knows a card's attributes and their names. Knows no runtime (the engine's).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from concurrent.futures import Future

import numpy as np

from sightline.models.card import ModelCard
from sightline.models.crops import CropRunner
from sightline.protocols import Engine
from sightline.types import Floats, Frame, Label

Labels = tuple[Label, ...]


class CropClassifier:
    """A ``Classifier`` made of a card and an engine.

    Args:
        engine: runs the card's model; closed with the classifier.
        card: how to cut crops, and what each output tells.
        conf: instead of the card's: values that are less likely are not given.
        top: at most so many values of each attribute, the likeliest first.

    Raises:
        ModelError: the model takes only batches of a size greater than one.
    """

    def __init__(
        self, engine: Engine, card: ModelCard, *, conf: float | None = None, top: int = 1
    ) -> None:
        self.engine = engine
        self.card = card
        self._conf = card.conf if conf is None else conf
        self._top = top
        self._crops = CropRunner(engine, card)

    @property
    def attributes(self) -> Mapping[str, tuple[str, ...]]:
        """The names that each attribute may have."""
        return self.card.attributes

    def submit(self, frame: Frame, boxes: Floats) -> Future[list[Labels]]:
        """Labels of each box (N, 4) xyxy in pixels of the frame; the whole frame is a box too.

        Attributes come in the card's order. An attribute of which no value is likely enough is left
        out. Raises ValueError where boxes have another shape.
        """
        return self._crops.submit(frame, boxes, self._read, _chained)

    def close(self) -> None:
        self.engine.close()

    def _read(self, outputs: Sequence[Floats]) -> list[Labels]:
        told = [
            self._name(attribute, names, values)
            for (attribute, names), values in zip(
                self.card.attributes.items(), outputs, strict=True
            )
        ]
        return [tuple(itertools.chain(*of_one)) for of_one in zip(*told, strict=True)]

    def _name(self, attribute: str, names: Sequence[str], values: Floats) -> list[list[Label]]:
        """Labels of one attribute for each row of ``values`` (N, names)."""
        scores = _softmax(values) if self.card.logits else values
        likeliest = np.argsort(-scores, axis=1)[:, : self._top]
        ranked = np.take_along_axis(scores, likeliest, axis=1)
        return [
            [
                Label(attribute, names[place], round(score, 4))
                for place, score in zip(places, row, strict=True)
                if score >= self._conf
            ]
            for places, row in zip(likeliest.tolist(), ranked.tolist(), strict=True)
        ]


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _chained(parts: list[list[Labels]]) -> list[Labels]:
    return list(itertools.chain(*parts))
