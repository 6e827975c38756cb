"""The vector of an object in a picture, to search with."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np

from sightline.errors import InvalidRequest
from sightline.futures import joined
from sightline.geometry import whole_box
from sightline.protocols import Embedder
from sightline.types import Floats, Frame

Box = Sequence[float]
"""x1 y1 x2 y2 in pixels of a picture."""


def box_in(frame: Frame, box: Box | None) -> Floats:
    """A box (1, 4) cut off at the border of the picture; the whole picture where it is None.

    Raises InvalidRequest: it has no pixels in the picture.
    """
    whole = whole_box(frame.width, frame.height)
    if box is None:
        return whole
    try:
        given = np.array(box, np.float64)
    except (TypeError, ValueError):
        raise InvalidRequest(f"box: it is x1,y1,x2,y2 in pixels, not {box!r:.200}") from None
    if given.shape != (4,) or not np.isfinite(given).all():
        raise InvalidRequest(f"box: it is x1,y1,x2,y2 in pixels, not {tuple(box)}")
    size = whole[0, 2:]
    cut = np.concatenate((np.clip(given[:2], 0, size), np.clip(given[2:], 0, size)))
    if not (cut[:2] < cut[2:]).all():
        raise InvalidRequest(
            f"box: {tuple(box)} has no pixels in the picture, which has {frame.width}x{frame.height}: it is "
            "x1,y1,x2,y2 with x1 < x2 and y1 < y2"
        )
    return cut[None].astype(np.float32)


def query_vector(embedder: Embedder, frame: Frame, box: Box | None = None) -> Future[Floats]:
    """The vector (dimensions,) of what is in a box, or of the whole picture.

    Raises:
        InvalidRequest: the box has no pixels in the picture.
        DecodeError: the picture is damaged.
    """
    return joined([embedder.submit(frame, box_in(frame, box))], lambda found: found[0][0])
