"""Which hosts a source may connect to: what clients of a service add may open some only.

The name is resolved once for each connection, all its addresses are judged, and one of those is
connected to. That holds for the first address, for redirects, and for what playlists name.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from typing import TypeVar

from sightline.addresses import Address
from sightline.errors import SourceError
from sightline.hosts import AllowedHosts, resolve
from sightline.sources.network import redirects
from sightline.sources.network.read_allowance import ReadAllowance
from sightline.sources.network.rtsp_relay import RtspRelay

FORMATS = (
    "hls dash mpjpeg mjpeg mov,mp4,m4a,3gp,3g2,mj2 matroska,webm mpegts mpeg mpegvideo m4v flv live_flv avi "
    "h264 hevc vvc av1 obu ivf ogg asf nut mxf gif jpeg_pipe png_pipe webp_pipe bmp_pipe tiff_pipe"
)
"""Demuxers that open nothing by themselves: no SDP, no list of files. Playlists ask us."""

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


Opened = TypeVar("Opened")


def opened_rtsp(
    allowed: AllowedHosts, address: Address, open_: Callable[[str], Opened], label: str,
    timeout_s: float, allowance: ReadAllowance,
) -> Opened:  # fmt: skip
    """Open an RTSP address, and what it is redirected to, on allowed hosts only.

    Args:
        allowed: which hosts.
        address: rtsp or rtsps.
        open_: opens a URL.
        label: the source in messages.
        timeout_s: for all of it.
        allowance: what may come until a packet is whole.

    Raises:
        SourceError: a host is not allowed, or too much came without a packet; RedirectError: too many redirects.
        FFmpegError, OSError, ValueError: what opening it failed with.
    """
    deadline = time.monotonic() + timeout_s
    for _ in range(redirects.MOST + 1):
        server = connected(
            allowed, address.host, address.port or redirects.PORTS[address.scheme], label,
            deadline - time.monotonic(),
        )  # fmt: skip
        relay = RtspRelay(server, address, allowance)
        try:
            return open_(relay.url)
        except Exception:
            allowance.check()
            if relay.refusal is not None:
                raise SourceError(f"{label}: {relay.refusal}") from None
            if relay.redirect is None:
                raise
        try:
            onward = relay.redirected()
        except ValueError as exc:
            raise SourceError(
                f"{label}: the server redirects to what is no address: {exc}"
            ) from None
        address = check_redirect(address, onward, label)
        if time.monotonic() > deadline:
            raise TimeoutError
    raise redirects.in_a_circle(label)


def connected(
    allowed: AllowedHosts | None, host: str, port: int, label: str, timeout_s: float
) -> socket.socket:
    """A connection to a host, if it may be connected to; None for ``allowed``: it may.

    Raises:
        SourceError: it may not, or its name is not known.
        OSError: nobody answers.
    """
    deadline = time.monotonic() + timeout_s
    if allowed is None:
        return socket.create_connection((host, port), max(timeout_s, 0.001))
    found = judged(allowed, host, port, label)
    for number, one in enumerate(found, 1):
        left_s = max((deadline - time.monotonic()) / (len(found) - number + 1), 0.001)
        try:
            return socket.create_connection((one, port), left_s)
        except OSError:
            if number == len(found):
                raise
    raise OSError(f"{host} has no address")


def pinned_url(allowed: AllowedHosts, address: Address, label: str, timeout_s: float) -> str:
    """The address with the host's IP address in place of its name. Raises SourceError: see ``judged``."""
    port = address.port or redirects.PORTS.get(address.scheme)
    found = judged(allowed, address.host, port or 0, label)
    # Of TLS to a bare IP address no name is sent, and many servers need it. Where there are no
    # rules, only addresses that speak no TLS are kept from clients, so the name will do.
    if address.scheme == "rtmps" and not allowed.restricts:
        return address.url
    if len(found) > 1 and port is not None:
        for host in found:
            with suppress(OSError), socket.create_connection((host, port), timeout_s / len(found)):
                return address.at(host).url
    return address.at(found[0]).url


def judged(allowed: AllowedHosts, host: str, port: int, label: str) -> list[str]:
    """The IP addresses of a host, in the system's order.

    Raises SourceError: it may not be connected to, or its name is not known.
    """
    try:
        found = resolve(host, port)
    except OSError:
        raise SourceError(f"{label}: the name {host} is not known: check it") from None
    if not allowed.allow(host, found):
        raise SourceError(
            f"{label}: the host {host} is not one that may be connected to (live.hosts, serving.stream_hosts)"
        )
    return list(dict.fromkeys(map(str, found)))


def check_redirect(address: Address, onward: Address, label: str) -> Address:
    """Where a redirect is followed to. Raises SourceError: its scheme protects less, or is another."""
    if onward.scheme not in _SECURE[address.scheme]:
        raise SourceError(
            f"{label}: the server redirects to {onward.scheme}://, which is not followed from "
            f"{address.scheme}://"
        )
    # The login is for the server that it was given for; cameras write out the port that is usual.
    same = _server(onward) == _server(address)
    return Address(
        onward.scheme, address.login if same else "", onward.host, onward.port, onward.target
    )


def _server(address: Address) -> tuple[str, int]:
    return address.host, address.port or redirects.PORTS[address.scheme]
