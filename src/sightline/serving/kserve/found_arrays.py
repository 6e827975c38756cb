"""What a detector found in pictures, as the tensors of an answer: boxes, and what the model tells beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from sightline.models.model_card import ModelCard
from sightline.serving.kserve.tensors import Output, TensorMetadata
from sightline.types import Detections

BOXES = (
    TensorMetadata("boxes", "FP32", (-1, 4)),
    TensorMetadata("scores", "FP32", (-1,)),
    TensorMetadata("class_ids", "INT64", (-1,)),
    TensorMetadata("counts", "INT64", (-1,)),
)
"""The outputs of every detector."""


def found_specs(card: ModelCard | None) -> tuple[TensorMetadata, ...]:
    """The outputs of a detector: ``BOXES``, and masks, keypoints or angles by the card's task; None: there is no single one.

    A mask is a text, COCO's packed run lengths as JSON has them: ``{"size": [height, width], "counts": "…"}``.
    """
    if card is None:
        return BOXES
    if card.task == "segment":
        return (*BOXES, TensorMetadata("masks", "BYTES", (-1,)))
    if card.task == "pose" and card.keypoint_shape is not None:
        return (*BOXES, TensorMetadata("keypoints", "FP32", (-1, card.keypoint_shape[0], 3)))
    if card.task == "obb":
        return (*BOXES, TensorMetadata("angles", "FP32", (-1,)))
    return BOXES


def found_outputs(pictures: Sequence[Detections], specs: Sequence[TensorMetadata]) -> list[Output]:
    """The objects of all pictures one after another, by ``specs``; ``counts`` says whose they are."""
    arrays = {
        "boxes": np.concatenate([d.boxes for d in pictures]),
        "scores": np.concatenate([d.scores for d in pictures]),
        "class_ids": np.concatenate([d.class_ids for d in pictures]),
        "counts": np.array([len(d) for d in pictures], np.int64),
    }
    outputs = [Output(name, array) for name, array in arrays.items()]
    for spec in specs:
        if spec.name == "masks":
            texts = [text for found in pictures for text in _masks(found)]
            masks = np.empty(len(texts), object)
            masks[:] = texts
            outputs.append(Output(spec.name, masks))
        elif spec.name not in arrays:
            told = [
                values for found in pictures if (values := getattr(found, spec.name)) is not None
            ]
            shape = tuple(max(side, 0) for side in spec.shape)
            outputs.append(Output(spec.name, np.concatenate([np.empty(shape, np.float32), *told])))
    return outputs


def _masks(found: Detections) -> list[str]:
    if found.masks is None:
        return []
    return [json.dumps(found.masks.to_coco(i), separators=(",", ":")) for i in range(len(found))]
