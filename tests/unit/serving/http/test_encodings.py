"""Compressed bodies of requests: what comes out, what is refused, and that a bomb takes no memory."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from sightline.errors import Malformed, SightlineError, TooLarge
from sightline.serving.http.encodings import unpacked

TEXT = b"a picture, or not" * 100
BARE = zlib.compressobj(wbits=-zlib.MAX_WBITS)
LIMIT = 1_000_000


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        pytest.param(gzip.compress(TEXT), "gzip", id="gzip"),
        pytest.param(gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:]), "gzip", id="two members"),
        pytest.param(zlib.compress(TEXT), "deflate", id="deflate in zlib's format"),
        pytest.param(BARE.compress(TEXT) + BARE.flush(), "deflate", id="bare deflate"),
    ],
)
def test_what_was_packed_comes_out(body: bytes, encoding: str) -> None:
    assert unpacked(body, encoding, LIMIT) == TEXT
    assert unpacked(body, encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("body", "encoding", "error"),
    [
        pytest.param(gzip.compress(TEXT)[:-9], "gzip", Malformed, id="gzip that breaks off"),
        pytest.param(zlib.compress(TEXT)[:-5], "deflate", Malformed, id="deflate that breaks off"),
        pytest.param(TEXT, "gzip", Malformed, id="not packed"),
        pytest.param(gzip.compress(TEXT) + b"more", "gzip", Malformed, id="something follows"),
        pytest.param(gzip.compress(bytes(LIMIT + 1)), "gzip", TooLarge, id="one byte too many"),
        pytest.param(gzip.compress(bytes(LIMIT)) * 2, "gzip", TooLarge, id="in two members"),
    ],
)
def test_what_is_refused(body: bytes, encoding: str, error: type[SightlineError]) -> None:
    with pytest.raises(error):
        unpacked(body, encoding, LIMIT)


def test_a_bomb_takes_no_memory() -> None:
    bomb = gzip.compress(bytes(30_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpacked(bomb, "gzip", LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 5 * LIMIT
    finally:
        tracemalloc.stop()
