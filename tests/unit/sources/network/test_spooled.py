"""Files that are kept while they are read: as a file on disk, within a limit."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sources.network.conftest import Answers, CannedClient

from sightline.errors import SourceError
from sightline.sources.network.spooled import SpooledDownload, index_is_last, is_mp4

BODY = bytes(range(200)) * 3


def answer(body: bytes, length: int | None = None) -> bytes:
    told = b"" if length is None else b"Content-Length: %d\r\n" % length
    return b"HTTP/1.1 200 OK\r\n" + told + b"\r\n" + body


def spooled(client: CannedClient, limit: int = 10_000_000) -> SpooledDownload:
    return SpooledDownload(client.file(), limit, "cam", lambda: None)


def box(kind: bytes, size: int | None = None) -> bytes:
    """An MP4 box of 16 bytes that says another size, perhaps."""
    return (16 if size is None else size).to_bytes(4, "big") + kind + bytes(8)


FTYP = box(b"ftyp")


@pytest.mark.parametrize(
    ("head", "mp4", "last"),
    [
        pytest.param(FTYP + box(b"moov"), True, False, id="its index first"),
        pytest.param(FTYP + box(b"mdat"), True, True, id="its pictures first"),
        pytest.param(FTYP + box(b"free") + box(b"uuid") + box(b"mdat"), True, True, id="fillers"),
        pytest.param(FTYP + box(b"free") + box(b"moov"), True, False, id="a filler and its index"),
        pytest.param(FTYP + box(b"mdat", 1), True, True, id="pictures of 64 bits"),
        pytest.param(FTYP + box(b"mdat", 0), True, True, id="pictures to the end"),
        pytest.param(FTYP + box(b"moof"), True, False, id="fragments"),
        pytest.param(FTYP + box(b"free", 4), True, False, id="a box of less than its head"),
        pytest.param(FTYP, True, False, id="it breaks off"),
        pytest.param(FTYP + b"\0\0\0", True, False, id="it breaks off in a head"),
        pytest.param(box(b"moov"), False, False, id="no brand"),
        pytest.param(b"\x1aE\xdf\xa3" + bytes(20), False, False, id="Matroska"),
        pytest.param(b"", False, False, id="nothing"),
    ],
)
def test_where_the_index_is(head: bytes, mp4: bool, last: bool) -> None:
    peek: Callable[[int], bytes] = lambda size: head[:size]  # noqa: E731
    assert (is_mp4(peek), index_is_last(peek)) == (mp4, last)


def test_boxes_are_not_followed_for_ever() -> None:
    head = FTYP + box(b"free") * 5000 + box(b"mdat")
    assert not index_is_last(lambda size: head[:size])


@settings(max_examples=15)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("read"), st.integers(-1, 300), st.just(0)),
            st.tuples(st.just("seek"), st.integers(0, 700), st.just(io.SEEK_SET)),
            st.tuples(st.just("seek"), st.integers(-100, 100), st.just(io.SEEK_CUR)),
            st.tuples(st.just("seek"), st.integers(-600, 50), st.just(io.SEEK_END)),
        ),
        max_size=8,
    ),
    st.booleans(),
)
def test_reads_as_a_file_does(steps: list[tuple[str, int, int]], told: bool) -> None:
    client = CannedClient([answer(BODY, len(BODY) if told else None)])
    download, like = spooled(client), io.BytesIO(BODY)
    for what, number, whence in steps:
        if what == "read":
            assert download.read(number) == like.read(number)
        else:
            place = max(0, number + (0, like.tell(), len(BODY))[whence])
            assert download.seek(number, whence) == like.seek(place)
        assert download.tell() == like.tell()
    download.close()
    download.close()


def test_a_file_that_is_too_long(answers: Answers) -> None:
    with pytest.raises(SourceError, match=r"cam: its index is at its end.*more than 2 MB"):
        spooled(answers(answer(b"", 2_000_001)), 2_000_000)
    download = spooled(answers(answer(bytes(2_000_001))), 2_000_000)  # it does not tell
    with pytest.raises(SourceError, match=r"raise live\.download_mb"):
        download.read()
    assert spooled(answers(answer(bytes(500), 500)), 500).read() == bytes(500)


def test_one_that_breaks_off_is_no_end(answers: Answers) -> None:
    download = spooled(answers(answer(BODY, 1000)))
    with pytest.raises(OSError, match="broke off"):
        download.read()


def test_whoever_waits_hears_of_what_comes(answers: Answers) -> None:
    heard: list[int] = []
    size = 600_000
    download = SpooledDownload(
        answers(answer(bytes(size), size)).file(), size, "cam", lambda: heard.append(1)
    )
    assert not heard
    download.read(10)
    assert len(heard) == 1
    download.read()
    assert len(heard) >= 3
