"""Multipart bodies (RFC 7578) that are in memory already; nothing is written to a disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from sightline.errors import Malformed

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


@dataclass
class Part:
    """One part: a field, or where it has a ``filename``, a file."""

    name: str | None = None
    """None: no Content-Disposition has come."""
    filename: str | None = None
    content_type: str = ""
    data: bytearray = field(default_factory=bytearray)

    @property
    def is_file(self) -> bool:
        """Whether the part is a file: it has a file's name or a picture's type."""
        return (
            self.filename is not None
            or self.content_type.startswith("image/")
            or self.content_type.partition(";")[0].strip() == "application/octet-stream"
        )

    @property
    def is_unchosen(self) -> bool:
        """A field for a file where the user of a browser chose none."""
        return self.filename == "" and not self.data

    def text(self) -> str:
        """Raises Malformed: it is no UTF-8."""
        try:
            return self.data.decode()
        except UnicodeDecodeError as exc:
            raise Malformed(
                f"field {self.name!r:.80} is no UTF-8 text: a file needs a filename in its "
                "Content-Disposition, as curl -F file=@picture.jpg sends it"
            ) from exc


def parse(content_type: str, body: bytes, limit: int) -> list[Part]:
    """The parts of a ``multipart/form-data`` body.

    Raises Malformed: it is broken, or has more than ``limit`` parts or headers that are too long.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise Malformed(
            "the multipart body has no boundary in its Content-Type: let the client set this "
            "header itself"
        )
    reader = _Reader(limit)
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except FormParserError as exc:
        raise Malformed(f"the multipart body is broken: {exc}") from exc
    if not reader.ended:
        raise Malformed("the multipart body breaks off")
    return reader.parts


class _Reader:
    """Collects what the parser sees."""

    def __init__(self, limit: int) -> None:
        self.parts: list[Part] = []
        self.ended = False
        self._limit = limit
        self._name = bytearray()
        self._value = bytearray()

    def callbacks(self) -> MultipartCallbacks:
        """What the parser of the form calls."""
        return {
            "on_part_begin": self._part,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _part(self) -> None:
        if len(self.parts) >= self._limit:
            raise Malformed(f"the multipart body has more than {self._limit} parts")
        self.parts.append(Part())

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        name, value = bytes(self._name).lower(), bytes(self._value)
        self._name.clear()
        self._value.clear()
        part = self.parts[-1]
        if name == b"content-type":
            part.content_type = value.decode("latin-1").lower()
        elif name == b"content-disposition":
            _, options = parse_options_header(value)
            if part.name is not None:
                raise Malformed(f"part {len(self.parts)} has two headers Content-Disposition")
            part.name = options.get(b"name", b"").decode("utf-8", "replace")
            if b"filename" in options:
                part.filename = options[b"filename"].decode("utf-8", "replace")

    def _headers_end(self) -> None:
        if self.parts[-1].name is None:
            raise Malformed(
                f"part {len(self.parts)} of the form has no Content-Disposition: each begins with "
                'Content-Disposition: form-data; name="..."'
            )

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].data += data[start:end]

    def _end(self) -> None:
        self.ended = True
