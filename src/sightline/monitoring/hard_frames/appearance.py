"""What a frame looks like, as a vector: near to that of another frame, both show the same."""

from __future__ import annotations

import cv2
import numpy as np

from sightline.geometry import whole_box
from sightline.monitoring.profiles.picture_statistics import picture_sample
from sightline.protocols import Embedder
from sightline.types import Floats, Frame

_VIEW = (32, 18)
"""Width and height of the picture that is compared where there is no embedder."""
_APART = 0.05
"""Pictures whose brightness differs by less, as a share of their contrast, show the same: at night all is dark."""
_LEAST_CONTRAST = 8.0
"""Grey levels; with less, what differs is noise."""
_COSINE = 0.02
"""Embeddings whose cosine is nearer to 1 show the same."""
DIFFERENT = 6.0
"""Distance from which on two frames have nothing to do with one another; below 1 they show the same."""


def appearance_of_view(view: Floats) -> Floats:
    """The vector (576,) float32 of a picture's brightness (H, W), in grey levels: see ``PictureSample.view``."""
    small = cv2.resize(view, _VIEW, interpolation=cv2.INTER_AREA).ravel()
    contrast = max(_LEAST_CONTRAST, float(view.std()))
    return np.asarray(small / (_APART * contrast * np.sqrt(small.size)), np.float32)


def appearance_of_embedding(vector: Floats) -> Floats:
    """The vector of an embedding (D,) of length 1, float32."""
    return np.asarray(vector / np.sqrt(2 * _COSINE), np.float32)


def appearance_of(frame: Frame, embedder: Embedder | None, view: Floats | None = None) -> Floats:
    """The vector of a frame: of its embedding, or without an embedder of its brightness.

    ``view`` is the latter where it is known, see ``PictureSample.view``.

    Raises SightlineError: the embedder fails.
    """
    if embedder is not None:
        whole = whole_box(frame.width, frame.height)
        return appearance_of_embedding(embedder.submit(frame, whole).result()[0])
    return appearance_of_view(picture_sample(frame).view if view is None else view)


def distances(vector: Floats, others: Floats) -> Floats:
    """How far a frame (D,) is from others (N, D), (N,) float32: below 1, they show the same."""
    return np.asarray(np.linalg.norm(others - vector, axis=1), np.float32)
