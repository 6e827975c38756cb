"""Which picture a name means."""

from __future__ import annotations

from pathlib import Path

import pytest

from sightline.errors import ConfigError
from sightline.evaluation.pictures.picture_names import PictureFiles, PictureNames, plain_name

NAMES = ("a/x.jpg", "b/x.jpg", "b/c/y.png", "000012.jpg", "cafe\u0301.jpg")


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("./././a.jpg", "a.jpg"),
        (r"b\x.jpg", "b/x.jpg"),
        (" a.jpg ", "a.jpg"),
        ("cafe\u0301.jpg", "caf\u00e9.jpg"),
        ("../a.jpg", "../a.jpg"),
    ],
)
def test_names_as_most_systems_write_them(written: str, name: str) -> None:
    assert plain_name(written) == name


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        pytest.param("b/x.jpg", 1, id="the path"),
        pytest.param(r"b\x.jpg", 1, id="another system's path"),
        pytest.param("/home/me/data/a/x.jpg", 0, id="more folders"),
        pytest.param("y.png", 2, id="the file alone"),
        pytest.param("z/y.png", 2, id="another folder, but the only one of its name"),
        pytest.param("y", 2, id="no suffix"),
        pytest.param("b/x", 1, id="no suffix, with its folder"),
        pytest.param("caf\u00e9.jpg", 4, id="composed letters"),
        pytest.param("n.jpg", None, id="none"),
    ],
)
def test_pictures_by_name(asked: str, place: int | None) -> None:
    assert PictureNames(NAMES).by_name(asked) == place


@pytest.mark.parametrize("asked", ["x.jpg", "x", "d/x.jpg"])
def test_a_name_that_may_be_two_pictures(asked: str) -> None:
    with pytest.raises(ConfigError, match=r"may be any of 2 \(a/x.jpg and b/x.jpg\)"):
        PictureNames(NAMES).by_name(asked)


def test_two_entries_of_one_name() -> None:
    with pytest.raises(ConfigError, match=r"two entries are called a\.jpg"):
        PictureNames(("a.jpg", "a.jpg")).by_name("a.jpg")


@pytest.mark.parametrize(
    ("asked", "place"),
    [(12, 3), ("12", 3), ("000012", 3), ("0012", 3), (13, None), ("y", 2)],
)
def test_pictures_by_id(asked: int | str, place: int | None) -> None:
    assert PictureNames(NAMES).by_id(asked) == place


def test_numbers_for_names() -> None:
    names = PictureNames(("7.jpg", "007.jpg", "8.jpg"))
    assert (names.number(8), names.number(7), names.number("8")) == (2, None, None)
    assert names.by_id("007") == 1
    assert names.numbered
    assert not PictureNames(("a.jpg",)).numbered
    with pytest.raises(ConfigError, match="may be any of 2"):
        names.by_id(7)


def files(folder: Path, *names: str) -> PictureFiles:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return PictureFiles((folder, folder / "images"))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("b/x.jpg", "b/x.jpg", id="as it is called"),
        pytest.param("/home/me/b/x.jpg", "b/x.jpg", id="folders of another machine"),
        pytest.param("y.jpg", "images/y.jpg", id="the second folder"),
        pytest.param("a%20b.jpg", "a b.jpg", id="percent-encoded"),
        pytest.param("gone/z.jpg", "gone/z.jpg", id="not there: where it should be"),
    ],
)
def test_files_of_pictures(name: str, found: str, tmp_path: Path) -> None:
    there = files(tmp_path, "b/x.jpg", "images/y.jpg", "a b.jpg")
    assert there.path(name) == tmp_path / found


def test_two_names_never_mean_one_file(tmp_path: Path) -> None:
    there = files(tmp_path, "x.jpg")
    assert there.path("a/x.jpg") == tmp_path / "x.jpg"
    assert there.path("b/x.jpg") == tmp_path / "b/x.jpg"
    assert there.path("a/x.jpg") == tmp_path / "x.jpg"
