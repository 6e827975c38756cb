"""Pixels as encoded pictures, in memory and in files."""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import cv2

from sightline.errors import SinkError
from sightline.whole_files import write_whole

if TYPE_CHECKING:
    from sightline.types.arrays import Pixels

JPEG_QUALITY = 90
NOTEBOOK_QUALITY = 80
NOTEBOOK_WIDTH = 640
"""Pixels of a picture in a notebook, which is stored with the notebook."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""What the name of a picture file may end with."""


class DefaultNames:
    """Names of files for which the user gave none. No two owners in this process have the same one.

    The first owner gets ``STEM.jpg``, the others ``STEM-2.jpg`` and so on; who asks again gets the same
    name. Files of earlier runs are written over: a program that runs again renews its pictures.

    Args:
        most: names that are remembered. Of older ones it is seen whether their files are there.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._given: WeakKeyDictionary[object, dict[str, Path]] = WeakKeyDictionary()
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._forgotten = False

    def name(self, owner: object, folder: Path, stem: str) -> Path:
        """The file of an owner, in the folder. The owner is not kept alive."""
        base = str((folder / stem).absolute())
        with self._lock:
            given = self._given.setdefault(owner, {})
            if base not in given:
                given[base] = self._next(base, folder, stem)
            return given[base]

    def _next(self, base: str, folder: Path, stem: str) -> Path:
        known = self._counts.pop(base, 0)
        for count in itertools.count(known + 1):
            path = folder / f"{stem}{f'-{count}' * (count > 1)}.jpg"
            if known or not self._forgotten or not path.exists():
                break
        self._counts[base] = count
        if len(self._counts) > self._most:
            self._counts.popitem(last=False)
            self._forgotten = True
        return path


DEFAULT_NAMES = DefaultNames()
"""The default names of this process: all its results share the folders that they are written to."""


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
        folder = "" if suffix else f", or a folder: {path}/"
        raise SinkError(
            f"cannot write {path}: give a name that ends in {', '.join(SUFFIXES)}{folder}"
        )
    try:
        data = encoded(pixels, suffix)
    except SinkError as exc:
        raise SinkError(f"cannot write {path}: {exc}") from exc
    write_whole(path, data)
    return path


def notebook_jpeg(pixels: Pixels) -> bytes:
    """The picture as a notebook keeps it, no wider than ``NOTEBOOK_WIDTH``."""
    return encoded(shrunk(pixels), ".jpg", NOTEBOOK_QUALITY)


def shrunk(pixels: Pixels, widest: int = NOTEBOOK_WIDTH) -> Pixels:
    """The picture no wider than this."""
    height, width = pixels.shape[:2]
    if width <= widest:
        return pixels
    size = (widest, max(1, round(height * widest / width)))
    smaller: Pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return smaller
