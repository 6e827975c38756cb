"""Playlists (HLS, DASH) behind HTTP: what they name is fetched here, under the rule of their source.

FFmpeg reads them, and asks ``PlaylistFiles.open`` for each list, key and segment.
"""

from __future__ import annotations

import http.client
import io
import logging
import re
import urllib.error
from collections.abc import Mapping
from itertools import islice
from urllib.parse import quote

from sightline.addresses import read_address
from sightline.errors import SourceError
from sightline.redaction import redact_address
from sightline.sources.network.web import WebClient, WebFile

LIMIT_BYTES = 8_000_000
"""Most bytes of one list. FFmpeg's own notes about a list are longer than the list."""
MOST_SEGMENTS = 100_000
"""Most segments of one list: more than two days of segments of 2 s."""
MOST_VARIANTS = 200
"""Most variants of one list. FFmpeg takes some 10 kB for each."""

_HEAD = 512
_TAGS = {"#EXTM3U": "hls", "<MPD": "dash", "<?xml": "dash"}
_NAME_SPACE = rb"<(?:[^\s<>/:]+:)?"
_COUNTED = {
    MOST_SEGMENTS: re.compile(
        rb"#EXTINF|#EXT-X-MAP:|#EXT-X-KEY:|" + _NAME_SPACE + rb"(?:SegmentURL|S)[\s/>]"
    ),
    MOST_VARIANTS: re.compile(
        rb"#EXT-X-STREAM-INF:|#EXT-X-MEDIA:|" + _NAME_SPACE + rb"(?:Representation|Period)[\s/>]"
    ),
}
_UNESCAPED = "".join(map(chr, range(0x21, 0x7F)))

log = logging.getLogger(__name__)


class EncryptedPlaylistError(SourceError):
    """Its segments are encrypted as files (AES-128), which only FFmpeg's own client decrypts."""


def playlist_format(file: WebFile) -> str | None:
    """FFmpeg's name of what kind of playlist a file is; None where it is none. Raises as ``WebFile.read``."""
    head = file.peek(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip().decode("latin-1")
    kind = next((kind for tag, kind in _TAGS.items() if head.startswith(tag)), None)
    return kind if kind != "dash" or "<MPD" in head else None


class PlaylistFiles:
    """Fetches what a playlist names.

    Args:
        client: of the source, whose rule holds for all of it.
        file: the playlist.
    """

    def __init__(self, client: WebClient, file: WebFile) -> None:
        self._client = client
        self.first = self._list(file)

    def open(self, url: str, flags: int, options: Mapping[str, str]) -> io.BytesIO | WebFile:
        """What FFmpeg reads an address by. One that fails is empty, as a segment that is missing.

        Raises:
            SourceError: it may not be fetched, or is a list that does not end;
                EncryptedPlaylistError.
            TimeoutError: it did not come in time.
        """
        del flags
        label = self._client.allowance.label
        try:
            address = read_address(
                quote(url, safe=_UNESCAPED), ("http", "https"), drop_fragment=True
            )
        except ValueError as exc:
            raise SourceError(
                f"{label}: its playlist names {redact_address(url)}, which is not opened: {exc}"
            ) from None
        start, end = int(options.get("offset", 0)), int(options.get("end_offset", 0)) or None
        try:
            address, response = self._client.get(address, start=start, end=end)
            file = WebFile(self._client, address, response, start, end, in_parts=False)
            if start and response.status != http.client.PARTIAL_CONTENT:
                file.skip(start)
            if playlist_format(file) is not None:
                return self._list(file)
        except TimeoutError:
            raise
        except (OSError, ValueError, http.client.HTTPException, urllib.error.HTTPError) as exc:
            log.info("%s: a part of its playlist cannot be fetched (%s)", label, exc)
            return io.BytesIO()
        return file

    def _list(self, file: WebFile) -> io.BytesIO:
        """A whole list. Raises SourceError: it is too long, or holds what FFmpeg would follow."""
        label = self._client.allowance.label
        text = bytearray()
        while len(text) <= LIMIT_BYTES and (piece := file.read(1 << 16)):
            text += piece
        file.close()
        # In the whole text: a server may send it in pieces that are shorter than a tag.
        if len(text) > LIMIT_BYTES or any(
            next(islice(tags.finditer(text), most, None), None) for most, tags in _COUNTED.items()
        ):
            raise SourceError(
                f"{label}: its playlist does not end within {LIMIT_BYTES // 1_000_000} MB and "
                f"{MOST_SEGMENTS} segments, or has more than {MOST_VARIANTS} variants: check what the server sends"
            )
        if b"METHOD=AES-128" in text:
            raise EncryptedPlaylistError(
                f"{label}: its playlist is encrypted (AES-128), which is not opened where hosts are "
                "restricted: name the stream in the configuration"
            )
        if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
            raise SourceError(f"{label}: its playlist defines entities, which are not read")
        whole = io.BytesIO(text)
        whole.name = file.name
        return whole
