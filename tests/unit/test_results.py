"""Results in Python: picking, drawing, saving, tables, notebooks, and supervision there and back."""

from __future__ import annotations

import builtins
import copy
import gc
import pickle
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import supervision as sv

from sightline.errors import ConfigError, MissingPackage, SinkError, SourceError
from sightline.imaging.display import COLUMNS
from sightline.imaging.picture_files import DefaultNames
from sightline.sinks.csv_ import CsvSink
from sightline.sources.stills import StoredPicture, frame_reference, still_frame
from sightline.types import Detection, Detections, Frame, Observation, StreamInfo

NAMES = ("person", "bicycle", "car")


def some(count: int = 3, *, tracked: bool = True) -> Detections:
    rng = np.random.default_rng(7)
    corners = rng.uniform(5, 40, (count, 2)).astype(np.float32)
    return Detections(
        np.hstack((corners, corners + 20)),
        np.linspace(0.9, 0.3, count, dtype=np.float32),
        np.arange(count, dtype=np.int64) % 4,
        np.arange(count, dtype=np.int64) + 11 if tracked else None,
        class_names=NAMES,
    )


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.full((64, 96, 3), (30, 60, 90), np.uint8)
    path = tmp_path / "in" / "one.png"
    path.parent.mkdir()
    cv2.imwrite(str(path), pixels)
    return path


def found_in(image: Any) -> Detections:
    return replace(some(), frame_ref=frame_reference(image, still_frame(image)))


# Picking and iterating


@pytest.mark.parametrize(
    "index", [0, 2, -1, -3, np.int64(1), np.array(1), np.uint8(2)], ids=lambda i: f"{type(i).__name__} {i}"
)  # fmt: skip
def test_a_number_gives_one_object(index: Any) -> None:
    three = some()
    one = three[index]
    number = int(index) % 3
    assert isinstance(one, Detection)
    assert len(one) == 1
    assert one.box.tolist() == three.boxes[number].tolist()
    assert one.score == pytest.approx(three.scores[number])
    assert (one.class_id, one.track_id) == (three.class_ids[number], three.track_ids[number])
    assert one.name == NAMES[number]
    assert one.mask is None
    assert one.to_dict() == [three.to_dict()[number]]


def test_iterating_gives_each_object_once() -> None:
    three = some(tracked=False)
    assert [(one.name, one.track_id) for one in three] == [(name, None) for name in NAMES]
    assert [one.to_dict()[0] for one in three] == three.to_dict()
    assert list(Detections.empty()) == []
    first, *_ = three
    assert first.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("index", "error", "said"),
    [
        pytest.param(3, IndexError, "there is no object 3: there are 3", id="beyond the end"),
        pytest.param(-4, IndexError, "no object -4", id="before the start"),
        pytest.param("car", TypeError, "not by a str", id="a name"),
        pytest.param(1.0, TypeError, "not by a float", id="a float"),
        pytest.param(True, TypeError, "mask", id="one bool"),
        pytest.param((0, 1), TypeError, "tuple", id="two indices"),
        pytest.param(None, TypeError, "NoneType", id="None"),
    ],
)
def test_what_picks_nothing(index: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        some()[index]


@pytest.mark.parametrize(
    ("index", "ids"),
    [
        pytest.param([2, 0], [13, 11], id="a list"),
        pytest.param([], [], id="an empty list"),
        pytest.param([True, False, True], [11, 13], id="a list as a mask"),
        pytest.param(np.zeros(3, np.bool_), [], id="an empty mask"),
        pytest.param(slice(None, None, -1), [13, 12, 11], id="backwards"),
    ],
)
def test_what_picks_several(index: Any, ids: list[int]) -> None:
    picked = some()[index]
    assert type(picked) is Detections
    assert picked.track_ids.tolist() == ids


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("xyxy", "boxes"), ("confidence", "scores"), ("cls", "class_ids"), ("tracker_id", "track_ids"), ("names", "class_names")],
)  # fmt: skip
def test_a_name_of_another_library_leads_to_ours(theirs: str, ours: str) -> None:
    with pytest.raises(AttributeError, match=f"{theirs}.*it is called {ours} here"):
        getattr(some(), theirs)
    with pytest.raises(AttributeError, match=r"no attribute 'nothing_like_it'$"):
        _ = some().nothing_like_it


