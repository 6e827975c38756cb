"""What the cameras of the tests show: a painted street as H.264, in pieces that can be joined."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from av.video.stream import VideoStream

from sightline.sources.street.options import StreetOptions
from sightline.sources.street.source import StreetSource

FPS = 10
SIZES = ((320, 192), (256, 144))
_PIECE_S = 3
"""The changing clip changes its size so often."""


@dataclass(frozen=True)
class Clips:
    """What cameras show: a street; the same smaller; both in turns, within one stream."""

    plain: Path
    small: Path
    changing: Path


def make_clips(folder: Path, seconds: float = 1800) -> Clips:
    """A key frame a second, ``FPS``, repeated for so long: a server must not reach the end."""
    large, small = (encoded(size, FPS) for size in SIZES)
    count = int(seconds / _PIECE_S)
    clips = Clips(*(folder / f"{name}.mp4" for name in ("plain", "small", "changing")))
    join(clips.plain, [large] * count, FPS)
    join(clips.small, [small] * count, FPS)
    join(clips.changing, [small, large] * (count // 2), FPS)
    return clips


def encoded(size: tuple[int, int], fps: int, codec: str = "libx264") -> bytes:
    """A few seconds of street as a transport stream, whose key frames say what size they are."""
    width, height = size
    street = StreetSource(StreetOptions(width=width, height=height, fps=fps, duration=_PIECE_S))
    memory = io.BytesIO()
    with av.open(memory, "w", format="mpegts") as out:
        stream = out.add_stream(codec, rate=fps)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = fps
        if codec == "libx264":
            stream.codec_context.options = {"preset": "ultrafast", "tune": "zerolatency"}
        for frame in street:
            picture = av.VideoFrame.from_ndarray(frame.image, "bgr24")
            picture.pts = frame.index
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return memory.getvalue()


def join(path: Path, pieces: Sequence[bytes], fps: int) -> None:
    """Pieces that were encoded one after the other as one MP4 file."""
    with av.open(str(path), "w") as out:
        stream: VideoStream | None = None
        number = 0
        for piece in pieces:
            with av.open(io.BytesIO(piece), "r", format="mpegts") as source:
                if stream is None:
                    stream = out.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.size:
                        step = round(1 / fps / packet.time_base)
                        packet.pts = packet.dts = number * step
                        packet.stream = stream
                        out.mux(packet)
                        number += 1
