"""A classifier or an embedder as other servers serve it: a picture and boxes in, names or vectors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from sightline.deploy.names import output_names
from sightline.errors import InvalidRequest
from sightline.geometry import whole_box
from sightline.models.classifier import CropClassifier
from sightline.models.crop_model import CropModel
from sightline.models.embedder import CropEmbedder
from sightline.models.model_card import ModelCard
from sightline.protocols import Engine
from sightline.sinks.jsonl import label_fields
from sightline.types import Floats, Frame, JsonObject

TOP = 5
"""Names of each attribute that are told, the likeliest first."""


@dataclass(frozen=True)
class CropAnswer:
    """What is said of the objects of a picture.

    Args:
        arrays: a row for each: ``vectors`` (N, length), or the probabilities (N, values) of each attribute.
        objects: each with its box, and its labels or its vector, as JSON has them.
    """

    arrays: Mapping[str, Floats]
    objects: Sequence[JsonObject]


class ServedCropModel:
    """Answers for pictures and boxes in them.

    Args:
        model: closed with it.
    """

    def __init__(self, model: CropModel) -> None:
        self._model = model
        self.embeds = isinstance(model, CropEmbedder)

    @classmethod
    def of(cls, engine: Engine, card: ModelCard) -> Self:
        """Around the engine of a model with this card."""
        if card.task == "embed":
            return cls(CropEmbedder(engine, card))
        return cls(CropClassifier(engine, card))

    def answer(self, frame: Frame, boxes: Floats | None = None) -> CropAnswer:
        """What is said of boxes (N, 4) xyxy in pixels of the frame; None: of the whole frame.

        Raises:
            InvalidRequest: the boxes have another shape, or are no boxes.
            InferenceError: the model failed.
        """
        if boxes is None:
            boxes = whole_box(frame.width, frame.height)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise InvalidRequest(
                f"boxes must be rows of x1 y1 x2 y2 in pixels of the picture, not {boxes.shape}"
            )
        if not np.isfinite(boxes).all():
            raise InvalidRequest("boxes must be finite numbers: one of their sides is none")
        boxes = boxes.astype(np.float32)
        places = [[round(float(side), 2) for side in box] for box in boxes]
        if isinstance(self._model, CropEmbedder):
            vectors = self._model.submit(frame, boxes).result()
            rows = zip(places, vectors.tolist(), strict=True)
            return CropAnswer({"vectors": vectors}, [{"box": b, "vector": v} for b, v in rows])
        scores = self._model.scores(frame, boxes).result()
        labels = self._model.replaced(conf=0.0, top=TOP).labels(scores)
        return CropAnswer(
            dict(zip(output_names(self._model.attributes), scores, strict=True)),
            [
                {"box": box, "labels": label_fields(told)}
                for box, told in zip(places, labels, strict=True)
            ],
        )

    def close(self) -> None:
        """Close the model."""
        self._model.close()
