"""Small real videos, made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from sightline.types import Pixels


def level(index: int) -> int:
    """The brightness of the left half of frame ``index``, so that a frame can be told."""
    return 40 + index * 5 % 160


def picture(index: int, width: int, height: int) -> Pixels:
    """Left half grey of a level that tells the index; right half red above blue. RGB."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 2] = level(index)
    pixels[: height // 2, width // 2 :] = (255, 0, 0)
    pixels[height // 2 :, width // 2 :] = (0, 0, 255)
    return pixels


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """A factory of video files: name, frames, size, timestamps in 1/25 s, codec …"""

    def make(
        name: str = "street.mp4",
        frames: int = 30,
        size: tuple[int, int] = (320, 240),
        *,
        pts: Sequence[int] | None = None,
        codec: str = "libx264",
        rotation: int = 0,
        b_frames: int = 0,
    ) -> Path:
        path = tmp_path / name
        # The index first, so that what is cut off later still opens.
        options = {"movflags": "+faststart"} if path.suffix in {".mp4", ".mov"} else {}
        with av.open(str(path), "w", options=options) as file:
            stream = file.add_stream(codec, rate=25)
            stream.width, stream.height = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.codec_context.gop_size = 10
            if codec == "libx264":
                options = {"preset": "ultrafast", "qp": "10", "bf": str(b_frames)}
                stream.codec_context.options = options
            if codec == "mpeg4":
                stream.codec_context.bit_rate = 8_000_000
            if rotation:
                stream.set_display_rotation(rotation)
            for index in range(frames):
                frame = av.VideoFrame.from_ndarray(picture(index, *size), "rgb24")
                frame.pts = index if pts is None else pts[index]
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return path

    return make
