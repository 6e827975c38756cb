"""Objects are counted when they come, and tracks that flicker are told."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.monitoring.profiles.colour_names import colour_names
from sightline.monitoring.profiles.object_statistics import ObjectSample, ObjectStatistics
from sightline.monitoring.profiles.picture_statistics import picture_sample
from sightline.sources.pictures import ArrayPicture
from sightline.types import Detections, Frame, Label, Observation, Pixels

NAMES = ("car", "bus")


def look(
    statistics: ObjectStatistics,
    boxes: list[tuple[float, float, float, float]],
    class_ids: list[int],
    ids: list[int] | None = None,
    time: float = 0.0,
    picture: Pixels | None = None,
    labels: dict[int, tuple[Label, ...]] | None = None,
) -> ObjectSample:
    drawn = np.full((100, 200, 3), 128, np.uint8) if picture is None else picture
    frame = Frame("gate", 0, time, 0.0, ArrayPicture(drawn))
    found = Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), 0.8, np.float32),
        np.array(class_ids, np.int64), class_names=NAMES,
        track_ids=None if ids is None else np.array(ids, np.int64),
    )  # fmt: skip
    return statistics.sample(Observation(frame, found, labels or {}), picture_sample(frame))


def test_a_queue_is_counted_once() -> None:
    statistics = ObjectStatistics()
    standing = (20.0, 20.0, 60.0, 50.0)
    first = look(statistics, [standing], [0])
    again = look(statistics, [standing, (100.0, 20.0, 150.0, 60.0)], [0, 1])
    assert dict(first.categories["classes"]) == {"car": 1}
    assert dict(again.categories["classes"]) == {"bus": 1}
    assert again.numbers["objects"].tolist() == [2]


def test_one_that_is_missed_once_is_no_new_one() -> None:
    statistics = ObjectStatistics()
    standing = (20.0, 20.0, 60.0, 50.0)
    look(statistics, [standing], [0])
    look(statistics, [], [])
    assert not look(statistics, [standing], [0]).categories["classes"]


def test_tracks_that_flicker_have_gaps() -> None:
    statistics = ObjectStatistics()
    box = (20.0, 20.0, 60.0, 50.0)
    look(statistics, [box], [0], [7], 0.0)
    assert look(statistics, [box], [0], [7], 1.0).numbers["track_gaps"].tolist() == [0]
    look(statistics, [], [], [], 2.0)
    back = look(statistics, [box], [0], [7], 3.0)
    assert back.numbers["track_gaps"].tolist() == [1]
    assert back.numbers["track_age"] == pytest.approx([2.0])  # log2 of 1 + 3 seconds


def test_tracks_that_begin_inside_are_told_from_those_that_come_in() -> None:
    statistics = ObjectStatistics()
    look(statistics, [], [], [])
    found = look(statistics, [(0.0, 20.0, 40.0, 50.0), (90.0, 40.0, 120.0, 60.0)], [0, 0], [1, 2])
    assert found.numbers["track_births"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("bgr", "name"),
    [
        ((40, 40, 220), "red"), ((30, 140, 250), "orange"), ((30, 220, 240), "yellow"), ((40, 170, 40), "green"),
        ((200, 60, 40), "blue"), ((220, 210, 40), "cyan"), ((128, 128, 128), "grey"), ((20, 20, 20), "grey"),
        ((245, 245, 245), "grey"),
    ],
)  # fmt: skip
def test_objects_have_colours_with_names(bgr: tuple[int, int, int], name: str) -> None:
    picture = np.full((100, 200, 3), 128, np.uint8)
    picture[20:60, 20:80] = bgr
    found = look(ObjectStatistics(), [(20.0, 20.0, 80.0, 60.0)], [0], picture=picture)
    assert dict(found.categories["object_colours"]) == {name: 1}


def test_the_middle_of_colours_is_grey() -> None:
    assert colour_names(np.array([[128, 128], [131, 125]], np.uint8)) == ["grey", "grey"]


def test_labels_are_counted_with_their_scores() -> None:
    labels = {3: (Label("colour", "red", 0.9), Label("body", "van", 0.7))}
    found = look(ObjectStatistics(), [(20.0, 20.0, 60.0, 50.0)], [0], [3], labels=labels)
    assert dict(found.categories["labels"]) == {"colour red": 1, "body van": 1}
    assert found.numbers["label_score"].tolist() == pytest.approx([0.9, 0.7])
