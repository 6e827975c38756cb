"""Pixels as encoded pictures, in memory and in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from sightline.errors import SinkError
from sightline.whole_files import write_whole

if TYPE_CHECKING:
    from sightline.types import Pixels

JPEG_QUALITY = 90

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""What the name of a picture file may end with."""


def encoded(pixels: Pixels, suffix: str, quality: int = JPEG_QUALITY) -> bytes:
    """The bytes of a picture file.

    Args:
        pixels: (height, width, 3) uint8, BGR.
        suffix: one of ``SUFFIXES``, which says the format.
        quality: of JPEG and WebP, 1 to 100.

    Raises:
        SinkError: the format is unknown or cannot hold a picture of this size.
    """
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }.get(suffix, [])
    try:
        done, data = cv2.imencode(suffix, pixels, options)
    except cv2.error:  # OpenCV raises for some sizes, and returns False for others
        done = False
    if not done:
        height, width = pixels.shape[:2]
        raise SinkError(
            f"a picture of {width}x{height} pixels does not fit the format {suffix}; use .png"
        )
    return bytes(data)


def save_picture(path: str | Path, pixels: Pixels, source: str | Path | None = None) -> Path:
    """Write pixels (height, width, 3) uint8 BGR to a file, whole or not at all.

    The suffix says the format; the folder is made where it is missing.

    Args:
        source: the file that the picture was read from, which is never written over.

    Raises:
        SinkError: the suffix is none of ``SUFFIXES``, the file is ``source``, or it cannot be
            written.
    """
    path = Path(path)
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise SinkError(f"cannot write {path}: the picture was read from it; give another name")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise SinkError(f"cannot write {path}: give a name that ends in {', '.join(SUFFIXES)}")
    try:
        data = encoded(pixels, suffix)
    except SinkError as exc:
        raise SinkError(f"cannot write {path}: {exc}") from exc
    write_whole(path, data)
    return path
