"""How to connect to what is live: the address for FFmpeg, its limits, what its errors mean."""

from __future__ import annotations

import errno
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import av

from sightline.config import LiveOptions
from sightline.errors import SourceError
from sightline.redaction import redact_url
from sightline.sources import redirects
from sightline.sources.ffmpeg import Turn, VideoReader, explain, video_stream

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
}
_CAMERAS = {
    "linux": ("v4l2", "/dev/video{}"),
    "darwin": ("avfoundation", "{}"),
    "win32": ("vfwcap", "{}"),
}


class AuthenticationError(SourceError):
    """The password was refused; asking again soon may lock the account."""


class RedirectError(SourceError):
    """The server redirects in a circle."""


@dataclass(frozen=True)
class Target:
    """What FFmpeg is asked to open. ``label`` may be shown; ``url`` may hold a password.

    Behind HTTP there may be a recording; an RTSP server states a duration for live streams too.
    """

    label: str
    url: str = field(repr=False)
    format: str | None = None
    options: dict[str, str] = field(default_factory=dict)
    may_be_recording: bool = False


def url_target(url: str, options: LiveOptions) -> Target:
    """The target of an rtsp, rtsps, http, https, rtmp, rtmps or udp address.

    Raises SourceError for any other scheme, and where there is no host.
    """
    label = redact_url(url)
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme.lower(), parts.hostname
    except ValueError:
        # Not "from": urlsplit quotes the address with its password.
        scheme, host = "", None
    if scheme not in _PROTOCOLS or not host:
        known = ", ".join(_PROTOCOLS)
        raise SourceError(
            f"{label} is no address of a stream: give SCHEME://HOST/..., with {known}"
        )
    # The read timeout of connect() comes first; this one is for what it does not reach.
    patience_us = str(int(options.stall_timeout_s * 2e6))
    extra = {"protocol_whitelist": _PROTOCOLS[scheme]}
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
    return Target(label, url, options=extra, may_be_recording=scheme in ("http", "https"))


def camera_target(device: int | str, platform: str = sys.platform) -> Target:
    """The target of a camera at this computer, by index or by the system's name for it.

    Raises SourceError on a system without a known camera interface.
    """
    if platform not in _CAMERAS:
        raise SourceError(f"camera {device}: no camera interface is known on {platform}")
    driver, pattern = _CAMERAS[platform]
    path = pattern.format(device) if isinstance(device, int) else device
    return Target(f"camera {device} ({path})", path, driver)


def connect(
    target: Target, options: LiveOptions, turn: Turn | None = None, wary: bool = False
) -> VideoReader:
    """Open a target.

    Args:
        wary: the last attempt was redirected in a circle: see whether it still is before FFmpeg
            runs in it until its time is over.

    Raises:
        SourceError: AuthenticationError where the login was refused, RedirectError where the
            server redirects in a circle.
    """
    if wary and redirects.endless(target.url):
        raise _in_a_circle(target)
    started = time.monotonic()
    try:
        container = av.open(
            target.url,
            mode="r",
            format=target.format,
            options=target.options,
            timeout=(options.open_timeout_s, options.stall_timeout_s),
        )
    except (av.FFmpegError, OSError, ValueError) as exc:
        # An RTSP open that ran out of time is "invalid data" to FFmpeg.
        late = time.monotonic() - started >= options.open_timeout_s
        silence = f"no answer within {options.open_timeout_s:g} s"
        error = meaning(target, TimeoutError() if late else exc, silence)
        # In a circle it runs until its time is over (RTSP), or gives up soon (HTTP).
        gave_up = isinstance(exc, OSError) and exc.errno == errno.EIO
        if (late or gave_up) and redirects.endless(target.url):
            error = _in_a_circle(target)
    else:
        stream = video_stream(container)
        if stream is not None:
            return VideoReader(container, stream, options.threads, turn)
        container.close()
        error = SourceError(f"{target.label} sends no video: check the address")
    # Outside of the handler: FFmpeg's own exception quotes the address with its password.
    raise error


def _in_a_circle(target: Target) -> RedirectError:
    return RedirectError(
        f"{target.label}: the server redirects more than {redirects.MOST} times in a row: "
        "check the address"
    )


def meaning(target: Target, exc: Exception, silence: str) -> SourceError:
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
