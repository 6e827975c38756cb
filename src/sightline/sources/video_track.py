"""The video track of a container: which one a player shows, its rate, its length and its size.

Knows what containers say of themselves; decodes nothing.
"""

from __future__ import annotations

import re
from typing import cast

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from sightline.errors import DecodeError

LIMIT_PIXELS = 100_000_000
"""Most pixels of a video's picture: a film of large black pictures is a small file, and each takes its memory."""

_TIME = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")
_TOLERANCE_S = 0.5
# FFmpeg takes any text file for the screen of a terminal and would "play" it.
_NO_VIDEO_FORMATS = {"tty"}
_NOT_MOVING = Disposition.attached_pic | Disposition.timed_thumbnails

DECODING_ORDER = {"avi", "asf"}
"""Containers without times of presentation: what FFmpeg gives as such is a guess, wrong with B-frames."""

STATED_SIZE_BYTES = 4096
"""So much of a file's beginning tells how large it should be."""

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_UNKNOWN_RIFF = 0xFFFF_FFFF

STILL_CODECS = {"mjpeg", "png", "bmp", "gif", "tiff", "webp"}
"""Each packet is a whole picture."""
_ONE_PICTURE_S = 0.1


def video_stream(container: InputContainer) -> VideoStream | None:
    """The video track that a player shows; the cover picture of a song is none.

    As in ffplay: a track marked as default before others, then the one with more frames and more
    bits. A track whose codec is unknown here is left out.
    """
    if container.format.name in _NO_VIDEO_FORMATS:
        return None
    known = [stream for stream in container.streams.video if _has_decoder(stream)]
    moving = [stream for stream in known if not stream.disposition & _NOT_MOVING]
    candidates = [stream for stream in moving if not _is_one_picture(stream)] or moving
    best = container.streams.best("video")
    if any(stream is best for stream in candidates):
        return cast("VideoStream", best)
    return max(candidates, key=_rank, default=None)


def _has_decoder(stream: VideoStream) -> bool:
    # PyAV's type does not say that there may be no context.
    return cast("VideoCodecContext | None", stream.codec_context) is not None


def _is_one_picture(stream: VideoStream) -> bool:
    """A cover that is not marked as one, as a copy with FFmpeg leaves it."""
    if stream.codec_context.name not in STILL_CODECS:
        return False
    took_s = _TIME.fullmatch(stream.metadata.get("DURATION", ""))
    one_in_matroska = took_s is not None and _seconds(took_s) < _ONE_PICTURE_S
    return stream.frames == 1 or one_in_matroska


def _seconds(time: re.Match[str]) -> float:
    hours, minutes, seconds = map(float, time.groups())
    return hours * 3600 + minutes * 60 + seconds


def _rank(stream: VideoStream) -> tuple[bool, int, int]:
    """How much a track is the one to show, where FFmpeg's own choice is a cover."""
    size = stream.codec_context.width * stream.codec_context.height
    return Disposition.default in stream.disposition, size, -stream.index


def size_error(stream: VideoStream, label: str) -> DecodeError | None:
    """What to raise where a video is larger than ``LIMIT_PIXELS``; ``label`` names it."""
    codec = stream.codec_context
    if codec.width * codec.height <= LIMIT_PIXELS:
        return None
    return DecodeError(
        f"{label} has {codec.width} x {codec.height} pixels, more than the limit of {LIMIT_PIXELS}: "
        "make it smaller"
    )


def frame_rate(stream: VideoStream) -> float | None:
    """The nominal frames per second, or None where the container does not say."""
    rate = stream.average_rate or stream.guessed_rate
    return float(rate) if rate else None


def _ends_early(container: InputContainer, stream: VideoStream, end_s: float) -> bool:
    """Whether pictures are missing at the end of a file that lacks bytes there, which may be its index."""
    rate = frame_rate(stream)
    if stream.frames and rate:  # FFmpeg takes the duration of a cut AVI from what is there
        promised_s = stream.frames / rate
    elif container.duration is not None:
        promised_s = container.duration / av.time_base
    else:
        return True
    return end_s < promised_s - 0.5 / (rate or 1)


def tells_order(container: InputContainer, stream: VideoStream) -> bool:
    """Whether timestamps tell which frames are missing.

    Of live streams, which have no duration, what was lost on the way was never read.
    """
    if not container.duration or container.duration < 0:
        return False
    reorders = stream.codec_context.name in {"h264", "hevc"}
    return not (reorders and container.format.name in DECODING_ORDER)


def expected_frames(container: InputContainer, stream: VideoStream) -> int | None:
    """How many frames there should be: counted by the container, or from its duration."""
    if stream.frames:
        return stream.frames
    rate = frame_rate(stream)
    if rate is None or container.duration is None or container.duration <= 0:
        return None
    return max(1, round(container.duration / av.time_base * rate))


def stated_size(head: bytes) -> int | None:
    """How many bytes a file has, as its container states at its beginning; None where it does not.

    Matroska and WebM state the size of their segment (RFC 9559), AVI that of its first RIFF chunk.
    A recorder writes it last, so a file that is being recorded states none.

    Args:
        head: the first ``STATED_SIZE_BYTES`` of the file.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        size = int.from_bytes(head[4:8], "little")
        return 8 + size if 0 < size < _UNKNOWN_RIFF else None
    if head[:4] != _EBML:
        return None
    length, at = _ebml_size(head, 4)
    if length is None or head[at + length : at + length + 4] != _SEGMENT:
        return None
    rest, at = _ebml_size(head, at + length + 4)
    return None if rest is None else at + rest


def _ebml_size(head: bytes, at: int) -> tuple[int | None, int]:
    """The size of an element (RFC 8794) that stands at a place, None where it is unknown, and where it ends."""
    width = 9 - head[at].bit_length() if at < len(head) else 9
    if width > 8 or at + width > len(head):
        return None, at
    unknown = (1 << 7 * width) - 1
    size = int.from_bytes(head[at : at + width], "big") & unknown
    return (None if size == unknown else size), at + width


def is_cut_off(
    container: InputContainer,
    stream: VideoStream,
    end_s: float,
    size: int,
    *,
    torn: bool,
    stated: int | None = None,
) -> bool:
    """Whether a file that was read to its end had promised to be longer.

    Only containers that state their extent can tell; a transport stream ends anywhere.

    Args:
        end_s: how far its packets reached.
        size: bytes that the file has, 0 where that is not known.
        torn: whether the last packet was damaged.
        stated: bytes that it should have: ``stated_size``.
    """
    if stated is not None and 0 < size < stated and _ends_early(container, stream, end_s):
        return True
    formats = container.format.name.split(",")
    if "mp4" in formats:
        end = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
        return end > size > 0
    if "matroska" in formats:
        # The container's own duration may be that of a longer sound track.
        promised = _TIME.fullmatch(stream.metadata.get("DURATION", ""))
        if promised is None:
            return False
        return end_s < _seconds(promised) - _TOLERANCE_S
    return torn and not {"avi", "flv"}.isdisjoint(formats)
