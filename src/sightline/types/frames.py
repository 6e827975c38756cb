"""One picture of one stream."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from sightline.types.arrays import ChannelOrder, Clock, Pixels
from sightline.types.made_once import MadeOnce
from sightline.types.pictures import Picture
from sightline.vocabulary.other_names import attribute_error


@dataclass(eq=False)
class Frame:
    """One picture of one stream. Pixels are made when they are asked for.

    ``index`` is the number of frames before it: of a recording or a street its place there, also where it is played as
    a camera sends, so that it fits labels, and damaged or dropped frames count; of a camera those that were handed on.
    ``time`` is the position in the stream in seconds and never goes
    back; ``captured_at`` is ``time.monotonic()`` at the moment the picture was decoded. ``utc`` is
    the wall-clock time at which it was taken, as Unix time in seconds, and ``clock`` says where that
    is from. Both are None for a recording whose start nobody has told.
    """

    stream: str
    index: int
    time: float
    captured_at: float
    picture: Picture = field(repr=False)
    utc: float | None = None
    clock: Clock | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled and copied: the picture, without the pixels that were made of it."""
        kept = self.__dict__.copy()
        return {name: kept[name] for name in kept if not name.startswith("image")}

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise attribute_error(self, "Frame", name)

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Rows, pixels."""
        return self.picture.height

    @MadeOnce
    def image(self) -> Pixels:
        """The whole picture, (height, width, 3), uint8, BGR. Made once, then kept."""
        return self.picture.scaled(self.width, self.height, "bgr")

    def utc_at(self, time: float) -> float | None:
        """The Unix time of another moment of the same stream, given in stream seconds."""
        return None if self.utc is None else self.utc + time - self.time

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        """The picture at another size, written into ``out`` where it is given.

        ``out`` is (height, width, 3), uint8, and need not be contiguous: a letterbox passes the
        middle of its canvas. Returns ``out``, or a new array.
        """
        return self.picture.scaled(width, height, order, out)

    def cropped(self, left: int, top: int, right: int, bottom: int) -> Frame:
        """A part of the picture as a frame of its own, with the same place in the stream.

        No pixels are made before somebody looks; of decoded video, only those of the part are.

        Args:
            left, top, right, bottom: pixels of this frame; the last column and row are not part of it.

        Raises:
            ValueError: the part has no pixels, or reaches beyond the frame.
        """
        from sightline.imaging.cropped import CroppedPicture

        return replace(self, picture=CroppedPicture(self, (left, top, right, bottom)))

    def save(self, path: str | Path | None = None) -> Path:
        """Write the picture to a file, as it is.

        Args:
            path: .jpg, .png, .webp, .bmp or .tif; ``STREAM-000012.jpg`` in the current folder
                where it is None, or in a folder that is given. Folders are made where they are
                missing. Without a name, no other frame's file of this process is overwritten.

        Returns the file. Raises SinkError.
        """
        from sightline.imaging.picture_files import save_picture

        return save_picture(default_place(self, self, path), self.image, file_of(self))

    def _repr_jpeg_(self) -> bytes:
        """What a notebook shows."""
        from sightline.imaging.picture_files import notebook_jpeg

        return notebook_jpeg(self.image)


def default_place(
    owner: object, frame: Frame | None, given: str | Path | None, suffix: str = ""
) -> Path:
    """Where a picture goes: to the file that is given; else to one of its own, in the folder that is.

    The name is that of the stream or picture, and the frame's number.
    """
    from sightline.imaging.picture_files import DEFAULT_NAMES
    from sightline.whole_files import is_folder, safe_name

    if given is not None and not is_folder(given):
        return Path(given)
    stem = f"image{suffix}"
    if frame is not None:
        picture = PurePath(PurePath(frame.stream).name).stem or "image"
        stem = f"{safe_name(picture)}-{frame.index:06d}{suffix}"
    return DEFAULT_NAMES.name(owner, Path(given or ""), stem)


def file_of(frame: Frame) -> str | Path | None:
    """The file that a single picture was read from: it is the name of its stream, too."""
    source: Path | None = getattr(frame.picture, "source", None)
    return source or frame.stream
