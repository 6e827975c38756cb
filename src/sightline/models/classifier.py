"""The classifier: names for the attributes of single objects, around an engine that it is handed.

Knows a card's attributes and their names. Knows no runtime (the engine's).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Self

import numpy as np

from sightline.models.crops import CropRunner
from sightline.models.model_card import ModelCard
from sightline.protocols import Engine
from sightline.types import Floats, Frame, Label, Pixels

Labels = tuple[Label, ...]

_ROUNDING = 0.02
"""The error that is allowed in the sum of probabilities of a network in half precision or eight bits."""


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
        return self._crops.submit(frame, boxes, self._read, self._named)

    def scores(self, frame: Frame, boxes: Floats) -> Future[list[Floats]]:
        """The probabilities (N, values) of each attribute, in the card's order, for each box (N, 4) xyxy.

        Raises ValueError where boxes have another shape.
        """
        return self._crops.submit(frame, boxes, self._read, self._stacked)

    def scores_of_cut(self, pictures: Sequence[Pixels]) -> Future[list[Floats]]:
        """``scores`` of pictures (H, W, 3) uint8 of the card's size that were cut before."""
        return self._crops.submit_cut(pictures, self._read, self._stacked)

    def labels(self, scores: Sequence[Floats]) -> list[Labels]:
        """Labels of each row of ``scores``, one array (N, values) for each attribute."""
        told = [
            self._name(attribute, names, values)
            for (attribute, names), values in zip(self.card.attributes.items(), scores, strict=True)
        ]
        return [tuple(itertools.chain(*of_one)) for of_one in zip(*told, strict=True)]

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """The same classifier around another engine; only one of the two may be closed."""
        return type(self)(wrap(self.engine), self.card, conf=self._conf, top=self._top)

    def replaced(self, *, conf: float | None = None, top: int | None = None) -> Self:
        """The same classifier, on the same engine, with another lowest score, or more values of each
        attribute; None: its own."""
        conf = self._conf if conf is None else conf
        return type(self)(self.engine, self.card, conf=conf, top=self._top if top is None else top)

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def _read(self, outputs: Sequence[Floats]) -> list[Floats]:
        """Probabilities of one batch: a copy, since outputs are the engine's own memory."""
        return [self._probabilities(values) for values in outputs]

    def _probabilities(self, values: Floats) -> Floats:
        logits = self.card.logits
        if logits is None:
            logits = not _are_probabilities(values, several=self.card.multi_label)
        if not logits:
            return values.copy()
        return _sigmoid(values) if self.card.multi_label else _softmax(values)

    def _stacked(self, parts: list[list[Floats]]) -> list[Floats]:
        if parts:
            return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        return [np.empty((0, len(names)), np.float32) for names in self.card.attributes.values()]

    def _named(self, parts: list[list[Floats]]) -> list[Labels]:
        return self.labels(self._stacked(parts))

    def _name(self, attribute: str, names: Sequence[str], scores: Floats) -> list[list[Label]]:
        """Labels of one attribute for each row of ``scores`` (N, names)."""
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


def _are_probabilities(values: Floats, *, several: bool) -> bool:
    """Whether rows (N, values) are probabilities: from 0 to 1, and 1 together unless several may hold."""
    within = bool((values >= 0).all() and (values <= 1).all())
    return within and (several or bool(np.allclose(values.sum(axis=1), 1, atol=_ROUNDING)))


def _sigmoid(values: Floats) -> Floats:
    with np.errstate(over="ignore"):  # far below zero: 0
        return (1 / (1 + np.exp(-values))).astype(np.float32, copy=False)


def _softmax(values: Floats) -> Floats:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares
