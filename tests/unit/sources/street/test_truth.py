"""The truth is true: measured again with a renderer that draws one thing at a time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sightline.errors import SourceError
from sightline.sources.pictures import ArrayPicture
from sightline.sources.street import StreetOptions, StreetSource, StreetTruth, truth_of
from sightline.sources.street.camera import MARGIN, SCALE
from sightline.sources.street.drawing.order import in_painting_order
from sightline.sources.street.drawing.paint import Sprite, draw
from sightline.sources.street.drawing.render import Renderer
from sightline.sources.street.world import World
from sightline.types import Frame

STILL = {"shake": 0.0}


class Scene:
    """One frame, with the items that it was drawn from."""

    def __init__(self, seed: int, seconds: float = 3.0, **options: object) -> None:
        self.options = StreetOptions(seed=seed, **STILL, **options).resolved()
        self.renderer = Renderer(self.options)
        self.world = World(self.options, self.renderer.street)
        self.world.advance(seconds)
        self.image, self.truth = self.renderer.frame(self.world)
        items = self.renderer.actors.items(self.world)
        self.items = {
            item.track_id: item for item in in_painting_order(items, self.renderer.camera)
        }

    def alone(self, item: Sprite, extra: int = 1500) -> np.ndarray:
        """Where an item is when nothing else is, on the picture's grid, ``extra`` pixels round it."""
        size = (SCALE * (self.options.height + 2 * extra), SCALE * (self.options.width + 2 * extra))
        canvas = np.zeros(size, np.uint8)
        draw(canvas, item.strokes, (SCALE * extra - MARGIN, SCALE * extra - MARGIN))
        return canvas[::SCALE, ::SCALE] > 0


SCENES = [
    pytest.param((2, {}), id="mast"),
    pytest.param((3, {"camera": "corner"}), id="corner"),
    pytest.param((11, {"camera": "low"}), id="low"),
    pytest.param((4, {"light": "night", "camera": "high"}), id="high at night"),
]


@pytest.fixture(scope="module", params=SCENES)
def scene(request: pytest.FixtureRequest) -> Scene:
    seed, options = request.param
    return Scene(seed, **options)


def test_visibility_is_visible_over_alone(scene: Scene) -> None:
    truth, extra = scene.truth, 1500
    assert len(truth) > 5
    partly = 0
    for row, track in enumerate(truth.track_ids.tolist()):
        alone = scene.alone(scene.items[track], extra)
        height, width = truth.id_map.shape
        within = alone[extra : extra + height, extra : extra + width]
        seen = truth.id_map == row + 1
        # A polygon that the canvas cuts may differ by a pixel here and there along its edges.
        cut = truth.boxes[row][0] <= 0 or truth.boxes[row][2] >= width
        assert np.count_nonzero(seen & ~within) <= 6 * cut, "seen where it is not"
        assert truth.visibility[row] == pytest.approx(seen.sum() / alone.sum(), abs=1e-6)
        partly += 0.02 < truth.visibility[row] < 0.98
    assert partly >= 2


def test_boxes_are_tight(scene: Scene) -> None:
    truth = scene.truth
    for box, mask in zip(truth.boxes.tolist(), truth.masks, strict=True):
        rows, columns = np.nonzero(mask)
        assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_nearer_things_hide_farther_ones(scene: Scene) -> None:
    """Painting in order of depth gives the same as keeping, at each pixel, the last one drawn."""
    truth, height, width = scene.truth, scene.options.height, scene.options.width
    rows = {track: row + 1 for row, track in enumerate(truth.track_ids.tolist())}
    top = np.zeros((height, width), np.int64)
    for item in scene.items.values():
        alone = scene.alone(item, 700)[700 : 700 + height, 700 : 700 + width]
        top[alone] = rows.get(item.track_id, -1)
    drawn = truth.id_map > 0
    assert drawn.any()
    np.testing.assert_array_equal(truth.id_map[drawn], top[drawn])
    # What is not drawn though something is there stands behind a building, tree or pole.
    depth = scene.renderer.scenery.depth[MARGIN:-MARGIN:SCALE, MARGIN:-MARGIN:SCALE]
    assert (depth[(top != 0) & ~drawn] < 65535).all()


def test_what_is_left_out_could_not_be_seen(scene: Scene) -> None:
    """Things that are out of sight are not drawn at all; drawing them changes nothing."""
    again = Renderer(scene.options)
    again.actors._farthest = np.full_like(again.actors._farthest, 65535)
    world = World(scene.options, again.street)
    world.advance(3.0)
    truth = again.frame(world)[1]
    np.testing.assert_array_equal(truth.boxes, scene.truth.boxes)
    np.testing.assert_array_equal(truth.visibility, scene.truth.visibility)


