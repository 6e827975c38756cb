"""``sl.SearchIndex``: footage is added and searched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

import sightline as sl
from sightline.errors import ConfigError, DecodeError, InvalidRequest, SearchError
from sightline.sources.street import StreetOptions, StreetSource


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for frame in StreetSource(StreetOptions(seed=10_502, width=640, height=360, fps=1, duration=2)):
        cv2.imwrite(str(folder / f"{frame.index}.png"), frame.image)
    return folder


@pytest.fixture(scope="module")
def index(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sl.SearchIndex]:
    with sl.SearchIndex(tmp_path_factory.mktemp("database") / "a.db") as made:
        assert made.add(pictures, "street") > 5
        yield made


def test_what_was_added_is_found(index: sl.SearchIndex, pictures: Path) -> None:
    (first, *_) = index.search(pictures / "0.png", count=100, streams=["0.png"])
    found = index.search(cv2.imread(str(pictures / "0.png")), first.box, count=3)
    assert isinstance(found[0], sl.Match)
    assert (found[0].id, found[0].stream) == (first.id, "0.png")
    assert found[0].similarity > 0.98
    assert len(index.search(pictures / "0.png", count=10_000)) == index.add(pictures, "street")
    only = index.search(pictures / "0.png", classes=f"{first.class_name}, bench", streams="0.png")
    assert only
    assert {match.stream for match in only} == {"0.png"}
    assert {match.class_name for match in only} == {first.class_name}
    assert index.same() == []


def test_another_program_opens_it(index: sl.SearchIndex, pictures: Path) -> None:
    with sl.SearchIndex(index._database) as again:
        assert len(again.search(pictures / "1.png", count=2)) == 2


def test_a_file_that_takes_the_place_of_another_is_searched(
    index: sl.SearchIndex, pictures: Path, tmp_path: Path
) -> None:
    here = Path(shutil.copy(index._database, tmp_path / "a.db"))
    with sl.SearchIndex(here) as again:
        assert again.search(pictures / "1.png")
        here.unlink()
        with pytest.raises(ConfigError, match="there is no database"):
            again.search(pictures / "1.png")


def test_what_cannot_be_asked(index: sl.SearchIndex, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give an image, or track"):
        index.search()
    with pytest.raises(InvalidRequest, match="no pixels in the picture"):
        index.search(pictures / "0.png", (5, 5, 5, 9))
    with pytest.raises(SearchError, match="no vector of track 3 of 'gate'"):
        index.search(track=("gate", 3))
    for number in (2**63, -(10**30)):
        with pytest.raises(SearchError, match=f"no vector of track {number} of"):
            index.search(track=("gate", number))
    with pytest.raises(InvalidRequest, match="x1,y1,x2,y2 with x1 < x2"):
        index.search(pictures / "0.png", (1e300, 5, 9, 9))
    for options, said in (
        ({"count": 0}, "count: it must be a whole number, 1 or more, not 0"),
        ({"count": 2.5}, "count: .* not 2.5"),
        ({"classes": [None]}, "classes: give names in a list"),
        ({"after": datetime(2026, 1, 1)}, "after: a moment needs its zone"),  # noqa: DTZ001
        ({"before": "noon"}, "before: a moment is written"),
    ):
        with pytest.raises(ConfigError, match=said):
            index.search(pictures / "0.png", **options)
    for track in ("gate:1", ("gate", "1"), (None, 1)):
        with pytest.raises(ConfigError, match="track: it is the name of a stream and an id"):
            index.search(track=track)
    for box in ("1,2,3,4", object(), (1, 2, 3)):
        with pytest.raises(InvalidRequest, match="box: it is x1,y1,x2,y2 in pixels"):
            index.search(pictures / "0.png", box)
    for least, fade in ((np.nan, None), (2, None), ("a", None), (0.5, 0), (0.5, np.nan), (0.5, -1)):
        with pytest.raises(ConfigError, match="it must be a number above 0"):
            index.same(least, fade)
    for every in (0, "x"):
        with pytest.raises(ConfigError, match="every: it must be a whole number"):
            index.add(pictures, "street", every=every)
    with pytest.raises(ConfigError, match="source: it is empty"):
        index.add("", "street")
    assert index.search(pictures / "0.png", classes=["\udcff"], streams=["\udcff"]) == []
    with (
        pytest.raises(ConfigError, match="there is no database"),
        sl.SearchIndex(tmp_path / "b.db") as none,
    ):
        none.search(np.zeros((9, 9, 3), np.uint8))


def test_a_picture_that_cannot_be_read(tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "0.png").write_bytes((pictures / "0.png").read_bytes())
    (tmp_path / "p" / "1.png").write_bytes(b"no picture")
    with sl.SearchIndex(tmp_path / "a.db") as index:
        with pytest.raises(DecodeError, match="1 of 2 pictures were left out"):
            index.add(tmp_path / "p", "street")
        assert index.search(pictures / "0.png"), "the rest is there"


def test_names_of_files_that_are_no_utf_8(pictures: Path, tmp_path: Path) -> None:
    picture = tmp_path / os.fsdecode(b"\xff.png")
    picture.write_bytes((pictures / "0.png").read_bytes())
    with sl.SearchIndex(tmp_path / "a.db") as index:
        count = index.add(picture, "street")
        assert count > 0
        assert index.add(picture, "street") == count  # nothing new
        (first, *_) = index.search(picture, streams=[picture.name])
    assert first.stream == "\\udcff.png"
