"""Results as tables, lines of text and pages of notebooks."""

from __future__ import annotations

import builtins
import pickle
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.unit.some_results import NAMES, found_in, some

from sightline.errors import MissingPackage
from sightline.imaging.display import COLUMNS
from sightline.sinks.csv_ import CsvSink
from sightline.sources.stills import still_frame
from sightline.types import Detections, Frame, Observation, StreamInfo


def test_a_table_has_the_columns_of_the_csv(picture: Path) -> None:
    pytest.importorskip("pandas")
    table = some().to_pandas()
    assert tuple(table.columns) == COLUMNS
    assert table["class"].tolist() == list(NAMES)
    assert table[["x1", "y1", "x2", "y2"]].to_numpy().tolist() == some().boxes.tolist()
    assert (table["track_id"].dtype, table["score"].dtype) == (np.int64, np.float32)
    unknown = ["stream", "frame", "time", "predicted", "utc", "clock"]
    assert table[unknown].isna().all(axis=None)
    assert some(tracked=False).to_pandas()["track_id"].isna().all()
    empty = Detections.empty().to_pandas()
    assert (len(empty), empty["class_id"].dtype, tuple(empty.columns)) == (0, np.int64, COLUMNS)
    known = found_in(picture).to_pandas()
    assert (set(known["stream"]), set(known["frame"])) == ({str(picture)}, {0})


def test_a_table_holds_what_the_csv_holds(picture: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pixels = still_frame(picture).picture
    frames = [
        Frame("door", 3, 0.12, 0.0, pixels, 1764316800.5, "rtcp"),
        Frame("door", 4, 0.16, 0.0, pixels),
    ]
    seen = [Observation(frames[0], some()), Observation(frames[1], some(), predicted=True)]
    sink = CsvSink(tmp_path / "out.csv")
    sink.open(StreamInfo("door", 96, 64))
    for one in seen:
        sink.write(one)
    sink.close()
    ours = pandas.concat([one.to_pandas() for one in seen], ignore_index=True)
    theirs = pandas.read_csv(tmp_path / "out.csv", parse_dates=["utc"])
    assert list(ours.columns) == list(theirs.columns)
    for name in ("stream", "frame", "time", "track_id", "class_id", "class"):
        assert ours[name].tolist() == theirs[name].tolist(), name
    assert ours["predicted"].tolist() == [False] * 3 + [True] * 3 == theirs["predicted"].tolist()
    assert ours["utc"][:3].tolist() == theirs["utc"][:3].tolist()
    assert ours["utc"][0].isoformat() == "2025-11-28T08:00:00.500000+00:00"
    assert ours["utc"][3:].isna().all()
    assert (ours["clock"][0], ours["clock"][3]) == ("rtcp", None)
    assert ours[~ours["predicted"]].shape == (3, len(COLUMNS))


def test_changing_the_table_changes_no_array() -> None:
    pytest.importorskip("pandas")
    found = some()
    table = found.to_pandas()
    table.loc[0, "x1"] = -1
    table.loc[0, "score"] = 0
    assert found.boxes[0, 0] > 0
    assert found.scores[0] > 0


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackage, match=r"pip install 'sightline\[pandas\]'") as caught:
        some().to_pandas()
    assert isinstance(caught.value, ImportError)


def test_a_result_is_told_in_one_line(picture: Path) -> None:
    two = replace(some(5), class_ids=np.array([0, 2, 0, 7, 0]))
    assert str(two) == "5 objects: 3 person, 1 car, 1 class 7"
    assert repr(two) == f"<Detections: {two}>"
    assert str(found_in(picture)) == "3 objects: 1 person, 1 bicycle, 1 car (96×64, one.png)"
    assert str(found_in(picture)[:0]) == "no objects (96×64, one.png)"
    box = np.array([[10.4, 20.6, 30, 40]] * 3, np.float32)
    assert str(replace(some(), boxes=box)[0]) == "person #11 0.90 at 10 21 30 40"
    assert str(replace(some(tracked=False), boxes=box)[2]) == "car 0.30 at 10 21 30 40"
    assert repr(some()[0]) == f"<Detection: {some()[0]}>"
    frame = Frame("door", 12, 0.48, 0.0, still_frame(picture).picture)
    seen = Observation(frame, some(), predicted=True)
    assert str(seen).startswith("frame 12 at 0.48 s (predicted): 3 objects: 1 person, 1 bic")
    assert repr(pickle.loads(pickle.dumps(seen))) == f"<Observation: {seen}>"


def test_a_line_stays_short_whatever_was_found() -> None:
    many = replace(some(300), class_ids=np.arange(300), class_names=())
    assert str(many) == (
        "300 objects: 1 class 0, 1 class 1, 1 class 2, 1 class 3, 1 class 4, 1 class 5, 294 more classes"
    )


class Page(HTMLParser):
    """Counts what a page holds, and refuses tags that are left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_notebook_shows_picture_and_objects(picture: Path) -> None:
    page = Page(found_in(picture)._repr_html_())
    assert page.tags.count("img") == 1
    assert page.tags.count("tr") == 4
    assert {"person", "0.90", "#11", "3 objects"} <= set(page.words)


def test_a_notebook_shows_frames_and_observations(picture: Path) -> None:
    frame = still_frame(picture)
    page = Page(Observation(frame, some())._repr_html_())
    assert (page.tags.count("img"), page.tags.count("tr")) == (1, 4)
    assert cv2.imdecode(np.frombuffer(frame._repr_jpeg_(), np.uint8), 1).shape == (64, 96, 3)


def test_a_notebook_shows_objects_whose_picture_is_not_known(picture: Path) -> None:
    assert "img" not in Page(some(tracked=False)._repr_html_()).tags
    assert Page(Detections.empty()._repr_html_()).words == ["no objects"]
    found = found_in(picture)
    picture.unlink()
    page = Page(found._repr_html_())
    assert page.tags.count("tr") == 4
    assert any("one.png" in word for word in page.words)


def test_a_notebook_lists_some_of_very_many_objects() -> None:
    page = Page(some(5000)._repr_html_())
    assert page.tags.count("tr") == 21
    assert "and 4980 more" in page.words


def test_names_of_a_model_are_no_html() -> None:
    evil = replace(some(), class_names=("<script>alert(1)</script>", 'a"b', "&amp;"))
    page = Page(evil._repr_html_())
    assert "script" not in page.tags
    assert {"<script>alert(1)</script>", "&amp;"} <= set(page.words)
