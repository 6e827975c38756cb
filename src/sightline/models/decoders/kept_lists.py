"""Lists of objects, boxes, scores and class ids, cut to those that a model means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sightline.types import Floats, Ints, Mask


def kept_lists(outputs: Sequence[Floats], conf: float) -> Iterator[tuple[Floats, Floats, Ints]]:
    """Boxes, scores and class ids above ``conf`` of each picture, without what lies after the count."""
    for boxes, scores, class_ids, _ in kept_rows(outputs, conf):
        yield boxes, scores, class_ids


def kept_rows(
    outputs: Sequence[Floats], conf: float
) -> Iterator[tuple[Floats, Floats, Ints, Mask]]:
    """As ``kept_lists``, and which rows of each picture's lists they are."""
    boxes, scores, classes, *counts = outputs
    if boxes.ndim == 2:
        boxes, scores, classes = boxes[None], scores.reshape(1, -1), classes.reshape(1, -1)
    valid = scores > conf
    valid &= classes >= 0
    if counts:
        valid &= np.arange(scores.shape[1]) < counts[0].reshape(-1, 1)
    for b, s, c, kept in zip(boxes, scores, classes, valid, strict=True):
        yield b[kept], s[kept], c[kept].astype(np.int64), kept
