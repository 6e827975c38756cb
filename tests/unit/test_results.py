"""Results in Python: picking, drawing, saving, tables, notebooks, and supervision there and back."""

from __future__ import annotations

import copy
import gc
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.unit.some_results import NAMES, found_in, some

from sightline.errors import ConfigError, SourceError
from sightline.sources.stills import still_frame
from sightline.types import Detection, Detections, Observation


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
