"""Playlists: what kind, how long, and what of them is fetched; answers without a server."""

from __future__ import annotations

import pytest
from tests.unit.sources.network.conftest import Answers

from sightline.errors import SourceError
from sightline.sources.network.playlists import (
    LIMIT_BYTES,
    MOST_SEGMENTS,
    MOST_VARIANTS,
    EncryptedPlaylistError,
    PlaylistFiles,
    playlist_format,
)

OK = b"HTTP/1.1 200 OK\r\n\r\n"
HLS = OK + b"#EXTM3U\n#EXTINF:1,\na.ts\n"
PART = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes %s\r\n\r\n%s"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b"#EXTM3U\n", "hls", id="HLS"),
        pytest.param(b"\xef\xbb\xbf#EXTM3U\n", "hls", id="after a byte order mark"),
        pytest.param(b"\r\n #EXTM3U\n", "hls", id="after blanks"),
        pytest.param(b"<MPD profiles=''>", "dash", id="DASH"),
        pytest.param(b"<?xml version='1.0'?>\n<MPD>", "dash", id="DASH with a prolog"),
        pytest.param(b"<?xml version='1.0'?>\n<svg>", None, id="another XML"),
        pytest.param(b"\xff\xd8\xff\xe0", None, id="a picture"),
        pytest.param(b"see #EXTM3U", None, id="text about it"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_kinds(answers: Answers, body: bytes, kind: str | None) -> None:
    file = answers(OK + body).file()
    assert playlist_format(file) == kind
    assert file.read(99) == body  # it was only looked at


def in_chunks(text: bytes, size: int) -> bytes:
    """An answer that comes in small pieces."""
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


VARIANT = b"#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n"
HEAD = b"#EXTM3U\n" + b"#" * 600 + b"\n"
"""Longer than what is looked at to tell the kind."""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"#EXTM3U\n" + VARIANT * (MOST_VARIANTS + 1), id="variants of HLS"),
        pytest.param(
            b"#EXTM3U\n" + b"#EXT-X-MEDIA:TYPE=AUDIO\n" * (MOST_VARIANTS + 1), id="renditions"
        ),
        pytest.param(b"<MPD>" + b"<Representation/>" * (MOST_VARIANTS + 1), id="variants of DASH"),
        pytest.param(b"<MPD>" + b"<Period/>" * (MOST_VARIANTS + 1), id="periods"),
        pytest.param(
            b"<?xml?><!--<MPD--><m:MPD>" + b"<m:Representation/>" * (MOST_VARIANTS + 1),
            id="a name space of XML",
        ),
        pytest.param(b"#EXTM3U\n" + b"#EXTINF:1\n" * (MOST_SEGMENTS + 1), id="segments of HLS"),
        pytest.param(b"<MPD>" + b'<S d="1"/>' * (MOST_SEGMENTS + 1), id="segments of DASH"),
        pytest.param(b"<MPD>" + b'<S\td="1"/>' * (MOST_SEGMENTS + 1), id="a tab for a blank"),
        pytest.param(b"<MPD>" + b"<SegmentURL/>" * (MOST_SEGMENTS + 1), id="segments by address"),
        pytest.param(b"#EXTM3U\n" + b"x" * LIMIT_BYTES, id="bytes"),
    ],
)
@pytest.mark.parametrize("half", [False, True], ids=["too many", "half of it"])
def test_lists_end(answers: Answers, text: bytes, half: bool) -> None:
    client = answers(OK + (text[: len(text) // 2] if half else text))
    file = client.file()
    if half:
        assert PlaylistFiles(client, file).first.getvalue() == text[: len(text) // 2]
    else:
        with pytest.raises(SourceError, match="cam: its playlist does not end"):
            PlaylistFiles(client, file)


def test_what_comes_in_small_pieces_is_counted_too(answers: Answers) -> None:
    client = answers(in_chunks(HEAD + VARIANT * (MOST_VARIANTS + 1), 5))
    with pytest.raises(SourceError, match="more than 200 variants"):
        PlaylistFiles(client, client.file())
    text = HEAD + VARIANT * MOST_VARIANTS
    client = answers(in_chunks(text, 5))
    assert PlaylistFiles(client, client.file()).first.getvalue() == text


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        pytest.param(b"#EXT-X-KEY:METHOD=AES-128", EncryptedPlaylistError, "encrypted", id="AES"),
        pytest.param(b"<!DOCTYPE a []>", SourceError, "defines entities", id="a document type"),
        pytest.param(b"<!ENTITY b 'c'>", SourceError, "defines entities", id="an entity"),
    ],
)
def test_what_would_be_followed_unseen_is_refused(
    answers: Answers, line: bytes, error: type[SourceError], said: str
) -> None:
    client = answers(HLS + line)
    with pytest.raises(error, match=said):
        PlaylistFiles(client, client.file())


@pytest.mark.parametrize(
    ("answer", "options", "range_", "expected"),
    [
        pytest.param(OK + b"0123456789", {}, (0, None), b"0123456789", id="all"),
        pytest.param(
            PART % (b"4-9/10", b"456789"), {"offset": "4"}, (4, None), b"456789", id="from a place on"
        ),
        pytest.param(
            PART % (b"4-6/10", b"456"), {"offset": "4", "end_offset": "7"}, (4, 7), b"456", id="a part"
        ),
        pytest.param(
            OK + b"0123456789", {"offset": "4"}, (4, None), b"456789", id="a server that sends all"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", {}, (0, None), b"", id="nothing"),
        pytest.param(b"nonsense\r\n\r\n", {}, (0, None), b"", id="no HTTP"),
    ],
)  # fmt: skip
def test_segments(
    answers: Answers,
    answer: bytes,
    options: dict[str, str],
    range_: tuple[int, int | None],
    expected: bytes,
) -> None:
    client = answers(HLS, answer)
    files = PlaylistFiles(client, client.file())
    got = b""
    file = files.open("http://camera/a.ts", 0, options)
    while piece := file.read(3):
        got += piece
    assert (got, client.asked[1]) == (expected, ("http://camera/a.ts", *range_))


@pytest.mark.parametrize(
    ("named", "asked"),
    [
        pytest.param("http://other/ä b.ts#t", "http://other/%C3%A4%20b.ts", id="blanks and letters"),
        pytest.param("https://other/a.ts", "https://other/a.ts", id="https"),
        pytest.param("http://other/a.ts?x=%2F", "http://other/a.ts?x=%2F", id="escapes stay"),
    ],
)  # fmt: skip
def test_addresses_are_normalised(answers: Answers, named: str, asked: str) -> None:
    client = answers(HLS, OK)
    PlaylistFiles(client, client.file()).open(named, 0, {})
    assert client.asked[1][0] == asked


@pytest.mark.parametrize("named", ["file:///etc/passwd", "rtsp://cam/1", "concat:a|b", "/a.ts"])
def test_only_http_is_fetched(answers: Answers, named: str) -> None:
    client = answers(HLS)
    files = PlaylistFiles(client, client.file())
    with pytest.raises(SourceError, match="which is not opened"):
        files.open(named, 0, {})
    assert len(client.asked) == 1


def test_a_list_in_a_list_keeps_the_rules(answers: Answers) -> None:
    client = answers(HLS, HLS, HLS + b"METHOD=AES-128")
    files = PlaylistFiles(client, client.file())
    assert files.open("http://camera/b.m3u8", 0, {}).read(99) == HLS.removeprefix(OK)
    with pytest.raises(EncryptedPlaylistError):
        files.open("http://camera/c.m3u8", 0, {})
