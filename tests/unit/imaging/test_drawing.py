from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import supervision

from sightline.errors import SinkError
from sightline.imaging import drawing
from sightline.imaging.drawing import Annotator, FrameRate, annotate
from sightline.types import Detections, Label

CAR = [40, 60, 120, 110, 0.91, 2, 3]


def draw(observation, **options):
    return annotate(observation.frame.image, observation.detections, **options)


def test_the_picture_itself_is_not_changed(observe):
    seen = observe(boxes=[CAR], size=(160, 120))
    before = seen.frame.image.copy()
    drawn = draw(seen, fps=25.0)
    assert (seen.frame.image == before).all()
    assert drawn.shape == before.shape
    assert drawn.dtype == np.uint8


def test_the_outline_is_drawn_where_the_box_is(observe):
    seen = observe(boxes=[CAR], size=(160, 120))
    changed = (draw(seen) != seen.frame.image).any(axis=2)
    assert changed[110, 40:121].all()
    assert changed[60:111, 120].all()
    assert not changed[70:100, 50:110].any()
    assert not changed[:, 130:].any()


def test_nothing_found_draws_nothing(observe):
    seen = observe()
    assert (draw(seen) == seen.frame.image).all()


@pytest.mark.parametrize("tracked", [True, False])
def test_colours_tell_tracks_apart_else_classes(observe, tracked):
    boxes = [[10, 50, 60, 90, 0.9, 2, 1], [80, 50, 130, 90, 0.9, 2, 2]]
    drawn = draw(observe(boxes=boxes, size=(160, 120), tracked=tracked))
    assert (drawn[90, 30] != drawn[90, 100]).any() == tracked


@pytest.mark.parametrize(
    "box",
    [
        pytest.param([-20, -20, 30, 30], id="top left"),
        pytest.param([150, 0, 200, 60], id="top right"),
        pytest.param([150, 115, 190, 150], id="bottom right"),
    ],
)
def test_captions_stay_inside(observe, box):
    """A caption cut off at the edge would cover less than one in the middle."""
    middle = observe(boxes=[[60, 60, 61, 61, 0.91, 2, 3]], size=(160, 120))
    edge = observe(boxes=[[*box, 0.91, 2, 3]], size=(160, 120))
    colour = draw(middle)[60, 60]
    filled = [(draw(seen) == colour).all(axis=2).sum() for seen in (middle, edge)]
    assert filled[1] >= filled[0] * 0.9


def test_captions_name_class_track_score_and_labels(observe, monkeypatch):
    texts: list[str] = []
    real = supervision.LabelAnnotator.annotate

    def record(self, scene, detections, labels, **options):
        texts.extend(labels)
        return real(self, scene, detections, labels, **options)

    monkeypatch.setattr(supervision.LabelAnnotator, "annotate", record)
    seen = observe(boxes=[CAR], size=(160, 120))
    draw(seen, labels={3: (Label("colour", "red", 0.9),)})
    draw(observe(boxes=[CAR], size=(160, 120), tracked=False))
    assert texts == ["car #3 0.91 red", "car 0.91"]


def test_the_frame_rate_is_drawn_in_the_corner(observe):
    seen = observe(size=(160, 120))
    changed = (draw(seen, fps=24.96) != seen.frame.image).any(axis=2)
    assert changed[:10, :30].all()
    assert not changed[40:].any()


def test_masks_are_filled(observe):
    seen = observe(boxes=[CAR], size=(160, 120))
    found = seen.detections
    masks = np.zeros((1, 120, 160), bool)
    masks[0, 80:100, 60:100] = True
    masked = Detections(found.boxes, found.scores, found.class_ids, found.track_ids, masks)
    drawn = annotate(seen.frame.image, masked)
    assert (drawn[81:99, 61:99] != seen.frame.image[81:99, 61:99]).any(axis=2).all()