def test_shadows_lie_on_the_ground_only() -> None:
    """With shadows taken away the pixels of objects stay as they are."""
    options = {"width": 320, "height": 192, "noise": 0.0, "blur": 0.0}
    plain, bright = Scene(26, **options), Scene(26, **options)
    dark = plain.renderer.shadows
    bright.renderer.shadows._cast = lambda items, plain: None
    bright.image, _ = bright.renderer.frame(bright.world)
    plain.image, truth = plain.renderer.frame(plain.world)
    change = plain.image.astype(int) - bright.image
    assert dark is not bright.renderer.shadows
    assert change[truth.id_map == 0].min() < -20
    assert np.abs(change[truth.id_map > 0]).max() <= 1


def test_pixels_of_objects_show_them(scene: Scene) -> None:
    """Inside the masks the picture differs from the empty street; far from them it does not."""
    plain = Scene(scene.options.seed, **{
        **scene.options.model_dump(exclude={"seed", "shake"}), "noise": 0.0, "blur": 0.0,
    })  # fmt: skip
    empty = Scene(scene.options.seed, **{
        **plain.options.model_dump(exclude={"seed", "shake"}), "density": 0.0,
    })  # fmt: skip
    change = np.abs(plain.image.astype(int) - empty.image).max(axis=2)
    moving = [
        row + 1 for row, track in enumerate(plain.truth.track_ids.tolist())
        if track not in {v.id for v in empty.world.parked}
    ]  # fmt: skip
    mask = np.isin(plain.truth.id_map, moving)
    assert (change[mask] > 8).mean() > 0.8
    far = cv2.dilate(mask.astype(np.uint8), np.ones((161, 161), np.uint8)) == 0
    if plain.options.light == "day" and far.any():
        assert (change[far] > 8).mean() < 0.01


def test_ids_and_classes_are_stable() -> None:
    kinds: dict[int, int] = {}
    boxes: dict[int, np.ndarray] = {}
    for frame in StreetSource(StreetOptions(seed=6, duration=3)):
        truth = truth_of(frame)
        ids = truth.track_ids.tolist()
        assert len(set(ids)) == len(ids)
        for number, kind, box in zip(ids, truth.class_ids.tolist(), truth.boxes, strict=True):
            assert kinds.setdefault(number, kind) == kind
            boxes[number] = box
    assert len(kinds) > 15
    assert set(kinds.values()) <= {0, 1, 2, 3, 5, 7}


def test_riders_are_people_on_things() -> None:
    found = 0
    for seed in range(20):
        if found > 1:
            break
        scene = Scene(seed, width=320, height=192)
        ids = scene.truth.track_ids.tolist()
        for cycle in scene.world.vehicles:
            if cycle.rider not in ids or cycle.id not in ids:
                continue
            at, on = ids.index(cycle.id), ids.index(cycle.rider)
            assert scene.truth.class_ids[at] in (1, 3)
            assert scene.truth.class_ids[on] == 0
            if min(scene.truth.visibility[at], scene.truth.visibility[on]) > 0.4:
                assert scene.truth.boxes[on][1] < scene.truth.boxes[at][1], "the rider is higher"
                found += 1
    assert found > 0


def test_cycles_without_riders_are_objects_of_their_own() -> None:
    scene = Scene(8)
    parked = {v.id: v for v in scene.world.parked if v.kind != "car"}
    seen = [i for i, track in enumerate(scene.truth.track_ids.tolist()) if track in parked]
    assert len(seen) >= 2
    for row in seen:
        kind = parked[scene.truth.track_ids[row]].kind
        assert scene.truth.class_ids[row] == {"bicycle": 1, "motorcycle": 3}[kind]


def test_lights_of_parked_cycles_are_off() -> None:
    scene = Scene(8, light="night")
    slots = {item.slot for item in scene.items.values()}
    parked = {v.id for v in scene.world.parked}
    off = {item.slot for track, item in scene.items.items() if track in parked}
    assert off
    assert slots & {glow.slot for glow in scene.renderer.actors.glows}
    assert not off & {glow.slot for glow in scene.renderer.actors.glows}


def test_every_class_is_seen() -> None:
    classes: set[int] = set()
    for seed in range(12):
        classes |= set(Scene(seed, width=320, height=192).truth.class_ids.tolist())
        if len(classes) == 6:
            break
    assert classes == {0, 1, 2, 3, 5, 7}


def test_detections_and_filter(scene: Scene) -> None:
    truth: StreetTruth = scene.truth
    every = truth.detections
    assert len(every) == len(truth)
    assert every.class_name(7) == "truck"
    assert (every.scores == 1).all()
    some = truth.visible(0.5, 200)
    assert 0 < len(some) < len(every)


def test_other_frames_have_no_truth() -> None:
    frame = Frame("a", 0, 0.0, 0.0, ArrayPicture(np.zeros((4, 4, 3), np.uint8)))
    with pytest.raises(SourceError, match="only frames of a street"):
        truth_of(frame)
