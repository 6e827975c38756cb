"""Arrays that callers hand in, as pixels: what is meant without doubt is taken, the rest refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.errors import ConfigError
from sightline.types.frames import Frame

if TYPE_CHECKING:
    from sightline.types.arrays import Pixels

_AS_UINT8 = {
    "b": "a mask is array.astype(np.uint8) * 255",
    "u": "16 bits are (array >> 8).astype(np.uint8) where all of them are used",
    "i": "array.astype(np.uint8) where its values are 0 to 255",
    "U": "several paths are a list, array.tolist()",
    "O": "several paths or pictures are a list, list(array)",
    "f": "(array * 255).astype(np.uint8) where its values are 0 to 1, array.astype(np.uint8) where "
    "they are 0 to 255",
}
"""How pixels are made of arrays by the kind of their dtype; which values are meant, nobody can tell."""


def bgr_pixels(array: NDArray[np.generic]) -> Pixels:
    """An array as pixels (height, width, 3) uint8 BGR; one that is so already is not copied.

    Args:
        array: uint8: (height, width, 3) BGR, (height, width) or (height, width, 1) grey, or
            (height, width, 4) BGRA, whose transparency is dropped.

    Raises:
        ValueError: another shape or dtype; the message says what to do.
    """
    given, shape = f"{array.shape} {array.dtype}", array.shape
    wanted = "a picture must be (height, width, 3) uint8 BGR, or grey or BGRA"
    if array.dtype != np.uint8:
        remedy = _AS_UINT8.get(array.dtype.kind, "make it uint8")
        raise ValueError(f"{wanted}, not {given}: {remedy}")
    if (
        not array.size
        or array.ndim not in {2, 3}
        or (array.ndim == 3 and shape[2] not in {1, 3, 4})
    ):
        raise ValueError(f"{wanted}, not {given}{_other_layout(shape)}")
    if array.ndim == 3 and shape[2] == 3:
        return array  # type: ignore[return-value]
    code = cv2.COLOR_BGRA2BGR if array.ndim == 3 and shape[2] == 4 else cv2.COLOR_GRAY2BGR
    pixels: Pixels = cv2.cvtColor(np.ascontiguousarray(array), code)
    return pixels


def pixels_of(image: object, frame: Frame | None) -> Pixels:
    """What to draw on: pixels or a Frame that a caller gives, else the frame of what was found.

    Raises ConfigError: they are no pixels, or nothing is given and no frame is known.
    """
    if image is None and frame is None:
        raise ConfigError(
            "these detections do not know their picture (any more): give it, as plot(image) or "
            "save(path, image)"
        )
    if isinstance(image, Frame):
        return image.image
    if image is None:
        assert frame is not None
        # Not frame.image, which keeps the pixels: results of a thousand pictures may be drawn.
        return frame.scaled(frame.width, frame.height, "bgr")
    if not isinstance(image, np.ndarray):
        kind = type(image).__name__
        raise ConfigError(
            f"image: give pixels (height, width, 3) uint8 BGR, or a Frame, not a {kind}"
        )
    try:
        return bgr_pixels(image)
    except ValueError as exc:
        raise ConfigError(f"image: {exc}") from exc


def _other_layout(shape: tuple[int, ...]) -> str:
    """What to do with an array whose axes are in another order."""
    channels = {1, 3, 4}
    if 0 in shape:
        return ": it has no pixels"
    if len(shape) == 1:
        return ": the bytes of a picture file are array.tobytes()"
    if len(shape) == 3 and shape[0] in channels:
        return ": channels come last, array.transpose(1, 2, 0)"
    if len(shape) == 4 and shape[3] in channels:
        return ": several pictures are a list, list(array)"
    if len(shape) == 4 and shape[1] in channels:
        return ": several pictures are a list, list(array.transpose(0, 2, 3, 1))"
    return ""