# Drawing and saving


def test_plot_draws_on_a_copy_of_what_is_given(picture: Path) -> None:
    pixels = cv2.imread(str(picture))
    before = pixels.copy()
    drawn = some().plot(pixels)
    assert drawn.shape == pixels.shape
    assert (drawn != pixels).any()
    assert (pixels == before).all()
    assert (some().plot(still_frame(pixels)) == drawn).all()


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "array"])
def test_what_a_picture_was_given_as_is_known_to_its_results(picture: Path, kind: str) -> None:
    pixels = cv2.imread(str(picture))
    image = {
        "path": picture, "text": str(picture), "bytes": picture.read_bytes(), "array": pixels,
    }[kind]  # fmt: skip
    found = found_in(image)
    assert (found.plot() == some().plot(pixels)).all()
    assert (found[found.scores > 0.5].plot() == some()[:2].plot(pixels)).all()
    assert (found[0].plot() == some()[:1].plot(pixels)).all()
    assert found.frame.image.shape == (64, 96, 3)


def test_a_path_is_the_same_file_wherever_the_process_goes(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture.parent)
    found = found_in("one.png")
    monkeypatch.chdir("/")
    assert found.plot().shape == (64, 96, 3)
    picture.unlink()
    with pytest.raises(SourceError, match=r"one\.png"):
        found.plot()


def test_no_pixels_are_kept_for_files_and_frames(picture: Path) -> None:
    frame = still_frame(cv2.imread(str(picture)))
    found = found_in(frame)
    assert found.plot().shape == (64, 96, 3)
    del frame
    gc.collect()
    with pytest.raises(ConfigError, match=r"plot\(image\)"):
        found.plot()
    of_file = found_in(picture)
    assert "image" not in vars(of_file.frame)


