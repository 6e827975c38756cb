"""Opening what is behind an http or https address: a camera's pictures, a recording, a playlist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import av
from av.container import InputContainer

from sightline.addresses import Address
from sightline.config import LiveOptions
from sightline.hosts import AllowedHosts
from sightline.media_suffixes import PICTURES
from sightline.sources.network.playlists import (
    EncryptedPlaylistError,
    PlaylistFiles,
    playlist_format,
)
from sightline.sources.network.read_allowance import ReadAllowance
from sightline.sources.network.restricted import FORMATS
from sightline.sources.network.spooled import SpooledDownload, index_is_last, is_mp4
from sightline.sources.network.web import WebClient, WebFile

INDEX_BYTES = 48_000_000
"""Most that comes before the first packet of an MP4: its index, of recordings of many hours."""
PACKET_BYTES = 24_000_000
"""Most that comes until a packet is whole: one picture of 4K without compression. FFmpeg may keep it
three times while it grows."""


class OpenFile(Protocol):
    """What a container reads from."""

    def tell(self) -> int:
        """The place in the file, bytes."""

    def close(self) -> None:
        """Idempotent."""


class WebStream(NamedTuple):
    """An open container; what it reads from, to be closed after it; and what is renewed by packets.

    ``length`` is in bytes, None where the server does not tell.
    """

    container: InputContainer
    file: OpenFile | None = None
    allowance: ReadAllowance | None = None
    length: int | None = None

    def close(self) -> None:
        """Free the container and what it reads from."""
        self.container.close()
        if self.file is not None:
            self.file.close()


def open_web(
    address: Address, allowed: AllowedHosts | None, options: LiveOptions,
    ffmpeg: Mapping[str, str], label: str, alive: Callable[[], None],
) -> WebStream:  # fmt: skip
    """Open an address.

    Args:
        address: http or https.
        allowed: the hosts that may be connected to; None: any.
        options: their limits of time and of downloads.
        ffmpeg: options for FFmpeg.
        label: the source in messages.
        alive: called while something comes that takes longer than opening may.

    Raises:
        SourceError: a host is not allowed, or what comes does not end; RedirectError.
        urllib.error.HTTPError, OSError, http.client.HTTPException, ValueError: it cannot be read.
        av.FFmpegError: it is nothing that FFmpeg reads.
    """
    allowance = ReadAllowance(options.open_timeout_s, PACKET_BYTES, label)
    client = WebClient(address, allowed, allowance)
    found, response = client.get(address)
    allowance.look(max(options.open_timeout_s, options.key_frame_timeout_s), alive)
    file = WebFile(client, found, response)
    extra = {**ffmpeg, "format_whitelist": ",".join(FORMATS.split())}
    try:
        kind = playlist_format(file)
        if kind is not None:
            return _playlist(client, file, kind, extra, options.stall_timeout_s)
        if not file.seekable() and index_is_last(file.peek):
            return _spooled(file, options, ffmpeg, label, allowance, alive)
        if is_mp4(file.peek):
            allowance.renew(limit_bytes=INDEX_BYTES)
        # Its boundary is not looked for in other types, and one may begin with anything.
        multipart = file.content_type.startswith("multipart/")
        container = _container(file, "mpjpeg" if multipart else _picture_format(file), extra)
    except EncryptedPlaylistError:
        file.close()
        if allowed is not None:
            raise
        timeouts = (options.open_timeout_s, options.stall_timeout_s)
        return WebStream(av.open(address.url, mode="r", options=dict(ffmpeg), timeout=timeouts))
    except BaseException:
        file.close()
        raise
    allowance.looked(options.stall_timeout_s, PACKET_BYTES)
    return WebStream(container, file, allowance, file.length)


def _picture_format(file: WebFile) -> str | None:
    """FFmpeg's name for a JPEG file, or None. One that is called like a picture it would look for in a folder."""
    called = file.name.lower().endswith(tuple(PICTURES))
    return "jpeg_pipe" if called and file.peek(3) == b"\xff\xd8\xff" else None


def _container(
    file: object, form: str | None, options: Mapping[str, str], **more: Any
) -> InputContainer:
    container = av.open(
        file, mode="r", format=form, options={**options, "protocol_whitelist": "http,https"}, **more
    )
    assert isinstance(container, InputContainer)
    return container


def _playlist(
    client: WebClient, file: WebFile, kind: str, options: Mapping[str, str], stall_s: float
) -> WebStream:
    files = PlaylistFiles(client, file)
    # Connections are ours: none is kept open for FFmpeg to ask again.
    own = {"http_persistent": "0", "http_multiple": "0"} if kind == "hls" else {}
    container = _container(files.first, kind, {**options, **own}, io_open=files.open)
    client.allowance.looked(stall_s, PACKET_BYTES)
    return WebStream(container, None, client.allowance)


def _spooled(
    file: WebFile, options: LiveOptions, ffmpeg: Mapping[str, str], label: str,
    allowance: ReadAllowance, alive: Callable[[], None],
) -> WebStream:  # fmt: skip
    allowance.looked(options.stall_timeout_s, PACKET_BYTES)

    def comes() -> None:
        allowance.renew()
        alive()

    download = SpooledDownload(file, options.download_mb * 1_000_000, label, comes)
    try:
        return WebStream(_container(download, "mov", ffmpeg), download, allowance, download.length)
    except BaseException:
        download.close()
        raise
