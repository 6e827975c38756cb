"""JPEG pictures by libjpeg-turbo, whose build in OpenCV's wheels takes half as long again."""

from __future__ import annotations

from sightline.sources.image_header import ImageHeader
from sightline.types import Pixels


def decode_jpeg(data: bytes, header: ImageHeader, step: int = 1) -> Pixels | None:
    """Decode at one ``step``-th of its size (1, 2, 4 or 8), in the decoder itself.

    Returns:
        (ceil(height / step), ceil(width / step), 3) uint8, BGR; None where another decoder must
        have its turn: it is turned, in CMYK, damaged, or ``simplejpeg`` is not installed.
    """
    if header.orientation != 1:
        return None
    try:
        import simplejpeg
    except ImportError:
        return None
    width, height = -(-header.width // step), -(-header.height // step)
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, "BGR", min_width=width, min_height=height)
    except ValueError:
        return None
    return pixels
