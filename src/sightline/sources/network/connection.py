"""How to connect to what is live: the address for FFmpeg, its limits, what its errors mean."""

from __future__ import annotations

import contextlib
import errno
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import av
from av.container import InputContainer

from sightline.addresses import Address, read_address
from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.hosts import AllowedHosts
from sightline.redaction import redact_address
from sightline.sources.ffmpeg import VideoReader, explain
from sightline.sources.network import redirects
from sightline.sources.network.redirects import RedirectError
from sightline.sources.network.restricted import check_ffmpeg_options, open_within
from sightline.sources.network.spooled import SpooledDownload, spooled
from sightline.sources.sender_clock import SenderClock
from sightline.sources.turn import Turn
from sightline.sources.video_track import size_error, video_stream

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
_SMALLEST_INDEX = 500  # bytes of a `moov` with one track; less is padding
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


def sdp_target(path: str | Path) -> StreamTarget:
    """The target of a session description (.sdp, RFC 8866): RTP streams that somebody sends here.

    It may open RTP over UDP only. Raises SourceError where there is no such file.
    """
    if not Path(path).is_file():
        raise SourceError(f"{path} does not exist: check the path")
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
        container, file = _opened(target, options, alive)
    except SourceError:
        raise
    except (av.FFmpegError, OSError, ValueError, HTTPException) as exc:
        # An RTSP open that ran out of time is "invalid data" to FFmpeg.
        late = time.monotonic() - started >= options.open_timeout_s
        silence = f"no answer within {options.open_timeout_s:g} s"
        error = meaning(target, TimeoutError() if late else exc, silence)
        # In a circle it runs until its time is over (RTSP), or gives up soon (HTTP).
        gave_up = isinstance(exc, OSError) and exc.errno == errno.EIO
        if (late or gave_up) and _is_endless(target):
            error = _in_a_circle(target)
    else:
        return _reader(target, options, turn, container, file)
    # Outside of the handler: FFmpeg's own exception quotes the address with its password.
    try:
        raise error
    finally:
        del error  # its trace holds this function: no circle


def _reader(
    target: StreamTarget,
    options: LiveOptions,
    turn: Turn | None,
    container: InputContainer,
    file: SpooledDownload | None,
) -> VideoReader:
    """The reader of an open container. Raises SourceError and closes it: there is no video to read."""
    stream = video_stream(container)
    too_large = None if stream is None else size_error(stream, target.label)
    if stream is not None and too_large is None:
        told = SenderClock(target.label) if options.clock == "auto" else None
        return VideoReader(
            container, stream, options.threads, turn, told,
            key_frame_s=options.key_frame_timeout_s, file=file,
        )  # fmt: skip
    container.close()
    if file is not None:
        file.close()
    try:
        raise too_large or SourceError(f"{target.label} sends no video: check the address")
    finally:
        del too_large  # its trace holds this function: no circle


def _opened(
    target: StreamTarget, options: LiveOptions, alive: Callable[[], None]
) -> tuple[InputContainer, SpooledDownload | None]:
    """The container, and the download that it reads from where there is one.

    Raises FFmpegError, OSError, HTTPException, ValueError; SourceError where a host is not allowed.
    """
    files: list[SpooledDownload] = []

    def open_(url: str, extra: Mapping[str, str]) -> InputContainer:
        kept = None
        if _is_called_mp4(target):
            # FFmpeg would read all that is before the index to find it, and run out of time.
            with contextlib.suppress(OSError, HTTPException):  # FFmpeg tells what is wrong
                kept = _download(target, url, extra, options, alive)
        if kept is None:
            container = av.open(
                url,
                mode="r",
                format=target.format,
                options={**target.options, **extra},
                timeout=(options.open_timeout_s, options.stall_timeout_s),
            )
            if not _may_lack_its_index(container):
                return container
            kept = _download(target, url, extra, options, alive)
            if kept is None:
                return container
            container.close()
        files.append(kept)
        return av.open(kept, mode="r", options={"protocol_whitelist": ""})

    if target.address is None or target.allowed is None:
        container = open_(target.url, {})
    else:
        container = open_within(
            target.allowed, target.address, open_, target.label,
            time.monotonic() + options.open_timeout_s,
        )  # fmt: skip
    return container, files[0] if files else None


def _is_called_mp4(target: StreamTarget) -> bool:
    path = target.address.path.lower() if target.address else ""
    return target.may_be_recording and path.endswith((".mp4", ".mov", ".m4v", ".3gp"))


def _may_lack_its_index(container: InputContainer) -> bool:
    """An MP4 whose pictures lie before its index, or may do so because its length is not known.

    FFmpeg has passed the pictures by then, and comes back to them only where the server sends parts.
    """
    if "mp4" not in container.format.name.split(",") or (container.duration or 0) <= 0:
        return False
    stream = video_stream(container)
    if stream is None or container.size <= 0:
        return stream is not None
    end = max((entry.pos + entry.size for entry in stream.index_entries), default=0)
    return container.size - end > _SMALLEST_INDEX


def _download(
    target: StreamTarget, url: str, extra: Mapping[str, str], options: LiveOptions,
    alive: Callable[[], None],
) -> SpooledDownload | None:  # fmt: skip
    if not target.may_be_recording:
        return None
    headers = dict(
        line.split(": ", 1) for line in extra.get("headers", "").splitlines() if ": " in line
    )
    limit = options.download_mb * 1_000_000
    return spooled(
        url,
        headers,
        lambda response: SpooledDownload(response, limit, target.label, alive),
        follow=target.allowed is None,
        timeout_s=options.stall_timeout_s,
    )


def _is_endless(target: StreamTarget) -> bool:
    # Where hosts are restricted, whatever is redirected is asked by us, and counted there.
    if target.address is None or target.allowed is not None:
        return False
    return redirects.endless(target.address)


def _in_a_circle(target: StreamTarget) -> RedirectError:
    return redirects.in_a_circle(target.label)


def meaning(target: StreamTarget, exc: Exception, silence: str) -> SourceError:
    """What an exception of FFmpeg's means, in words without a password.

    ``silence`` says what a timeout was: no answer, or no picture, for so long.
    """
    if isinstance(exc, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
        return AuthenticationError(f"{target.label}: auth failed: check the user and the password")
    if isinstance(exc, av.ExitError | TimeoutError):
        what = f"{silence}: check the network and that the camera is on"
    elif isinstance(exc, av.HTTPNotFoundError | FileNotFoundError):
        what = "there is nothing at this address: check it"
    elif isinstance(exc, av.InvalidDataError):
        what = "it hung up, or sends no video: check the address, and that the camera is on"
    elif isinstance(exc, av.FFmpegError | OSError):
        what = f"{explain(exc)}: check the address, and that the camera is on"
    else:
        what = f"{type(exc).__name__}: check the address"
    return SourceError(f"{target.label}: {what}")
