"""Vectors for the detections that a tracker looks at. Knows embedders, and no matching."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

import numpy as np

from sightline.protocols import Embedder
from sightline.types import Detections, Floats, Frame, Mask


def wanted(detections: Detections, least: float) -> Mask:
    """Which detections a vector is made of: those of a score that counts, with a box that can be cut."""
    boxes = detections.boxes
    rows: Mask = (detections.scores >= least) & np.isfinite(boxes).all(axis=1)
    rows &= (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
    return rows


def submit(embedder: Embedder, frame: Frame, detections: Detections, rows: Mask) -> Future[Floats]:
    """Begin with the vectors of these detections. Raises what the embedder does."""
    return embedder.submit(frame, detections.boxes[rows])


def carrying(detections: Detections, rows: Mask, vectors: Floats) -> Detections:
    """The detections with these vectors; the others have zeros, which look like nothing."""
    embeddings = np.zeros((len(detections), vectors.shape[1]), np.float32)
    embeddings[rows] = vectors
    return replace(detections, embeddings=embeddings)
