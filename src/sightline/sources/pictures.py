"""The two kinds of picture: an array in memory, and what a video decoder left behind.

Both scale, convert and place in as few passes as their library allows, straight into memory of
the caller's, and may be read by several threads at once.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from sightline.imaging.cropped import canvas, scaled_pixels
from sightline.sources.display_shape import SQUARE, UPRIGHT, Orientation, displayed_width
from sightline.types import ChannelOrder, Pixels

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.plane import VideoPlane
    from av.video.reformatter import VideoReformatter

Part = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of a picture, in its pixels."""

_KEPT_SHAPES = 16
_WITH_LUMA = frozenset({"yuv420p", "nv12", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "gray"})
_THREE_PLANES = _WITH_LUMA - {"nv12", "gray"}
_BT601 = frozenset({2, 5, 6})  # unspecified, BT.470 BG, SMPTE 170M, as FFmpeg numbers them
_FULL_RANGE = 2
_FROM_NV12 = {"bgr": cv2.COLOR_YUV2BGR_NV12, "rgb": cv2.COLOR_YUV2RGB_NV12}
_ROTATIONS = {
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_CLOCKWISE,
}


class ArrayPicture:
    """A picture that is an array already.

    Args:
        array: (height, width, 3) uint8, BGR. Kept, not copied: do not write to it afterwards.

    Raises:
        ValueError: the array has another shape or dtype, or no pixels.
    """

    def __init__(self, array: Pixels) -> None:
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or not array.size:
            raise ValueError(
                f"a picture must be (height, width, 3) uint8 BGR, not {array.shape} {array.dtype}"
            )
        self._array = array

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return int(self._array.shape[1])

    @property
    def height(self) -> int:
        """Rows, pixels."""
        return int(self._array.shape[0])

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        """The picture at ``width`` x ``height``, in ``out`` (height, width, 3) where it is given.

        Bilinear, like the preprocessing that the usual detectors were trained with.
        Raises ValueError where ``out`` has another shape.
        """
        return scaled_pixels(self._array, width, height, order, out)

    def scaled_part(
        self, part: Part, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        """See ``PartlyScaled``."""
        left, top, right, bottom = part
        return scaled_pixels(self._array[top:bottom, left:right], width, height, order, out)


class Scalers:
    """The swscale contexts of one source, kept because making one costs as much as scaling.

    A context serves one thread at a time, so each is taken out of the pool while it works.
    """

    def __init__(self) -> None:
        self._free: dict[tuple[int | str, ...], deque[VideoReformatter]] = {}

    def convert(
        self, frame: VideoFrame, width: int, height: int, order: ChannelOrder, out: Pixels
    ) -> None:
        """Write the frame into ``out`` (height, width, 3)."""
        if _is_plain_video(frame) and width % 2 == 0 and height % 2 == 0:
            # swscale scales the planes, OpenCV makes pixels of them straight in ``out``: a third
            # less work than swscale's own conversion, which is not vectorised where it scales.
            luma, chroma = self._scaled(frame, width, height, "nv12").planes
            pairs = _rows(chroma, height // 2, width).reshape(height // 2, width // 2, 2)
            cv2.cvtColorTwoPlane(_rows(luma, height, width), pairs, _FROM_NV12[order], out)
        else:
            plane = self._scaled(frame, width, height, f"{order}24").planes[0]
            np.copyto(out, _rows(plane, height, width * 3).reshape(height, width, 3))

    def _scaled(self, frame: VideoFrame, width: int, height: int, form: str) -> VideoFrame:
        from av.video.reformatter import Interpolation, VideoReformatter

        key = (frame.width, frame.height, width, height, form)
        if key not in self._free and len(self._free) >= _KEPT_SHAPES:
            self._free.clear()  # a source whose size keeps changing must not hoard contexts
        pool = self._free.setdefault(key, deque())
        try:
            scaler = pool.pop()
        except IndexError:
            scaler = VideoReformatter()
        scaled = scaler.reformat(
            frame, width, height, form, interpolation=Interpolation.FAST_BILINEAR, threads=1
        )
        pool.append(scaler)
        return scaled


def _is_plain_video(frame: VideoFrame) -> bool:
    """4:2:0 video with the matrix and range that OpenCV's conversion knows: BT.601, limited."""
    return (
        frame.format.name in {"yuv420p", "nv12"}
        and frame.colorspace in _BT601
        and frame.color_range != _FULL_RANGE
    )


def _rows(plane: VideoPlane, height: int, width: int) -> Pixels:
    """The bytes of a plane without its padding, (height, width); no copy is made."""
    # The plane has the buffer protocol, but its type does not say so before Python 3.12.
    rows: Pixels = np.frombuffer(plane, np.uint8)  # type: ignore[call-overload]
    return rows.reshape(-1, plane.line_size)[:height, :width]


class VideoPicture:
    """A decoded video frame, scaled and converted in one pass of swscale when somebody looks.

    Args:
        frame: from the decoder, in its own pixel format.
        scalers: the pool of its source.
        pixel_aspect: the width of its pixels over their height.
        orientation: how the frame becomes the picture that is shown.

    The picture is the one that a player shows. Pixels that are not square are made so: the width
    is scaled, in the one pass that scales anyway. A display matrix (a telephone held upright, a camera
    that looks into a mirror) is honoured: width, height and pixels are turned and mirrored.
    """

    def __init__(
        self,
        frame: VideoFrame,
        scalers: Scalers,
        pixel_aspect: float = SQUARE,
        orientation: Orientation = UPRIGHT,
    ) -> None:
        self._frame = frame
        self._scalers = scalers
        self._lock = Lock()
        self._turn, self._mirrored = orientation
        width, height = displayed_width(frame.width, pixel_aspect), frame.height
        self._size = (width, height) if self._turn % 180 == 0 else (height, width)

    def __reduce__(self) -> tuple[Any, ...]:
        """What a decoder left behind cannot leave its process: its pixels do."""
        return ArrayPicture, (self.scaled(self.width, self.height, "bgr"),)

    @property
    def _is_turned(self) -> bool:
        """Whether the decoder's planes are not the picture that is shown."""
        return self._turn != 0 or self._mirrored

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return self._size[0]

    @property
    def height(self) -> int:
        """Rows, pixels."""
        return self._size[1]

    def scaled(
        self, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels:
        """The picture at ``width`` x ``height``, in ``out`` (height, width, 3) where it is given.

        Raises ValueError where ``out`` has another shape.
        """
        out = canvas(width, height, out)
        across, down = (width, height) if self._turn % 180 == 0 else (height, width)
        upright = self._turn == 0 and not self._mirrored
        coded = out if upright else np.empty((down, across, 3), np.uint8)
        with self._lock:  # reformat() rewrites the frame's colour tags while it works
            self._scalers.convert(self._frame, across, down, order, coded)
        if not upright:
            turned = cv2.rotate(coded, _ROTATIONS[self._turn]) if self._turn else coded
            np.copyto(out, turned[:, ::-1] if self._mirrored else turned)
        return out

    def scaled_part(
        self, part: Part, width: int, height: int, order: ChannelOrder, out: Pixels | None = None
    ) -> Pixels | None:
        """See ``PartlyScaled``: straight from the decoder's planes.

        Only of plain 4:2:0 video that is neither turned, mirrored nor stretched, where no edge cuts a
        pixel of colour in two.
        """
        frame = self._frame
        if self._is_turned or self._size != (frame.width, frame.height) or width % 2 or height % 2:
            return None
        with self._lock:
            plain = _is_plain_video(frame)
        if not plain or any(edge % 2 for edge in part):
            return None
        out = canvas(width, height, out)
        luma, pairs = _part_of_planes(frame, part)
        if luma.shape != (height, width):
            how = cv2.INTER_AREA if height * 2 < luma.shape[0] else cv2.INTER_LINEAR
            luma = cv2.resize(luma, (width, height), interpolation=how)
            pairs = cv2.resize(pairs, (width // 2, height // 2), interpolation=how)
        cv2.cvtColorTwoPlane(luma, pairs, _FROM_NV12[order], out)
        return out

    def scaled_grey(self, width: int, height: int) -> Pixels | None:
        """See ``GreyScaled``. Only of pictures whose brightness is a plane of bytes, and that are not turned."""
        frame = self._frame
        if self._is_turned or frame.format.name not in _WITH_LUMA:
            return None
        luma = _rows(frame.planes[0], frame.height, frame.width)
        # Not the mean of all pixels: what is a few pixels wide would fade into its surroundings.
        small: Pixels = cv2.resize(luma, (width, height), interpolation=cv2.INTER_LINEAR)
        return small

    def yuv_planes(self) -> tuple[Pixels, Pixels, Pixels] | None:
        """See ``YuvPlanes``. Only of pictures that are not turned, with three planes of bytes."""
        frame = self._frame
        if self._is_turned or frame.format.name not in _THREE_PLANES:
            return None
        luma, blue, red = (_rows(plane, plane.height, plane.width) for plane in frame.planes)
        return luma, blue, red


def _part_of_planes(frame: VideoFrame, part: Part) -> tuple[Any, Any]:
    """Brightness (h, w) and pairs of colours (h / 2, w / 2, 2) of a part of a 4:2:0 frame."""
    left, top, right, bottom = part
    rows, columns = slice(top // 2, bottom // 2), slice(left // 2, right // 2)
    down, across = (frame.height + 1) // 2, (frame.width + 1) // 2
    luma, *chroma = frame.planes
    if len(chroma) == 1:  # NV12
        pairs = _rows(chroma[0], down, across * 2).reshape(down, across, 2)[rows, columns]
    else:
        pairs = cv2.merge([_rows(plane, down, across)[rows, columns] for plane in chroma])
    return _rows(luma, frame.height, frame.width)[top:bottom, left:right], pairs
