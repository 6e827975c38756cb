"""Opening an address where only some hosts may be connected to: what clients of a service add.

The name is resolved once for each attempt, all its addresses are judged, and the one that was
judged is the one that is connected to. Redirects are judged like the first address. Playlists are
not opened: FFmpeg would go wherever they lead.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches

import av
from av.container import InputContainer

from sightline.addresses import Address
from sightline.errors import SourceError
from sightline.hosts import AllowedHosts, resolve
from sightline.sources.network import redirects

Open = Callable[[str, Mapping[str, str]], InputContainer]
"""Opens a URL with more options of FFmpeg."""

_FORMATS = (
    "mpjpeg mjpeg mov,mp4,m4a,3gp,3g2,mj2 matroska,webm mpegts mpeg mpegvideo m4v flv live_flv avi "
    "h264 hevc vvc av1 obu ivf ogg asf nut mxf gif jpeg_pipe png_pipe webp_pipe bmp_pipe tiff_pipe"
)
"""Demuxers that open nothing else: no playlist, no SDP, no list of files."""

_SECURE = {"https": {"https"}, "http": {"http", "https"}, "rtsps": {"rtsps"},
           "rtsp": {"rtsp", "rtsps"}}  # fmt: skip
"""What an address may be redirected to, by its scheme."""

_UDP_OPTIONS = frozenset(
    [
        "bitrate",
        "block",
        "broadcast",
        "buffer_size",
        "burst_bits",
        "connect",
        "dscp",
        "fifo_size",
        "localaddr",
        "localport",
        "overrun_nonfatal",
        "pkt_size",
        "reuse",
        "sources",
        "timeout",
        "ttl",
    ]
)


def check_ffmpeg_options(address: Address, *, restricted: bool) -> None:
    """Look at what FFmpeg itself reads after the ``?`` of an address.

    Raises ValueError: an option of UDP is not known; a restricted address chooses its transport.
    """
    names = [part.partition("=")[0] for part in address.query.split("&") if part]
    if address.scheme == "udp":
        for name in names:
            if name not in _UDP_OPTIONS:
                near = get_close_matches(name, _UDP_OPTIONS, 1)
                meant = f", did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"it has an option that UDP does not have{meant}")
    if restricted and address.scheme in ("rtsp", "rtsps") and {"udp", "multicast"} & {*names}:
        raise ValueError("the transport is chosen by live.transport, not in the address")


def open_within(
    allowed: AllowedHosts, address: Address, open_: Open, label: str, deadline: float
) -> InputContainer:
    """Open an address, and what it is redirected to, on allowed hosts only.

    Args:
        allowed: which hosts.
        address: what to open.
        open_: opens what was judged.
        label: the source in messages.
        deadline: of ``time.monotonic()``, for asking about redirects.

    Raises:
        SourceError: a host is not allowed; RedirectError: too many redirects.
        FFmpegError, OSError, ValueError: what opening it failed with.
    """
    for _ in range(redirects.MOST + 1):
        pinned = _reachable(address, _judged(allowed, address, label), deadline)
        if address.scheme in ("rtsp", "rtsps"):
            # FFmpeg would follow by itself, wherever it leads.
            onward = redirects.redirected(address, pinned, deadline)
            if onward is None:
                return open_(_pinned_url(allowed, address, pinned), {})
        else:
            try:
                return open_(_pinned_url(allowed, address, pinned), _web_options(address))
            except av.FFmpegError as exc:
                if exc.errno != errno.EIO or address.scheme not in _SECURE:
                    raise
                failure = exc
            onward = redirects.redirected(address, pinned, deadline)
            if onward is None:
                raise failure
        address = _followed(address, onward, label)
        if time.monotonic() > deadline:
            raise TimeoutError
    raise redirects.in_a_circle(label)


def _reachable(address: Address, found: Sequence[str], deadline: float) -> str:
    """The first of several IP addresses that can be connected to; the very first if none can."""
    port = address.port or redirects.PORTS.get(address.scheme)
    if len(found) > 1 and port is not None:
        for host in found:
            left_s = (deadline - time.monotonic()) / len(found)
            with suppress(OSError), socket.create_connection((host, port), max(left_s, 0.1)):
                return host
    return found[0]


def _judged(allowed: AllowedHosts, address: Address, label: str) -> list[str]:
    """The IP addresses that may be connected to, in the system's order."""
    try:
        found = resolve(address.host, address.port or redirects.PORTS.get(address.scheme, 0))
    except OSError:
        raise SourceError(f"{label}: the name {address.host} is not known: check it") from None
    if not allowed.allow(address.host, found):
        raise SourceError(
            f"{label}: the host {address.host} is not one that may be connected to "
            "(serving.stream_hosts)"
        )
    return list(dict.fromkeys(map(str, found)))


def _pinned_url(allowed: AllowedHosts, address: Address, pinned: str) -> str:
    # Of TLS to a bare IP address no name is sent, and many servers need it. Where there are no
    # rules, only addresses that speak no TLS are kept from clients, so the name will do.
    if address.scheme in ("https", "rtsps", "rtmps") and not allowed.restricts:
        return address.url
    return address.at(pinned).url


def _web_options(address: Address) -> Mapping[str, str]:
    if address.scheme not in ("http", "https"):
        return {}
    return {
        "max_redirects": "0",
        "headers": f"Host: {address.authority}\r\n",
        "format_whitelist": ",".join(_FORMATS.split()),
    }


def _followed(address: Address, onward: Address, label: str) -> Address:
    if onward.scheme not in _SECURE[address.scheme]:
        raise SourceError(
            f"{label}: the server redirects to {onward.scheme}://, which is not followed from "
            f"{address.scheme}://"
        )
    same = (onward.host, onward.port) == (address.host, address.port)
    # The login is for the server that it was given for.
    return Address(
        onward.scheme, address.login if same else "", onward.host, onward.port, onward.target
    )
