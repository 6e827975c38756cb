"""The video track of a container: which one a player shows, its rate, its length and its size.

Knows what containers say of themselves; decodes nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple, cast

import av
from av.container import InputContainer
from av.format import Flags
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
WHOLE_TRACK = {"ignore_editlist": "1"}
"""FFmpeg's option that reads all frames of an MP4 track, whatever its edit list says."""

SLOWEST_FPS, FASTEST_FPS = 1 / 600, 300.0
"""A rate outside of this is looked for elsewhere too: in FFmpeg's guess, and in the video itself."""

DEFAULT_FPS = 25.0
"""The rate of a recording of which nobody tells any."""

_LONGEST_STEP_OF_ONE_S = 2.0
_DAY_S = 86_400
_LONGEST_STEP_S, _LONGEST_BREAK_S = 30 * 3600.0, 3600.0


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


class TrackTiming(NamedTuple):
    """What the header of a video track says of its time.

    Attributes:
        fps: nominal frames per second, None where nothing that is known can be right.
        fault: what is wrong with the unit of time, None where it can be right. Time stamps say
            nothing then, and an edit list leaves out frames that a player should show: such a file
            is opened again with ``WHOLE_TRACK``.
    """

    fps: float | None
    fault: str | None = None


def timing(stream: VideoStream) -> TrackTiming:
    """The timing of a track that was opened as it is, its edit list included."""
    fault = _fault(stream)
    fps = _frame_rate(stream, fault is not None)
    if fault is not None:
        fault = f"{fault}: frames are read as {fps or DEFAULT_FPS:g} a second"
    return TrackTiming(fps, fault)


def _frame_rate(stream: VideoStream, faulty: bool) -> float | None:
    stated = [] if faulty else [stream.average_rate, stream.guessed_rate]
    for rate in (*stated, stream.codec_context.framerate, _by_duration(stream)):
        if rate and SLOWEST_FPS <= rate <= FASTEST_FPS:
            return float(rate)
    odd = next((rate for rate in stated if rate), None)
    return float(odd) if odd and odd * _DAY_S >= 1 else None


def _fault(stream: VideoStream) -> str | None:
    """FFmpeg takes a time scale of 0, or one above 2³¹, for 1: frames are minutes or hours apart then."""
    if "mov" not in stream.container.format.name.split(","):
        return None  # elsewhere a wrong unit shows in the time stamps only
    entries = stream.index_entries
    held = len(entries)
    if held > 1 and entries[0].timestamp == entries[-1].timestamp:
        return "all its frames have the same time (stts in its header)"
    rates = [float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate]
    slowest = min(rates, default=1.0)
    left_out = 0 < held < stream.frames
    of_one = stream.time_base == 1 and (left_out or slowest * _LONGEST_STEP_OF_ONE_S < 1)
    if of_one or max(rates, default=1.0) < SLOWEST_FPS:
        return f"by its header (mdhd, stts) frames are {1 / slowest:,.0f} s apart"
    return None


def _by_duration(stream: VideoStream) -> float | None:
    """Frames over the duration of the whole file, which has a unit of time of its own."""
    duration = cast("InputContainer", stream.container).duration  # a stream that is read
    return stream.frames * 1e6 / duration if stream.frames and duration else None


def _ends_early(container: InputContainer, stream: VideoStream, end_s: float) -> bool:
    """Whether pictures are missing at the end of a file that lacks bytes there, which may be its index."""
    rate = timing(stream).fps
    if stream.frames and rate:  # FFmpeg takes the duration of a cut AVI from what is there
        promised_s = stream.frames / rate
    elif container.duration is not None:
        promised_s = container.duration / av.time_base
    else:
        return True
    return end_s < promised_s - 0.5 / (rate or 1)


def longest_step_s(container: InputContainer) -> float:
    """A longer step from one frame of a recording to the next is a timestamp that is wrong.

    FFmpeg's own limit is 30 hours. MPEG-TS and its like, put together from pieces with counts of their
    own, jump without having lasted so long.
    """
    joined = Flags(container.format.flags) & Flags.ts_discont
    return _LONGEST_BREAK_S if joined else _LONGEST_STEP_S


def tells_order(container: InputContainer, stream: VideoStream) -> bool:
    """Whether timestamps tell which frames are missing.

    Of live streams, which have no duration, what was lost on the way was never read.
    """
    if not container.duration or container.duration < 0:
        return False
    reorders = stream.codec_context.name in {"h264", "hevc"}
    return not (reorders and container.format.name in DECODING_ORDER)


def expected_frames(
    container: InputContainer, stream: VideoStream, fps: float | None
) -> int | None:
    """How many frames there should be: counted by the container, or from its duration and its rate."""
    if stream.frames:
        return stream.frames
    if fps is None or container.duration is None or container.duration <= 0:
        return None
    return max(1, round(container.duration / av.time_base * fps))


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
