"""What a mosaic shows becomes objects of the picture, beside those that are known from before."""

from __future__ import annotations

import numpy as np

from sightline.models.composites.mosaic import packed
from sightline.models.composites.region_results import KnownObjects, SelectedRegions, known_after
from sightline.types import Detections, Floats

SIZE = (1920, 1080)
PART = (400, 300, 600, 420)
OTHER = (1000, 600, 1200, 720)

Box = tuple[float, float, float, float]


def objects(*boxes: Box, class_id: int = 0) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(len(boxes), 0.8, np.float32),
        np.full(len(boxes), class_id, np.int64),
    )


def looks(
    *wanted: Box, scale: float = 1, whole: float | None = None, anew: bool = False
) -> SelectedRegions:
    patches = packed([PART, OTHER], [scale, scale], (640, 384))
    assert patches is not None
    boxes = np.array(wanted, np.float32).reshape(-1, 4)
    return SelectedRegions(5.0, SIZE, boxes, patches, 0, whole, anew)


def in_mosaic(look: SelectedRegions, box: Box) -> Box:
    """Where the mosaic shows a box of the picture."""
    for patch in look.patches:
        left, top, right, bottom = patch.part
        if left <= (box[0] + box[2]) / 2 <= right and top <= (box[1] + box[3]) / 2 <= bottom:
            (x, y), spot = patch.spot.scale.tolist(), patch.spot
            return (
                (box[0] - left) / x + spot.left, (box[1] - top) / y + spot.top,
                (box[2] - left) / x + spot.left, (box[3] - top) / y + spot.top,
            )  # fmt: skip
    raise AssertionError(box)


def known(*boxes: Box) -> KnownObjects:
    return KnownObjects(objects(*boxes), np.zeros(len(boxes), np.float32))


def boxes(result: KnownObjects) -> Floats:
    found = result.objects.boxes
    return found[np.lexsort(found.T)]


CAR: Box = (450, 330, 530, 390)
PARKED: Box = (1500, 200, 1600, 260)


def test_objects_are_where_the_picture_has_them() -> None:
    for scale in (1, 0.5):
        look = looks(CAR, scale=scale)
        result = known_after(known(), look, [objects(in_mosaic(look, CAR))])
        np.testing.assert_allclose(boxes(result), [CAR], atol=1e-3)
        assert result.looked_at.tolist() == [5]


def test_what_no_part_shows_stays_as_it_was() -> None:
    result = known_after(known(PARKED), looks(CAR), [objects()])
    np.testing.assert_allclose(boxes(result), [PARKED])
    assert result.looked_at.tolist() == [0]


def test_what_a_part_shows_and_nobody_finds_is_gone() -> None:
    assert not len(known_after(known(CAR), looks(CAR), [objects()]).objects)


def test_a_box_across_two_patches_is_nothing() -> None:
    look = looks(CAR)
    (a, b, _, _), (_, _, c, d) = look.patches[0].box, look.patches[1].box
    assert not len(known_after(known(), look, [objects((a, b, c, d))]).objects)


def test_a_piece_of_a_known_object_is_no_object() -> None:
    lorry: Box = (550, 310, 800, 410)  # reaches out of the part
    look = looks(CAR)
    seen = [objects(in_mosaic(look, CAR), in_mosaic(look, (550, 310, 600, 410)))]
    result = known_after(known(lorry), look, seen)
    np.testing.assert_allclose(boxes(result), sorted([CAR, lorry], key=lambda box: box[3]))


def test_a_cut_object_that_was_to_be_looked_at_counts() -> None:
    cut: Box = (540, 320, 600, 380)
    look = looks((560, 330, 640, 380))
    result = known_after(known(), look, [objects(in_mosaic(look, cut))])
    np.testing.assert_allclose(boxes(result), [cut])


def test_the_whole_picture_replaces_what_it_sees_well() -> None:
    look = SelectedRegions(5.0, SIZE, np.empty((0, 4), np.float32), (), 0, 1 / 3, anew=False)
    small: Box = (100, 100, 112, 130)
    result = known_after(known(PARKED, small), look, [objects(CAR)])
    np.testing.assert_allclose(boxes(result), sorted([CAR, small], key=lambda box: box[3]))


def test_what_the_whole_picture_finds_again_is_one_object() -> None:
    look = SelectedRegions(5.0, SIZE, np.empty((0, 4), np.float32), (), 0, 1 / 3, anew=False)
    small: Box = (100, 100, 112, 130)
    result = known_after(known(small), look, [objects((100, 101, 112, 131))])
    assert len(result.objects) == 1
    assert result.looked_at.tolist() == [5]


def test_after_a_change_of_the_view_nothing_old_counts() -> None:
    look = SelectedRegions(5.0, SIZE, np.empty((0, 4), np.float32), (), 0, 1 / 3, anew=True)
    assert not len(known_after(known((100, 100, 112, 130)), look, [objects()]).objects)


def test_a_frame_that_nobody_looked_at_changes_nothing() -> None:
    look = SelectedRegions(5.0, SIZE, np.empty((0, 4), np.float32), (), 0, None, anew=False)
    before = known(CAR)
    assert known_after(before, look, []) is before
