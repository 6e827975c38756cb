"""One picture, in whatever form a caller has it, as a frame."""

from __future__ import annotations

import base64
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sightline.errors import DecodeError, InvalidRequest, SourceError
from sightline.sources.encoded import EncodedPicture
from sightline.sources.images import decode_image, read_image
from sightline.sources.pictures import ArrayPicture
from sightline.sources.web_pictures import fetch_picture
from sightline.types import ChannelOrder, Frame, Pixels

if TYPE_CHECKING:
    import PIL.Image

Image: TypeAlias = "str | Path | bytes | NDArray[np.uint8] | Frame | PIL.Image.Image"
"""A path, an http(s) or base64 ``data:`` URL, an encoded picture, pixels (height, width, 3) uint8 BGR, a Frame, or
a picture of Pillow."""


def still_frame(image: Image) -> Frame:
    """A frame whose pixels are decoded in full, here and now.

    Raises:
        SourceError, DecodeError: the file cannot be read, or is no picture.
        InvalidRequest: an array of another shape or dtype, or something else.
    """
    if isinstance(image, Frame):
        return image
    name, pixels = _name(image), image
    if isinstance(image, str) and image.startswith("data:"):
        image = _bytes_of(image)
    if isinstance(image, (str, Path)):
        pixels = read_image(Path(image))
    elif isinstance(image, bytes):
        pixels = decode_image(image)
    return _of_array(name, pixels)


def encoded_frame(image: Image) -> Frame:
    """A frame that is decoded when somebody looks at it, no larger than it is wanted.

    Raises as ``still_frame``; damage within a picture shows when it is decoded.
    """
    if isinstance(image, Frame):
        return image
    name = _name(image)
    if isinstance(image, str) and image.startswith("data:"):
        image = _bytes_of(image)
    if isinstance(image, (str, Path)):
        try:
            image = Path(image).read_bytes()
        except OSError as exc:
            raise SourceError(f"{name} cannot be read: {exc.strerror}: check the path") from exc
    if isinstance(image, bytes):
        return Frame(name, 0, 0.0, time.monotonic(), EncodedPicture(image, name=name))
    return _of_array(name, image)


class StoredPicture:
    """A picture that is decoded anew for whoever looks at it, and takes no memory until then.

    Args:
        image: the path of a file, a ``data:`` URL, or an encoded picture. A path is kept as it is
            now, wherever the process goes.
        width, height: in pixels, of the upright picture.
    """

    def __init__(self, image: str | Path | bytes, width: int, height: int) -> None:
        self._image = Path(image).absolute() if _is_path(image) else image
        self.width, self.height = width, height

    @property
    def source(self) -> Path | None:
        """The file that it is read from."""
        return self._image if isinstance(self._image, Path) else None

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        """Read, decode and scale. Raises SourceError: the file is not there any more, or has changed."""
        return still_frame(self._image).picture.scaled(width, height, order, out)


def frame_reference(image: Image, frame: Frame) -> Callable[[], Frame | None]:
    """What gives back the frame that was made of ``image``, for results that may be kept for long.

    Of a file or an encoded picture no pixels are kept, and a Frame of the caller's is not kept
    alive: the picture of a stream is large.
    """
    if image is frame:
        return weakref.ref(frame)
    if isinstance(image, (str, Path, bytes)):
        picture = StoredPicture(image, frame.width, frame.height)
        frame = Frame(frame.stream, frame.index, frame.time, frame.captured_at, picture)
    return lambda: frame


def plain_image(image: Image) -> str | Path | bytes | NDArray[np.uint8] | Frame:
    """The same picture without what only users' programs have: addresses and pictures of Pillow.

    Raises SourceError where an address cannot be fetched.
    """
    if isinstance(image, str) and image.lower().startswith(("http://", "https://")):
        return fetch_picture(image)
    return _pil_pixels(image) if is_pil(image) else image  # type: ignore[return-value]


def is_pil(image: object) -> TypeGuard[PIL.Image.Image]:
    """Whether this is a picture of Pillow, which is not loaded to find out."""
    return any(cls.__module__ == "PIL.Image" for cls in type(image).__mro__)


def _pil_pixels(image: Any) -> Pixels:
    """A picture of Pillow as (height, width, 3) uint8 BGR, upright as its EXIF data asks.

    Transparency is dropped, and 16 bits become 8, as for files.
    """
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image).astype(np.uint32) >> 8
        return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])


def _name(image: Image) -> str:
    return str(image) if _is_path(image) else "image"


def _is_path(image: object) -> TypeGuard[str | Path]:
    """Whether a picture is given by its file; other text is a ``data:`` URL."""
    return isinstance(image, Path) or (isinstance(image, str) and not image.startswith("data:"))


def _of_array(name: str, pixels: Any) -> Frame:
    if pixels is None:
        raise InvalidRequest(
            "image: None is no picture; cv2.imread gives it for files it cannot read"
        )
    if not isinstance(pixels, np.ndarray):
        kind = type(pixels).__name__
        raise InvalidRequest(f"image: {kind} is no picture: give a path, bytes, pixels or a Frame")
    try:
        picture = ArrayPicture(pixels)
    except ValueError as exc:
        raise InvalidRequest(str(exc)) from exc
    return Frame(name, 0, 0.0, time.monotonic(), picture)


def _bytes_of(data_url: str) -> bytes:
    """The bytes of ``data:image/jpeg;base64,...`` (RFC 2397)."""
    head, _, body = data_url.partition(",")
    try:
        if not head.endswith(";base64"):
            raise ValueError("only base64 is read")
        return base64.b64decode(body, validate=True)
    except ValueError as exc:
        raise DecodeError(f"no picture in the data: URL: {exc}") from exc
