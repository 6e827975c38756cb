"""How to connect to what is live: the address for FFmpeg, its limits, what its errors mean."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

import av
from av.container import InputContainer

from sightline.addresses import Address, read_address
from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.hosts import AllowedHosts
from sightline.redaction import redact_address
from sightline.sources.ffmpeg import VideoReader, explain
from sightline.sources.network import redirects
from sightline.sources.network.read_allowance import ReadAllowance
from sightline.sources.network.redirects import RedirectError
from sightline.sources.network.restricted import check_ffmpeg_options, opened_rtsp, pinned_url
from sightline.sources.network.session_description import check_hosts
from sightline.sources.network.web_streams import PACKET_BYTES, WebStream, open_web
from sightline.sources.sender_clock import SenderClock
from sightline.sources.turn import Turn
from sightline.sources.video_track import (
    WHOLE_TRACK,
    TrackTiming,
    size_error,
    timing,
    video_stream,
)

# What a stream of each scheme may open in its turn (redirects, playlists, transports): never a
# file, never a protocol with less protection than its own.
_PROTOCOLS = {
    "rtsp": "rtsp,tcp,udp,rtp",
    "rtsps": "rtsps,tls,tcp,udp,rtp,srtp",
    "http": "http,https,tls,tcp,crypto,httpproxy",
    "https": "https,tls,tcp,crypto,httpproxy",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,tls,tcp",
    "udp": "udp",
    "rtp": "rtp,udp",
}
_LOOKING_S = 2.0

log = logging.getLogger(__name__)

_CAMERAS = {
    "linux": ("v4l2", "/dev/video{}"),
    "darwin": ("avfoundation", "{}"),
    "win32": ("vfwcap", "{}"),
}


class AuthenticationError(SourceError):
    """The password was refused; asking again soon may lock the account."""


_PLAYER_PAGES = ("youtube.com", "youtu.be", "vimeo.com", "twitch.tv", "dailymotion.com")
"""Sites whose addresses are given as if they were the video."""


@dataclass(frozen=True)
class StreamTarget:
    """What FFmpeg is asked to open. ``label`` may be shown; ``url`` may hold a password.

    Behind HTTP there may be a recording; an RTSP server states a duration for live streams too.
    """

    label: str
    url: str = field(repr=False)
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    may_be_recording: bool = False
    address: Address | None = field(default=None, repr=False)
    allowed: AllowedHosts | None = field(default=None, repr=False)
    """The only hosts that may be connected to, also where the server redirects."""


def url_target(url: str, options: LiveOptions) -> StreamTarget:
    """The target of an rtsp, rtsps, http, https, rtmp, rtmps, udp or rtp address.

    Raises SourceError for any other scheme, where the strict reader refuses the address, and for pages
    that only show a video.
    """
    label = redact_address(url)
    try:
        address = read_address(url, _PROTOCOLS)
        check_ffmpeg_options(address, restricted=options.hosts is not None)
    except ValueError as exc:
        raise SourceError(
            f"{label} is no address of a stream: {exc}; it is written SCHEME://HOST/..., with "
            f"{', '.join(_PROTOCOLS)}"
        ) from None
    scheme = address.scheme
    if any(address.host == site or address.host.endswith(f".{site}") for site in _PLAYER_PAGES):
        raise SourceError(
            f"{label} is a page with a player, not the video itself: give the address that "
            f"`yt-dlp -g '{label}'` prints, or the file that it downloads"
        )
    # The read timeout of connect() comes first; this one is for what it does not reach.
    patience_us = str(int(options.stall_timeout_s * 2e6))
    # FFmpeg looks for what it wants to know of a stream until then. Of one whose key frames are far
    # apart that may take longer than opening may; the decoder learns it from the key frame.
    looking_us = str(int(min(_LOOKING_S, options.open_timeout_s / 3) * 1e6))
    extra = {"protocol_whitelist": _PROTOCOLS[scheme], "analyzeduration": looking_us}
    if scheme in ("rtsp", "rtsps"):
        extra |= {
            "rtsp_transport": options.transport,
            "allowed_media_types": "video",
            "timeout": patience_us,
        }
    if scheme in ("http", "https"):
        extra |= {"rw_timeout": patience_us}
    else:
        extra |= {"fpsprobesize": "0"}  # else the first second or two goes by in counting frames
    return StreamTarget(
        label,
        address.url,
        options=extra,
        may_be_recording=scheme in ("http", "https"),
        address=address,
        allowed=None if options.hosts is None else AllowedHosts(options.hosts),
    )


def sdp_target(path: str | Path, options: LiveOptions) -> StreamTarget:
    """The target of a session description (.sdp, RFC 8866): RTP streams that somebody sends here.

    It may open RTP over UDP only. Raises SourceError where there is no such file, or where it names a host
    that ``options.hosts`` does not allow.
    """
    if not Path(path).is_file():
        raise SourceError(f"{path} does not exist: check the path")
    if options.hosts is not None:
        check_hosts(Path(path), AllowedHosts(options.hosts))
    extra = {"protocol_whitelist": "file,rtp,udp", "fpsprobesize": "0"}
    return StreamTarget(str(path), f"file:{path}", "sdp", extra)


def camera_target(device: int | str, platform: str = sys.platform) -> StreamTarget:
    """The target of a camera at this computer, by index or by the system's name for it.

    Raises SourceError on a system without a known camera interface.
    """
    if platform not in _CAMERAS:
        raise SourceError(f"camera {device}: no camera interface is known on {platform}")
    driver, pattern = _CAMERAS[platform]
    path = pattern.format(device) if isinstance(device, int) else device
    return StreamTarget(f"camera {device} ({path})", path, driver)


def connect(
    target: StreamTarget,
    options: LiveOptions,
    turn: Turn | None = None,
    wary: bool = False,
    alive: Callable[[], None] = lambda: None,
) -> VideoReader:
    """Open a target.

    Args:
        alive: called while something comes that takes longer than opening may.
        wary: the last attempt was redirected in a circle: see whether it still is before FFmpeg
            runs in it until its time is over.

    Raises:
        SourceError: AuthenticationError where the login was refused, RedirectError where the
            server redirects in a circle.
    """
    if wary and _is_endless(target):
        raise _in_a_circle(target)
    started = time.monotonic()
    try:
        opened, told = _timed(target, options, alive)
    except SourceError:
        raise
    except (av.FFmpegError, OSError, ValueError, HTTPException) as exc:
        # An RTSP open that ran out of time is "invalid data" to FFmpeg.
        late = time.monotonic() - started >= options.open_timeout_s
        silence = f"no answer within {options.open_timeout_s:g} s"
        error = meaning(target, TimeoutError() if late else exc, silence)
        if late and _is_endless(target):  # in a circle it runs until its time is over
            error = _in_a_circle(target)
    else:
        return _reader(target, options, turn, opened, told)
    # Outside of the handler: FFmpeg's own exception quotes the address with its password.
    try:
        raise error
    finally:
        del error  # its trace holds this function: no circle


def _reader(
    target: StreamTarget,
    options: LiveOptions,
    turn: Turn | None,
    opened: WebStream,
    told: TrackTiming | None,
) -> VideoReader:
    """The reader of an open container. Raises SourceError and closes it: there is no video to read."""
    container, file = opened.container, opened.file
    stream = video_stream(container)
    too_large = None if stream is None else size_error(stream, target.label)
    if stream is not None and too_large is None:
        sender = SenderClock(target.label) if options.clock == "auto" else None
        return VideoReader(
            container, stream, options.threads, turn, sender,
            key_frame_s=options.key_frame_timeout_s, file=file, allowance=opened.allowance,
            length=opened.length, told=told,
        )  # fmt: skip
    opened.close()
    try:
        raise too_large or SourceError(f"{target.label} sends no video: check the address")
    finally:
        del too_large  # its trace holds this function: no circle


def _timed(
    target: StreamTarget, options: LiveOptions, alive: Callable[[], None]
) -> tuple[WebStream, TrackTiming | None]:
    """What was opened, and the timing of its video; raises as ``_opened``.

    A recording whose unit of time is wrong is opened again, since its edit list leaves frames out.
    """
    opened = _opened(target, options, alive)
    stream = video_stream(opened.container)
    told = None if stream is None else timing(stream)
    if told is not None and told.fault is not None and target.may_be_recording:
        log.warning("%s: %s", target.label, told.fault)
        opened.close()
        opened = _opened(replace(target, options={**target.options, **WHOLE_TRACK}), options, alive)
    return opened, told


def _opened(target: StreamTarget, options: LiveOptions, alive: Callable[[], None]) -> WebStream:
    """The container and what it reads from.

    Raises FFmpegError, OSError, HTTPException, ValueError; SourceError where a host is not allowed.
    """

    def open_(url: str) -> InputContainer:
        timeouts = (options.open_timeout_s, options.stall_timeout_s)
        return av.open(
            url, mode="r", format=target.format, options=target.options, timeout=timeouts
        )

    address, allowed = target.address, target.allowed
    if address is not None and target.may_be_recording:
        return open_web(address, allowed, options, target.options, target.label, alive)
    if address is None or allowed is None:
        return WebStream(open_(target.url))
    if address.scheme in ("rtsp", "rtsps"):
        limit_s = options.open_timeout_s
        allowance = ReadAllowance(limit_s, PACKET_BYTES, target.label)
        container = opened_rtsp(allowed, address, open_, target.label, limit_s, allowance)
        return WebStream(container, allowance=allowance)
    return WebStream(open_(pinned_url(allowed, address, target.label, options.open_timeout_s)))


def _is_endless(target: StreamTarget) -> bool:
    # FFmpeg follows by itself only where hosts are not restricted, and only RTSP.
    if target.address is None or target.allowed is not None or target.may_be_recording:
        return False
    return redirects.endless(target.address)


def _in_a_circle(target: StreamTarget) -> RedirectError:
    return redirects.in_a_circle(target.label)


def meaning(target: StreamTarget, exc: Exception, silence: str) -> SourceError:
    """What an exception of FFmpeg's means, in words without a password.

    ``silence`` says what a timeout was: no answer, or no picture, for so long.
    """
    status = exc.code if isinstance(exc, HTTPError) else None
    if isinstance(exc, av.HTTPUnauthorizedError | av.HTTPForbiddenError) or status in (401, 403):
        return AuthenticationError(f"{target.label}: auth failed: check the user and the password")
    if isinstance(exc, av.ExitError | TimeoutError):
        what = f"{silence}: check the network and that the camera is on"
    elif isinstance(exc, av.HTTPNotFoundError | FileNotFoundError) or status in (404, 410):
        what = "there is nothing at this address: check it"
    elif status is not None:
        what = f"the server answers {status}: check the address, and the server"
    elif isinstance(exc, av.InvalidDataError | HTTPException):
        what = "it hung up, or sends no video: check the address, and that the camera is on"
    elif isinstance(exc, av.FFmpegError | OSError):
        what = f"{explain(exc)}: check the address, and that the camera is on"
    else:
        what = f"{type(exc).__name__}: check the address"
    return SourceError(f"{target.label}: {what}")
