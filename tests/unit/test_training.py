"""The recipe in ``training/``: what it may train on, that it learns, and that it goes on."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sightline.sources.street import HELD_OUT_SEED

RECIPE = Path(__file__).parents[2] / "training"
MODULES = ("data", "model", "loss", "train", "export", "evaluate")


@pytest.fixture(scope="module")
def recipe():
    """The scripts as modules; they import each other by their plain names, as scripts do."""
    torch = pytest.importorskip("torch", reason="training needs PyTorch")
    threads = torch.get_num_threads()
    # Threads that wait for one another would take minutes on a machine that others use too.
    torch.set_num_threads(1)
    sys.path.insert(0, str(RECIPE))
    try:
        yield SimpleNamespace(**{name: __import__(name) for name in MODULES})
    finally:
        torch.set_num_threads(threads)
        sys.path.remove(str(RECIPE))
        for name in MODULES:
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def frames(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    recipe.data.build(folder, range(3, 5), keep=3)
    return folder


@pytest.fixture(scope="module")
def small(recipe):
    return recipe.train.Recipe(steps=12, batch=4, width=192, height=128, warm_up=2)


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param([HELD_OUT_SEED], id="first held out"),
        pytest.param(range(HELD_OUT_SEED - 2, HELD_OUT_SEED + 1), id="a range that reaches there"),
        pytest.param([2**32 - 1], id="last"),
        pytest.param([-1], id="negative"),
    ],
)
def test_held_out_seeds_are_refused_before_anything_is_written(recipe, tmp_path, seeds):
    with pytest.raises(ValueError, match="held out"):
        recipe.data.build(tmp_path / "new", seeds, keep=1)
    assert not (tmp_path / "new").exists()
    with pytest.raises(ValueError, match="held out"):
        recipe.data.scene(seeds[-1])


def test_frames_of_held_out_seeds_are_not_trained_on(recipe, frames, tmp_path):
    with np.load(frames / "truth.npz") as truth:
        forged = dict(truth) | {"seeds": np.array([3, HELD_OUT_SEED])}
    np.savez(tmp_path / "truth.npz", **forged)
    with pytest.raises(ValueError, match="held out"):
        recipe.data.Crops(tmp_path, (192, 128), 0)


def test_evaluation_sees_held_out_seeds_only(recipe):
    assert all(street.seed >= HELD_OUT_SEED for street in recipe.evaluate.streets(40))


def test_a_batch_depends_on_seed_and_step_only(recipe, frames):
    first = recipe.data.Crops(frames, (192, 128), 7)
    first.batch(0, 4)
    again, other = (
        recipe.data.Crops(frames, (192, 128), 7),
        recipe.data.Crops(frames, (192, 128), 8),
    )
    assert np.array_equal(first.batch(5, 4).pictures, again.batch(5, 4).pictures)
    assert not np.array_equal(first.batch(5, 4).pictures, other.batch(5, 4).pictures)


def test_boxes_lie_within_their_crops(recipe, frames):
    batch = recipe.data.Crops(frames, (192, 128), 0).batch(0, 16)
    assert len(batch.boxes) > 16
    assert (batch.boxes >= 0).all()
    assert (batch.boxes <= [192, 128, 192, 128]).all()
    assert (batch.boxes[:, 2:] > batch.boxes[:, :2]).all()


def test_a_perfect_prediction_costs_less_than_a_shifted_one(recipe):
    import torch

    middles, strides = recipe.model.centres(128, 128)
    truth = torch.tensor([[20.0, 24.0, 60.0, 56.0]])
    targets = recipe.loss.Targets.of(
        1, torch.tensor([0]), truth, torch.tensor([2]), torch.tensor([False])
    )
    loss = recipe.loss.DetectionLoss(middles)
    logits = torch.full((1, len(strides), 6), -4.0)
    boxes = torch.tensor([40.0, 40.0, 40.0, 32.0]).expand(1, len(strides), 4)
    exact = loss(boxes, logits, targets)
    shifted = loss(boxes + torch.tensor([6.0, 0, 0, 0]), logits, targets)
    assert float(exact.box) == pytest.approx(0, abs=1e-4)
    assert float(shifted.box) > 0.1
    assert exact.positives == 10


def test_ignored_objects_are_neither_taught_nor_background(recipe):
    import torch

    middles, strides = recipe.model.centres(64, 64)
    truth = torch.tensor([[0.0, 0.0, 64.0, 64.0]])
    targets = recipe.loss.Targets.of(
        1, torch.tensor([0]), truth, torch.tensor([0]), torch.tensor([True])
    )
    logits = torch.full((1, len(strides), 6), 3.0)
    losses = recipe.loss.DetectionLoss(middles)(torch.ones(1, len(strides), 4), logits, targets)
    assert losses.positives == 0
    assert float(losses.total) == 0


@pytest.fixture(scope="module")
def trained(recipe, frames, small):
    training = recipe.train.Training(small)
    batch = recipe.data.Crops(frames, (192, 128), 0).batch(0, 4)
    return training, [float(training.update(batch).total.detach()) for _ in range(12)]


def test_a_few_steps_lower_the_loss(trained):
    _, losses = trained
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


def test_an_interrupted_training_goes_on_where_it_was(recipe, frames, small, tmp_path):
    import torch

    whole = recipe.train.train(frames, tmp_path / "whole", replace(small, steps=4))
    part = recipe.train.Training(replace(small, steps=4))
    crops = recipe.data.Crops(frames, (192, 128), small.seed)
    for step in range(2):
        part.update(crops.batch(step, small.batch))
    (tmp_path / "part").mkdir()
    part.save(tmp_path / "part" / "checkpoint.pt")
    resumed = recipe.train.train(frames, tmp_path / "part", replace(small, steps=4))
    assert resumed.step == whole.step == 4
    for a, b in zip(whole.average.parameters(), resumed.average.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-2)


def test_the_exported_model_loads_by_its_own_metadata(recipe, trained, tmp_path):
    import sightline

    path = tmp_path / "street.onnx"
    assert recipe.export.export(trained[0].average, path) < recipe.export.TOLERANCE
    assert path.stat().st_size <= recipe.export.LIMIT
    model = sightline.load(str(path), conf=0.001)
    picture = np.random.default_rng(0).integers(0, 255, (384, 640, 3), np.uint8)
    found, wide = model.detect([picture, picture[:200]])
    assert model.class_names == ("person", "bicycle", "car", "motorcycle", "bus", "truck")
    for detections in (found, wide):
        assert np.isfinite(detections.boxes).all()
        assert (detections.class_ids < 6).all()
