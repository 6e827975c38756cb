"""One picture, in whatever form a caller has it, as a frame."""

from __future__ import annotations

import base64
import glob
import re
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Set
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sightline.errors import DecodeError, InvalidRequest, SourceError
from sightline.imaging.pixels import bgr_pixels
from sightline.redaction import redact_address
from sightline.sources.encoded import EncodedPicture
from sightline.sources.image_header import picture_content
from sightline.sources.images import decode_image, read_image
from sightline.sources.pictures import ArrayPicture
from sightline.types import ChannelOrder, Detections, Frame, Observation, Pixels

if TYPE_CHECKING:
    import PIL.Image

Image: TypeAlias = (
    "str | PathLike[str] | bytes | bytearray | memoryview | SupportsRead | NDArray[np.uint8] | Frame | "
    "PIL.Image.Image"
)
"""A path, an http(s) or base64 ``data:`` URL, an encoded picture as bytes or as an open file, pixels as
``pixels.bgr_pixels`` takes them, a Frame, or a picture of Pillow."""

_ONE = (str, PathLike, bytes, bytearray, memoryview, np.ndarray, Frame, Detections, Mapping, Set)
"""Types that are one picture, even where they can be iterated."""


FILM_SUFFIXES = frozenset(
    (
        ".mp4",
        ".mkv",
        ".avi",
        ".mov",
        ".webm",
        ".m4v",
        ".ts",
        ".flv",
        ".mpg",
        ".mpeg",
        ".gif",
        ".sdp",
    )
)
"""Files that somebody may take for a picture."""


class SupportsRead(Protocol):
    """A file that is open for reading bytes."""

    def read(self) -> bytes:
        """All bytes that are left."""


def is_one(image: object) -> bool:
    """Whether this is meant as one picture, and not as several of them."""
    one = isinstance(image, _ONE) or not isinstance(image, Iterable)
    # Tensors of other libraries can be iterated, row by row.
    return one or hasattr(image, "read") or hasattr(image, "__array__") or is_pil(image)


def still_frame(image: Image, index: int = 0, name: str | None = None) -> Frame:
    """A frame whose pixels are decoded in full, here and now.

    Args:
        image: the picture.
        index: its number among those that are given together.
        name: of its stream; that of its file, or ``image``, by default.

    Raises:
        SourceError, DecodeError: the file cannot be read, or is no picture.
        InvalidRequest: an array of another shape or dtype, or something else.
    """
    if isinstance(image, Frame):
        return image
    name, image = name or picture_name(image), in_memory(image)
    if isinstance(image, str) and image.startswith("data:"):
        image = _bytes_of(image)
    pixels: object = image
    if isinstance(image, (str, Path)):
        pixels = _read(image)
    elif isinstance(image, bytes):
        pixels = decode_image(image, name="picture" if name == "image" else name)
    return _of_array(name, pixels, index)


def _read(path: str | Path) -> Pixels:
    """The pixels of a file. Raises SourceError; it tells what takes films, folders and cameras."""
    if not str(path).strip():
        raise InvalidRequest("image: the path is empty")
    try:
        return read_image(path)
    except SourceError as exc:
        kind = _several(str(path))
        if kind is None:
            raise
        raise type(exc)(
            f"{redact_address(str(path))} is {kind}, not one picture: sl.track(source, model), or "
            "`sightline detect`, goes through it"
        ) from exc


def _several(path: str) -> str | None:
    """What a path stands for that holds more than a picture; None for a single file."""
    if Path(path).is_dir():
        return "a folder"
    if "://" in path or Path(path).suffix.lower() in FILM_SUFFIXES:
        return "a video or a stream"
    return "a pattern" if glob.has_magic(path) and not Path(path).exists() else None


def encoded_frame(image: Image) -> Frame:
    """A frame that is decoded when somebody looks at it, no larger than it is wanted.

    Raises SourceError, and as ``still_frame``; damage within a picture shows when it is decoded.
    """
    if isinstance(image, Frame):
        return image
    name, image = picture_name(image), in_memory(image)
    if isinstance(image, str) and image.startswith("data:"):
        image = _bytes_of(image)
    if isinstance(image, (str, Path)):
        try:
            image = picture_content(Path(image))
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
        picture = (
            ArrayPicture(read_image(self._image, again=True))
            if isinstance(self._image, Path)
            else still_frame(self._image).picture
        )
        return picture.scaled(width, height, order, out)


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
    """The same picture without what only users' programs have: ``in_memory``, and addresses.

    Raises SourceError where an address cannot be fetched.
    """
    if _is_address(image):
        from sightline.sources.network.web_pictures import fetch_picture  # it brings urllib

        return fetch_picture(image)
    return in_memory(image)


