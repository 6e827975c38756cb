"""The file of an index: whole, or set aside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sightline.errors import SearchError
from sightline.search.index_file import IndexFile
from sightline.types import EmbedderInfo

EMBEDDER = EmbedderInfo("looks", "ab" * 32, 128)


def index_file(folder: Path, digest: str = EMBEDDER.digest) -> IndexFile:
    return IndexFile(folder / "street.db", EmbedderInfo("looks", digest, 128))


@pytest.mark.parametrize("content", [b"", b"\n\nvectors\n", bytes(range(256)) * 100])
def test_what_is_written_is_read(content: bytes, tmp_path: Path) -> None:
    file = index_file(tmp_path)
    assert file.read() is None
    file.write(content)
    assert file.read() == content
    assert file.path == tmp_path / "street.db.abababab.index"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda d: d[:-1], "it is damaged", id="cut short"),
        pytest.param(lambda d: d[:-1] + b"x", "it is damaged", id="a byte changed"),
        pytest.param(lambda d: b"", "it is damaged", id="empty"),
        pytest.param(lambda d: b"\xff\xfe" + d, "it is damaged", id="no text"),
        pytest.param(lambda d: b"[1]\nvectors", "it is damaged", id="a list"),
        pytest.param(lambda d: b"[" * 1000 + b"\n", "it is damaged", id="nested deeply"),
        pytest.param(lambda d: b"{}\nvectors", "it is damaged", id="nothing is told"),
        pytest.param(
            lambda d: d.replace(b'"version": 1', b'"version": 2'),
            "another version of Sightline has written it",
            id="of later",
        ),
    ],
)
def test_what_is_damaged_is_set_aside(
    change: object, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = index_file(tmp_path)
    file.write(b"vectors")
    file.path.write_bytes(change(file.path.read_bytes()))  # type: ignore[operator]
    assert file.read() is None
    assert not file.path.exists()
    (aside,) = tmp_path.glob("*.broken-*")
    (message,) = [r.getMessage() for r in caplog.records]
    assert said in message
    assert aside.name in message
    file.write(b"anew")
    assert file.read() == b"anew"


def test_an_index_of_another_embedder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The name has only the beginning of the digest."""
    index_file(tmp_path).write(b"vectors")
    assert index_file(tmp_path, "ab" * 16 + "cd" * 16).read() is None
    assert "its vectors are of another embedder" in caplog.text


def test_the_head_says_what_it_is(tmp_path: Path) -> None:
    file = index_file(tmp_path)
    file.write(b"vectors")
    head = json.loads(file.path.read_bytes().partition(b"\n")[0])
    assert (head["file"], head["embedder"]) == ("sightline-index", EMBEDDER.digest)


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file = index_file(tmp_path / "file")
    with pytest.raises(SearchError, match="the index cannot be kept"):
        file.write(b"vectors")
    file = index_file(tmp_path)
    file.path.mkdir()
    with pytest.raises(SearchError, match="cannot read"):
        file.read()
