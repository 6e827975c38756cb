"""The parts of the training loop: what is labelled is taught as it was labelled, and nothing is forgotten."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from sightline.sources.street import StreetOptions, StreetSource, truth_of

TRAINING = Path(__file__).parents[2] / "training"
MODULES = (
    "data",
    "model",
    "loss",
    "train",
    "mask_model",
    "mask_loss",
    "export",
    "evaluate",
    "loop",
)


@pytest.fixture(scope="module")
def recipe():
    """The scripts as modules; they import each other by their plain names, as scripts do."""
    pytest.importorskip("torch", reason="training needs PyTorch")
    sys.path.insert(0, str(TRAINING))
    try:
        yield SimpleNamespace(**{name: __import__(name) for name in MODULES})
    finally:
        sys.path.remove(str(TRAINING))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def day(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("camera")
    size = {"width": recipe.data.WIDTH, "height": recipe.data.HEIGHT}
    street = StreetOptions(seed=5001, fps=1, duration=2, **size)
    day = recipe.loop.CameraDay(street, folder, lights := [], truth := [])
    for frame in StreetSource(street):
        cv2.imwrite(str(day.picture(frame.index)), frame.image)
        lights.append("day")
        truth.append(truth_of(frame))
    return day


def test_what_is_labelled_is_taught(recipe, day, tmp_path):
    loop, data = recipe.loop, recipe.data
    assert loop.labelled([day], [[1]], tmp_path / "labelled") == 1
    assert data.from_labels(tmp_path / "labelled", tmp_path / "data") == 1
    with np.load(tmp_path / "data" / "truth.npz") as taught:
        wanted = day.truth[1].visible(loop.SEEN)
        assert taught["counts"].tolist() == [len(wanted)]
        np.testing.assert_allclose(taught["boxes"], wanted.boxes, atol=0.01)
        np.testing.assert_array_equal(taught["classes"], data.PLACES[wanted.class_ids])
    crops = data.Crops(tmp_path / "data", (256, 192), 0)
    assert len(crops.batch(0, 4).boxes)


def test_pictures_of_another_size_are_refused(recipe, tmp_path):
    data = recipe.data
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.jpg"), np.zeros((10, 10, 3), np.uint8))
    with pytest.raises(ValueError, match=r"a\.jpg: it is no picture of 640×384"):
        data.from_labels(tmp_path, tmp_path / "data")
    with pytest.raises(ValueError, match="there are no pictures"):
        data.from_labels(tmp_path / "none", tmp_path / "data")


class Constant:
    """Batches of one grey, with one object a picture."""

    def __init__(self, data, grey):
        self._data, self._grey = data, grey

    def batch(self, _step, count):
        pictures = np.full((count, 3, 8, 8), self._grey, np.uint8)
        boxes = np.full((count, 4), self._grey, np.float32)
        return self._data.Batch(
            pictures, np.arange(count), boxes, np.zeros(count, np.int64), np.zeros(count, np.bool_)
        )


def test_a_mixed_batch_has_equal_parts_and_its_objects_stay_with_their_pictures(recipe):
    parts = (Constant(recipe.data, grey) for grey in (10, 20))
    batch = recipe.loop.Mixed(*parts).batch(0, 6)
    assert batch.pictures[:, 0, 0, 0].tolist() == [10, 10, 10, 20, 20, 20]
    assert batch.boxes[:, 0].tolist() == batch.pictures[batch.owner, 0, 0, 0].tolist()


def test_as_many_random_frames_of_each_camera_are_chosen(recipe, day):
    loop = recipe.loop
    options = loop.LoopOptions(budget=1)
    chosen = loop.random_frames(options, [day, day, day, day])
    assert [len(numbers) for numbers in chosen] == [1, 1, 1, 1]
    assert chosen == loop.random_frames(options, [day, day, day, day])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_loop_goes_to_a_promoted_model(recipe, tmp_path):
    command = [
        sys.executable,
        str(TRAINING / "loop.py"),
        str(tmp_path),
        "--short",
        "--threads",
        "1",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["labelled"] == 4
    assert report["state"] == "promoted"
    assert set(report["after"]) == {"night", "day"}
    assert (tmp_path / "second" / recipe.loop.MODEL).stat().st_size > 100_000