def in_memory(image: Image) -> str | Path | bytes | NDArray[np.uint8] | Frame:
    """The same picture as a path, bytes, an array or a Frame; what is none of them stays as it is.

    Open files are read from where they stand, pictures of Pillow become arrays.

    Raises:
        InvalidRequest: a file is open as text.
        DecodeError: a file is at its end.
        SourceError: a file cannot be read.
    """
    if isinstance(image, (bytearray, memoryview)):
        return bytes(image)
    if isinstance(image, PathLike):
        return Path(image)
    if callable(read := getattr(image, "read", None)):
        return _content(image, read)
    return _pil_pixels(image) if is_pil(image) else image  # type: ignore[return-value]


def _content(file: object, read: Callable[[], object]) -> bytes:
    name = picture_name(file)
    try:
        data = read()
    except (OSError, ValueError) as exc:  # ValueError: it is closed, or text in another encoding
        hint = "" if isinstance(exc, OSError) else ": open it in binary mode, and leave it open"
        raise SourceError(f"the file {name} cannot be read ({exc}){hint}") from exc
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InvalidRequest(
            f"the file {name} gives {type(data).__name__}, not bytes: open it in binary mode, 'rb'"
        )
    if not len(data):
        raise DecodeError(f"the file {name} is empty or at its end: seek(0) goes back to its start")
    return bytes(data)


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


def picture_name(image: object) -> str:
    """What a picture is called: its path, its address without secrets, else ``image``."""
    if _is_address(image):
        return re.split(r"[?#]", redact_address(str(image)))[0]
    if _is_path(image) or isinstance(image, PathLike):
        return str(image)
    kept_as = "filename" if is_pil(image) else "name"
    name = getattr(image, kept_as, "") if hasattr(image, "read") or is_pil(image) else ""
    return str(name) if isinstance(name, (str, PathLike)) and str(name) else "image"


def _is_address(image: object) -> TypeGuard[str]:
    return isinstance(image, str) and image.lower().startswith(("http://", "https://"))


def _is_path(image: object) -> TypeGuard[str | Path]:
    """Whether a picture is given by its file; other text is a ``data:`` URL."""
    return isinstance(image, Path) or (isinstance(image, str) and not image.startswith("data:"))


def _of_array(name: str, pixels: object, index: int = 0) -> Frame:
    if not isinstance(pixels, np.ndarray):
        raise InvalidRequest(f"image: {_no_picture(pixels)}")
    try:
        picture = ArrayPicture(bgr_pixels(pixels))
    except ValueError as exc:
        raise InvalidRequest(f"image: {exc}") from exc
    return Frame(name, index, 0.0, time.monotonic(), picture)


def _no_picture(given: object) -> str:
    """What is wrong with something that is no picture, and what to give instead."""
    kind = type(given).__name__
    if given is None:
        return "None is no picture; cv2.imread gives it for files it cannot read"
    if isinstance(given, int) and not isinstance(given, bool):
        return f"a number is no picture; camera {given} is sl.track({given}, model)"
    if isinstance(given, Observation):
        return "an Observation is no picture: give its frame"
    if hasattr(given, "__array__"):
        return (
            f"{kind} is no picture: give a NumPy array (height, width, 3) uint8 BGR, which a tensor of "
            "PyTorch becomes by tensor.permute(1, 2, 0).cpu().numpy()"
        )
    return (
        f"{kind} is no picture: give a path, an address, bytes, an open file, pixels, a picture of "
        "Pillow or a Frame"
    )


def _bytes_of(data_url: str) -> bytes:
    """The bytes of ``data:image/jpeg;base64,...`` (RFC 2397)."""
    head, _, body = data_url.partition(",")
    try:
        if not head.endswith(";base64"):
            raise ValueError("only base64 is read")
        return base64.b64decode(body, validate=True)
    except ValueError as exc:
        raise DecodeError(f"no picture in the data: URL: {exc}") from exc
