"""The recipe in ``training/attributes``: what it may train on, that it learns, and what it exports."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sightline.models.card import read_crop_card
from sightline.models.file import open_model
from sightline.sources.street import HELD_OUT_SEED, vehicles
from sightline.sources.street import labels as street_labels

ROOT = Path(__file__).parents[2]
MODULES = ("data", "batches", "model", "train", "export", "evaluate")


@pytest.fixture(scope="module")
def recipe():
    torch = pytest.importorskip("torch", reason="training needs PyTorch")
    threads = torch.get_num_threads()
    # Threads that wait for one another would take minutes on a machine that others use too.
    torch.set_num_threads(1)
    sys.path.insert(0, str(ROOT))
    try:
        names = {name: f"training.attributes.{name}" for name in MODULES}
        yield SimpleNamespace(**{k: importlib.import_module(v) for k, v in names.items()})
    finally:
        torch.set_num_threads(threads)
        sys.path.remove(str(ROOT))
        for name in [n for n in sys.modules if n.partition(".")[0] == "training"]:
            sys.modules.pop(name)


@pytest.fixture(scope="module")
def folder(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crops")
    recipe.data.build(folder, range(3, 5))
    return folder


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
        recipe.data.build(tmp_path / "new", seeds)
    assert not (tmp_path / "new").exists()
    with pytest.raises(ValueError, match="held out"):
        recipe.data.street(seeds[-1])


def test_crops_of_held_out_seeds_are_not_trained_on(recipe, folder, tmp_path):
    with np.load(folder / "index.npz") as index:
        forged = dict(index)
    forged["facts"][0, 0] = HELD_OUT_SEED
    np.savez(tmp_path / "index.npz", **forged)
    with pytest.raises(ValueError, match="held out"):
        recipe.batches.Crops([folder, tmp_path])


def test_evaluation_sees_held_out_seeds_only(recipe):
    assert all(street.seed >= HELD_OUT_SEED for street in recipe.evaluate.streets(40))


def test_every_appearance_has_names_that_are_taught(recipe):
    assert set(street_labels.PAINTS) | set(street_labels.LIVERIES) == set(recipe.data.COLOURS)
    assert len(street_labels.PAINTS) == len(vehicles._PAINTS)
    assert len(street_labels.LIVERIES) == len(vehicles._COACHES)
    found = {
        label.value
        for kind in ("car", "bus", "truck", "motorcycle", "bicycle")
        for look in range(300)
        for label in street_labels.labels_of(kind, look)
    }
    assert found == set(recipe.data.TYPES) | set(recipe.data.COLOURS)
    assert street_labels.labels_of("person", 1) == ()


def test_a_car_is_painted_as_it_is_called():
    for look in range(200):
        blue, green, red = vehicles._PAINTS[vehicles.car_paint(look)]
        painted = vehicles.car(look, 4.2, 1.8, 1.5).albedo[0]
        assert painted / painted.sum() == pytest.approx(
            np.array([blue, green, red]) / (blue + green + red)
        )


def test_a_batch_depends_on_seed_and_step_only(recipe, folder):
    first, again, other = (recipe.batches.Crops([folder], seed) for seed in (7, 7, 8))
    first.vehicles(0, 4)
    assert np.array_equal(first.vehicles(5, 4).pictures, again.vehicles(5, 4).pictures)
    assert not np.array_equal(first.vehicles(5, 4).pictures, other.vehicles(5, 4).pictures)


def test_pairs_are_two_crops_of_one_kind_each(recipe, folder):
    crops = recipe.batches.Crops([folder])
    for step, person in ((0, False), (1, True)):
        batch = crops.pairs(step, 12)
        assert (batch.identities[::2] == batch.identities[1::2]).all()
        assert len(set(batch.identities.tolist())) > 2
        assert (batch.types < 0).all() == person


@pytest.mark.parametrize("task", ["classifier", "embedder"])
def test_it_learns_and_what_it_exports_is_read_by_its_own_metadata(recipe, folder, tmp_path, task):
    crops = recipe.batches.Crops([folder])
    training = recipe.train.Training(recipe.train.Recipe(task, steps=16, warm_up=2))
    batch = crops.vehicles(0, 32) if task == "classifier" else crops.pairs(1, 32)
    losses = [training.update(batch, step / 16) for step in range(16)]
    assert np.mean(losses[-3:]) < 0.7 * np.mean(losses[:3])

    import torch

    state = {"recipe": {"task": task}, "average": training.average.state_dict()}
    torch.save(state, tmp_path / "out.pt")
    path = tmp_path / "out.onnx"
    assert recipe.export.export(*recipe.export.load(tmp_path / "out.pt"), path) < 1e-4
    assert path.stat().st_size <= recipe.export.LIMIT
    card = read_crop_card(open_model(path)).card
    assert (card.size, card.margin, card.max_batch) == ((48, 48), recipe.data.CARD.margin, None)
    if task == "classifier":
        assert card.attributes == recipe.data.ATTRIBUTES


def test_ranking_prefers_nobody(recipe):
    """An embedder that tells nobody apart is never first; a perfect one always is."""
    rng = np.random.default_rng(0)

    def pairs(perfect):
        vectors = rng.standard_normal((120, 8))
        return [
            recipe.evaluate.Pair(("clear", "day"), 10_000 + i % 4, i % 2 == 0, True, v, v)
            if perfect
            else recipe.evaluate.Pair(("clear", "day"), 10_000, i % 2 == 0, True, v * 0, v)
            for i, v in enumerate(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        ]

    assert all(first for _, first, _ in recipe.evaluate.rank(pairs(perfect=True)))
    assert not any(first for _, first, _ in recipe.evaluate.rank(pairs(perfect=False)))
    with pytest.raises(ValueError, match="more streets"):
        recipe.evaluate.rank(pairs(perfect=True)[:40])


def test_a_training_that_is_interrupted_goes_on_where_it_was(recipe, folder, tmp_path, monkeypatch):
    import signal

    import torch

    options = recipe.train.Recipe("classifier", steps=4, batch=8, warm_up=2)
    update = recipe.train.Training.update

    def pressed(self, batch, progress):
        if self.step == 1:
            signal.raise_signal(signal.SIGTERM)
        return update(self, batch, progress)

    out, kept = tmp_path / "net.pt", tmp_path / "net.checkpoint"
    with monkeypatch.context() as patch:
        patch.setattr(recipe.train.Training, "update", pressed)
        with pytest.raises(KeyboardInterrupt, match="2 steps are kept in"):
            recipe.train.train([folder], out, options)
    assert not out.exists()
    with pytest.raises(ValueError, match="give those options"):
        recipe.train.train([folder], out, recipe.train.Recipe("classifier", steps=5))
    resumed = recipe.train.train([folder], out, options)
    whole = recipe.train.train([folder], tmp_path / "whole.pt", options)
    assert resumed.step == whole.step == 4
    assert not kept.exists()
    for a, b in zip(whole.average.parameters(), resumed.average.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-2)
