"""The embedder: what objects look like as vectors, around an engine that it is handed.

Knows that two crops look alike where the product of their vectors is near 1. Knows no runtime
(the engine's).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Self

import numpy as np

from sightline.errors import InferenceError, ModelError
from sightline.models.crops import CropRunner
from sightline.models.model_card import ModelCard
from sightline.protocols import Engine
from sightline.types import EmbedderInfo, Floats, Frame, Pixels


class CropEmbedder:
    """An ``Embedder`` made of a card and an engine.

    Args:
        engine: runs the card's model; closed with the embedder.
        card: how to cut crops.
        digest: SHA-256 of the model's files, which tells its vectors from those of others.
        name: what the user called it; the card's by default.

    Raises:
        ModelError: the model takes only batches of a size greater than one, or does not say how
            long its vectors are.
    """

    def __init__(
        self, engine: Engine, card: ModelCard, digest: str = "", name: str | None = None
    ) -> None:
        self.engine = engine
        self.card = card
        length = engine.info.outputs[0].shape[-1]
        if length is None:
            raise ModelError(f"model {card.name} does not say how long its vectors are")
        self.dimensions = length
        self.info = EmbedderInfo(name or card.name, digest, length)
        self._crops = CropRunner(engine, card)

    def submit(self, frame: Frame, boxes: Floats) -> Future[Floats]:
        """Vectors (N, dimensions) of length 1 for boxes (N, 4) xyxy in pixels of the frame.

        Raises ValueError where boxes have another shape.
        """
        return self._crops.submit(frame, boxes, _read, self._stacked)

    def vectors_of_cut(self, pictures: Sequence[Pixels]) -> Future[Floats]:
        """Vectors of pictures (H, W, 3) uint8 of the card's size that were cut before, as ``submit`` makes them."""
        return self._crops.submit_cut(pictures, _read, self._stacked)

    def with_engines(self, wrap: Callable[[Engine], Engine]) -> Self:
        """The same embedder around another engine; only one of the two may be closed."""
        return type(self)(wrap(self.engine), self.card, self.info.digest, self.info.name)

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def _stacked(self, parts: list[Floats]) -> Floats:
        return np.concatenate(parts or [np.empty((0, self.dimensions), np.float32)])


def _read(outputs: Sequence[Floats]) -> Floats:
    """A copy of length 1: the output is the engine's own memory. A vector of zeros stays one.

    Raises InferenceError: a vector holds what is no finite number, which cannot be compared with others.
    """
    (vectors,) = outputs
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise InferenceError(
            "the embedder made a vector that holds what is no finite number: try another precision, or export it "
            "again"
        )
    scaled: Floats = vectors / np.maximum(lengths, np.float32(1e-12))
    return scaled