def test_an_annotator_leaves_a_trace_behind_a_track(observe):
    annotator = Annotator()
    for step in range(0, 100, 10):
        box = [200 + step, 20, 220 + step, 50, 0.9, 2, 1]
        seen = observe(index=step, boxes=[box], size=(400, 100))
        drawn = annotator.annotate(seen)
    assert (drawn[50, 220:280] != seen.frame.image[50, 220:280]).any()
    assert (draw(seen)[50, 220:280] == seen.frame.image[50, 220:280]).all()


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (64, 48), (3840, 64)])
def test_pictures_of_any_size(observe, size):
    assert draw(observe(boxes=[[0, 0, *size, 0.5, 0, 1]], size=size), fps=1.0).shape[1::-1] == size


def test_supervision_missing_names_the_remedy(observe, monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(SinkError, match=r"pip install 'sightline\[drawing\]'"):
        draw(observe())


def test_frame_rate(monkeypatch):
    now = 100.0
    monkeypatch.setattr("sightline.imaging.drawing.time.monotonic", lambda: now)
    rate = FrameRate()
    assert rate.tick() is None
    for _ in range(50):
        now += 0.04
        shown = rate.tick()
    assert shown == pytest.approx(25.0)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        pytest.param(2, ["person #1 0.90", "person #2 0.90"], id="few: all in full"),
        pytest.param(12, ["person #1 0.90", "#2"], id="a crowd: small ones short"),
    ],
)
def test_captions_leave_small_objects_of_a_crowd_to_be_seen(count: int, expected: list[str]):
    boxes = np.tile(np.array([[10, 10, 20, 30]], np.float32), (count, 1))
    boxes[0] = 0, 0, 200, 300
    found = Detections(
        boxes,
        np.full(count, 0.9, np.float32),
        np.zeros(count, np.int64),
        np.arange(1, count + 1),
        class_names=("person",),
    )
    captions = drawing._captions(found, {})
    drawing._shorten(captions, found, 384)
    assert captions[:2] == expected


def test_masks_look_as_supervision_draws_them(observe):
    """Crops are tinted just as whole masks are, small objects above large ones."""
    seen = observe(boxes=[CAR, CAR], size=(160, 120))
    whole = np.zeros((2, 120, 160), bool)
    whole[0, 70:90, 60:90] = True
    whole[1, 20:100, 40:120] = True
    found = replace(seen.detections, masks=whole, track_ids=np.array([1, 2]))
    drawn = annotate(seen.frame.image, found)
    plain = annotate(seen.frame.image, replace(found, masks=None))
    palette = supervision.ColorPalette.from_hex(list(drawing._COLOURS))
    theirs = seen.frame.image.copy()
    supervision.MaskAnnotator(color=palette, opacity=0.4).annotate(
        theirs, found.to_supervision(), custom_color_lookup=np.array([1, 2])
    )
    untouched = (plain == seen.frame.image).all(axis=2)  # neither box nor caption
    assert untouched[80, 75]
    assert untouched[95, 45]
    assert (drawn[untouched] == theirs[untouched]).all()


def test_masks_of_another_picture_are_refused(observe):
    seen = observe(boxes=[CAR], size=(160, 120))
    found = replace(seen.detections, masks=np.ones((1, 60, 80), bool))
    with pytest.raises(SinkError, match="80×60 cannot be drawn on one of 160×120"):
        annotate(seen.frame.image, found)


@pytest.mark.parametrize("predicted", [False, True])
def test_turned_boxes_are_drawn_turned(observe, predicted):
    box = [60, 50, 100, 60, 0.9, 2, 1]
    seen = observe(boxes=[box], size=(160, 120))
    found = replace(seen.detections, angles=np.array([np.pi / 2], np.float32))
    changed = (annotate(seen.frame.image, found, predicted=predicted) != seen.frame.image).any(2)
    assert changed[40:70, 75].all(), "the long side stands upright"
    assert not changed[50:60, 95:100].any(), "where the box would be without its angle"


def test_an_object_without_pixels_is_drawn_without_a_mask(observe):
    seen = observe(boxes=[CAR], size=(160, 120))
    found = replace(seen.detections, masks=np.zeros((1, 120, 160), bool))
    assert (annotate(seen.frame.image, found) == annotate(seen.frame.image, seen.detections)).all()