def test_pickles_and_copies_have_no_picture(picture: Path) -> None:
    found = found_in(cv2.imread(str(picture)))
    for other in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found), copy.copy(found)):
        assert other.to_dict() == found.to_dict()
        with pytest.raises(ConfigError, match="do not know their picture"):
            other.plot()


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "png", "webp", "bmp", "tif", "tiff"])
def test_save_makes_folders_and_says_where(picture: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / "new" / "folder" / f"out.{suffix}"
    assert found_in(picture).save(target) == target
    assert cv2.imread(str(target)).shape == (64, 96, 3)
    assert [p.name for p in target.parent.iterdir()] == [target.name]
    if suffix == "png":
        assert (cv2.imread(str(target)) == found_in(picture).plot()).all()


def test_save_without_a_name_never_touches_what_was_read(
    picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture.parent)
    before = picture.read_bytes()
    assert found_in("one.png").save() == Path("one-000000-annotated.jpg")
    assert some().save(image=cv2.imread("one.png")) == Path("image-annotated.jpg")
    frame = still_frame("one.png")
    assert frame.save() == Path("one-000000.jpg")
    assert Observation(frame, some()).save() == Path("one-000000-annotated-2.jpg")
    assert sorted(p.name for p in Path().iterdir()) == [
        "image-annotated.jpg", "one-000000-annotated-2.jpg", "one-000000-annotated.jpg",
        "one-000000.jpg", "one.png",
    ]  # fmt: skip
    assert picture.read_bytes() == before


def test_no_result_overwrites_another_one(
    picture: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other" / "one.png"
    other.parent.mkdir()
    cv2.imwrite(str(other), cv2.imread(str(picture)))
    whole, same_name = found_in(picture), found_in(other)
    names = [one.save().name for one in (whole, same_name, whole[:1], whole)]
    assert names == [
        "one-000000-annotated.jpg", "one-000000-annotated-2.jpg", "one-000000-annotated-3.jpg",
        "one-000000-annotated.jpg",
    ]  # fmt: skip


def test_a_folder_may_be_given(picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(picture.parent)
    found = [found_in(cv2.imread("one.png")) for _ in range(3)]
    assert [str(one.save("new/")) for one in found] == [
        "new/image-000000-annotated.jpg", "new/image-000000-annotated-2.jpg",
        "new/image-000000-annotated-3.jpg",
    ]  # fmt: skip
    assert found[1].save(Path("new")) == Path("new/image-000000-annotated-2.jpg")
    frame = found[0].frame
    assert frame.save("new/") == Path("new/image-000000.jpg")
    assert Observation(frame, some()).save("new/") == Path("new/image-000000-annotated-4.jpg")


def test_default_names_take_bounded_memory_and_stay_apart(tmp_path: Path) -> None:
    class Owner:
        pass

    names = DefaultNames(most=2)
    for stem in "abc":
        (tmp_path / f"{stem}.jpg").touch()
        assert names.name(Owner(), tmp_path, stem) == tmp_path / f"{stem}.jpg"
    assert names.name(Owner(), tmp_path, "c") == tmp_path / "c-2.jpg"
    assert names.name(Owner(), tmp_path, "a") == tmp_path / "a-2.jpg"  # forgotten, but it is there


def test_a_frame_is_saved_as_it_is(picture: Path, tmp_path: Path) -> None:
    frame = still_frame(picture)
    saved = frame.save(tmp_path / "copy.png")
    assert (cv2.imread(str(saved)) == frame.image).all()


def test_predictions_are_drawn_as_corners(picture: Path) -> None:
    frame = still_frame(picture)
    sure, guessed = (Observation(frame, some(), predicted=p).plot() for p in (False, True))
    assert (sure == some().plot(frame)).all()
    assert (sure != guessed).any()


@pytest.mark.parametrize(
    "image",
    ["bus.jpg", np.zeros((9, 9, 3)), np.zeros((9, 9, 2), np.uint8), np.zeros((3, 9, 9), np.uint8)],
    ids=["a path", "floats", "two channels", "channels first"],
)
def test_what_is_no_picture_to_draw_on(image: Any) -> None:
    with pytest.raises(ConfigError, match=r"^image: .*\(height, width, 3\) uint8 BGR"):
        some().plot(image)


def test_grey_pixels_are_drawn_on_as_well() -> None:
    grey = np.full((64, 96), 90, np.uint8)
    drawn = some().plot(grey)
    assert (drawn == some().plot(np.full((64, 96, 3), 90, np.uint8))).all()


@pytest.mark.parametrize("name", ["out.gif", "out", "out.json", "out.mp4"])
def test_save_to_what_is_no_picture(picture: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(SinkError, match=rf"{name}.*\.jpg, \.jpeg, \.png"):
        found_in(picture).save(tmp_path / name)


def test_save_where_nothing_can_be_written(picture: Path) -> None:
    with pytest.raises(SinkError, match="a part of the path is a file"):
        found_in(picture).save(picture / "out.jpg")
    wide = np.zeros((2, 70_000, 3), np.uint8)
    with pytest.raises(SinkError, match=r"wide\.jpg: .*70000x2.*use \.png"):
        still_frame(wide).save(picture.parent / "wide.jpg")
    assert still_frame(wide).save(picture.parent / "wide.png").is_file()


# Tables


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


# Text


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


# Notebooks


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


# Supervision


def test_names_survive_supervision() -> None:
    found = replace(some(), class_ids=np.array([2, 0, 2]))
    back = Detections.from_supervision(found.to_supervision())
    assert back.class_names == NAMES
    assert back.to_dict() == found.to_dict()
    through = found.to_supervision()
    through = through[through.confidence > 0.5]
    assert Detections.from_supervision(through).class_names == NAMES
    kept = found.to_supervision().with_nms(threshold=0.5, class_agnostic=True)
    assert Detections.from_supervision(kept).class_names == NAMES
    merged = sv.Detections.merge([found.to_supervision(), some().to_supervision()])
    assert Detections.from_supervision(merged).class_names == NAMES
    nothing = found.to_supervision()[np.zeros(3, bool)]
    assert Detections.from_supervision(nothing).class_names == NAMES
    assert Detections.from_supervision(found.to_supervision(), ["a", "b", "c"]).class_names == ("a", "b", "c")  # fmt: skip


@pytest.mark.parametrize(
    ("class_ids", "names", "ids", "class_names"),
    [
        pytest.param([2, 0], ["car", "man"], [2, 0], ("man", "1", "car"), id="both, with a gap"),
        pytest.param(None, ["car", "man"], [0, 1], ("car", "man"), id="names only"),
        pytest.param([4, 1], None, [4, 1], (), id="ids only"),
        pytest.param(None, None, [0, 0], (), id="neither"),
        pytest.param([-1, 3], ["none", "x"], [-1, 3], (), id="a negative id"),
        pytest.param([10**9, 3], ["a", "x"], [10**9, 3], (), id="a wild id"),
        pytest.param([1, 1], ["x", "x"], [1, 1], ("0", "x"), id="one class twice"),
    ],
)
def test_names_that_others_put_beside_each_object(
    class_ids: Any, names: Any, ids: list[int], class_names: tuple[str, ...]
) -> None:
    others = sv.Detections(
        np.array([[0, 0, 5, 5], [1, 1, 9, 9]]),
        class_id=None if class_ids is None else np.array(class_ids),
        data={} if names is None else {"class_name": np.array(names)},
    )
    found = Detections.from_supervision(others)
    assert found.class_ids.tolist() == ids
    assert found.class_names == class_names
    if names is not None and class_names:
        assert [one.name for one in found] == names


def test_two_names_for_one_class_are_refused() -> None:
    others = sv.Detections(
        np.zeros((2, 4)), class_id=np.array([1, 1]), data={"class_name": np.array(["a", "b"])}
    )
    with pytest.raises(ValueError, match="class id 1 is called both 'a' and 'b'"):
        Detections.from_supervision(others)


def test_a_picture_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), np.full((20, 30, 3), 99, np.uint8))
    before = file.read_bytes()
    link = tmp_path / "link.png"
    link.symlink_to(file)
    frame = still_frame(file)
    picture = StoredPicture(file, 30, 20)
    stored = Frame("elsewhere", 0, 0.0, 0.0, picture)
    found = Detections.empty()
    for path in (file, str(file), link):
        for save in (
            frame.save,
            stored.save,
            partial(found.save, image=frame),
            Observation(stored, found).save,
        ):
            with pytest.raises(SinkError, match="give another name"):
                save(path)
    assert file.read_bytes() == before
    assert frame.save(tmp_path / "b.png").exists()


def test_area_and_words_of_other_libraries_for_tables() -> None:
    found = Detections(
        np.array([[0, 0, 4, 5], [1, 1, 1, 9]], np.float32),
        np.array([0.9, 0.8], np.float32),
        np.array([0, 1]),
        class_names=("car", "bus"),
    )
    assert found.area.tolist() == [20, 0]
    assert Detections.empty().area.shape == (0,)
    with pytest.raises(AttributeError, match=r"to_pandas\(\)\.to_csv\(path\)"):
        found.to_csv("x.csv")  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"those of a class are .* if d.name == 'bus'"):
        found["bus"]  # type: ignore[call-overload]
    assert [d.class_id for d in found if d.name == "bus"] == [1]
