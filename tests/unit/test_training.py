"""The recipe in ``training/``: what it may train on, that it learns, and that it goes on."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import sightline
from sightline.sources.street import HELD_OUT_SEED

RECIPE = Path(__file__).parents[2] / "training"
MODULES = (
    "data", "model", "loss", "train", "mask_model", "mask_loss", "train_masks", "export", "evaluate",
    "evaluate_masks", "evaluate_tracking", "fine_tune",
)  # fmt: skip
BUNDLED = Path(sightline.__file__).parent / "models" / "bundled"


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
    recipe.data.build(folder, range(3, 5), keep=3, masks=True)
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
    tracking = recipe.evaluate_tracking
    clips = tracking.clips(6, tracking.FIRST_SEED)
    streets = [*recipe.evaluate.streets(40), *clips]
    assert all(street.seed >= HELD_OUT_SEED for street in streets)


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


@pytest.mark.parametrize(
    ("box", "seen", "headline", "strict"),
    [
        pytest.param((0, 0, 10, 25), 0.25, True, True, id="just high enough and just seen"),
        pytest.param((0, 0, 10, 24), 1.0, False, True, id="too low for the headline"),
        pytest.param((0, 0, 30, 7), 1.0, False, True, id="wide and low"),
        pytest.param((0, 0, 7, 7), 1.0, False, False, id="too small"),
        pytest.param((0, 0, 3, 40), 1.0, False, False, id="a sliver"),
        pytest.param((0, 0, 20, 40), 0.24, False, False, id="mostly hidden"),
    ],
)
def test_what_counts(recipe, box, seen, headline, strict):
    boxes, visibility = np.array([box], np.float32), np.array([seen], np.float32)
    assert recipe.data.HEADLINE.ignored(boxes, visibility)[0] == (not headline)
    assert recipe.data.STRICT.ignored(boxes, visibility)[0] == (not strict)


def test_nothing_of_the_headline_is_left_untaught(recipe):
    for name in ("height", "longer", "shorter", "visibility"):
        assert getattr(recipe.data.TAUGHT, name) <= getattr(recipe.data.HEADLINE, name)


def sides_for(recipe, box, size):
    """Raw predictions whose boxes are all ``box``, from distributions of one or two bins."""
    import torch

    middles, strides = recipe.model.centres(*size)
    low, high = torch.tensor(box[:2]), torch.tensor(box[2:])
    distances = torch.cat([middles - low, high - middles], 1) / strides[:, None]
    bins = torch.arange(recipe.model.BINS)
    shares = (1 - (distances[..., None] - bins).abs()).clamp(min=1e-9)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    boxes = torch.tensor([x, y, box[2] - box[0], box[3] - box[1]]).expand(1, len(middles), 4)
    logits = torch.full((1, len(middles), 6), -4.0)
    return recipe.model.Raw(shares.log()[None], boxes, logits)


def test_a_perfect_prediction_costs_less_than_a_shifted_one(recipe):
    import torch

    truth = (20.0, 24.0, 60.0, 56.0)
    targets = recipe.loss.Targets.of(
        1, torch.tensor([0]), torch.tensor([truth]), torch.tensor([2]), torch.tensor([False])
    )
    loss = recipe.loss.DetectionLoss(*recipe.model.centres(128, 128))
    exact = loss(sides_for(recipe, truth, (128, 128)), targets)
    shifted = loss(sides_for(recipe, (26.0, 24.0, 66.0, 56.0), (128, 128)), targets)
    assert float(exact.box) == pytest.approx(0, abs=1e-4)
    assert float(shifted.box) > 0.1
    assert float(shifted.side) > float(exact.side) + 0.5
    assert exact.positives == 10


def test_boxes_are_the_means_of_their_distributions(recipe):
    import torch

    box = (10.0, 12.0, 42.0, 76.0)
    raw = sides_for(recipe, box, (64, 96))
    stride = recipe.model.STRIDES[0]
    cells = (96 // stride) * (64 // stride)
    of_level = raw.sides[0, :cells].flatten(1).T.reshape(1, -1, 96 // stride, 64 // stride)
    found = recipe.model._boxes(of_level, stride)[0].T
    middles = recipe.model.centres(64, 96)[0][:cells]
    inside = ((middles > torch.tensor(box[:2])) & (middles < torch.tensor(box[2:]))).all(1)
    wanted = torch.tensor([26.0, 44.0, 32.0, 64.0]).expand(int(inside.sum()), 4)
    torch.testing.assert_close(found[inside], wanted, atol=1e-3, rtol=0)


def test_ignored_objects_are_neither_taught_nor_background(recipe):
    import torch

    truth = (0.0, 0.0, 64.0, 64.0)
    targets = recipe.loss.Targets.of(
        1, torch.tensor([0]), torch.tensor([truth]), torch.tensor([0]), torch.tensor([True])
    )
    loss = recipe.loss.DetectionLoss(*recipe.model.centres(64, 64))
    losses = loss(sides_for(recipe, truth, (64, 64)), targets)
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


def test_ctrl_c_keeps_the_steps_so_far(recipe, frames, small, tmp_path):
    import signal

    import torch

    crops = recipe.data.Crops(frames, (192, 128), small.seed)

    class Pressed:
        """Batches during the second of which Ctrl-C comes."""

        def batch(self, step, count):
            if step == 1:
                signal.raise_signal(signal.SIGINT)
            return crops.batch(step, count)

    training = recipe.train.Training(replace(small, steps=4))
    with pytest.raises(KeyboardInterrupt, match=r"2 steps are kept in .*checkpoint\.pt: the same"):
        recipe.train.run(training, Pressed(), tmp_path)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 2


def test_a_training_may_start_from_weights_that_fit(recipe, trained, small, tmp_path):
    import torch

    trained[0].save(tmp_path / "first.pt")
    fresh = recipe.train.Training(small)
    state = torch.load(tmp_path / "first.pt", weights_only=True)
    state["average"]["heads.0.box.2.weight"] = torch.zeros(1)  # of another shape
    torch.save(state, tmp_path / "other.pt")
    own = fresh.model.heads[0].box[2].weight.clone()
    assert fresh.start_from(tmp_path / "other.pt") == len(state["average"]) - 1
    torch.testing.assert_close(fresh.model.to4[0][0].weight, state["average"]["to4.0.0.weight"])
    torch.testing.assert_close(fresh.model.heads[0].box[2].weight, own)


def test_the_exported_model_loads_by_its_own_metadata(recipe, trained, tmp_path):
    path = tmp_path / "street.onnx"
    assert recipe.export.export(trained[0].average, path) < recipe.export.TOLERANCE
    assert path.stat().st_size <= recipe.export.LIMITS["detect"]
    assert path.stat().st_size < 2.5 * sum(p.numel() for p in trained[0].average.parameters())
    model = sightline.load(str(path), conf=0.001)
    picture = np.random.default_rng(0).integers(0, 255, (384, 640, 3), np.uint8)
    found, wide = model.detect([picture, picture[:200]])
    assert model.class_names == ("person", "bicycle", "car", "motorcycle", "bus", "truck")
    for detections in (found, wide):
        assert np.isfinite(detections.boxes).all()
        assert (detections.class_ids < 6).all()


def test_maps_are_cut_as_boxes_are_and_change_no_picture(recipe, frames):
    plain = recipe.data.Crops(frames, (192, 128), 0).batch(1, 8)
    batch = recipe.data.Crops(frames, (192, 128), 0, masks=True).batch(1, 8)
    assert plain.maps is None
    assert np.array_equal(plain.pictures, batch.pictures)
    checked = 0
    for picture, seen in enumerate(batch.maps):
        mine = batch.owner == picture
        assert seen.max() <= mine.sum()
        for number, box in enumerate(batch.boxes[mine], 1):
            y, x = np.nonzero(seen == number)
            if len(x) > 20:  # and not cut in two by what stands before it
                tight = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])
                assert (tight[:2] >= box[:2] - 2).all()
                assert (tight[2:] <= box[2:] + 2).all()
                checked += 1
    assert checked > 10


def test_masks_begin_with_the_detector_that_is_bundled(recipe):
    import onnxruntime
    import torch

    model = recipe.mask_model.StreetSegmenter().train()
    path = BUNDLED / "street.onnx"
    assert recipe.mask_model.take_weights(model.detector, path) > 40
    pictures = np.random.default_rng(0).random((1, 3, 64, 96), np.float32)
    with torch.no_grad():
        found, prototypes = model(torch.from_numpy(pictures))
    (wanted,) = onnxruntime.InferenceSession(path).run(None, {"images": pictures})
    assert prototypes.shape == (1, recipe.mask_model.PROTOTYPES, 32, 48)
    np.testing.assert_allclose(found[:, : wanted.shape[1]], wanted, atol=1e-2)


def test_weights_of_other_networks_are_refused(recipe):
    model = recipe.model.StreetDetector()
    with pytest.raises(ValueError, match="convolution"):
        recipe.mask_model.take_weights(model, BUNDLED / "street-embedder.onnx")


def test_perfect_masks_cost_less_than_others(recipe):
    import torch

    truth = torch.tensor([[24.0, 20.0, 64.0, 52.0]])
    kinds, sure = torch.tensor([2]), torch.tensor([False])
    targets = recipe.loss.Targets.of(1, torch.tensor([0]), truth, kinds, sure)
    seen = np.zeros((1, 96, 96), np.uint8)
    seen[0, 24:50, 28:60] = 1
    middles, strides = recipe.model.centres(96, 96)
    found = torch.zeros(1, 10 + 1, len(middles))
    found[0, :4] = torch.tensor([44.0, 36.0, 40.0, 32.0])[:, None]
    found[0, 6] = found[0, 10] = 0.9
    plane = (torch.from_numpy(seen)[:, ::2, ::2].float() * 20 - 10)[None]
    loss = recipe.mask_loss.MaskLoss(middles, strides)
    exact, none, shifted = (
        float(loss(found, given, targets, torch.from_numpy(seen)).total)
        for given in (plane, torch.zeros_like(plane), plane.roll(4, 3))
    )
    assert exact < 0.4
    assert exact < shifted - 0.5
    assert exact < none - 0.5


@pytest.fixture(scope="module")
def masking(recipe, frames, small):
    training = recipe.train_masks.MaskTraining(small)
    training.take_detector(BUNDLED / "street.onnx")
    batch = recipe.data.Crops(frames, (192, 128), 0, masks=True).batch(0, 4)
    return training, [float(training.update(batch).total.detach()) for _ in range(12)]


def test_a_few_steps_lower_the_loss_of_masks_and_leave_the_detector(masking, recipe):
    import torch

    training, losses = masking
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])
    untouched = recipe.model.StreetDetector()
    recipe.mask_model.take_weights(untouched, BUNDLED / "street.onnx")
    for name, tensor in untouched.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(training.model.detector.state_dict()[name], tensor)


def test_the_exported_model_tells_masks(recipe, masking, tmp_path):
    masking[0].save(tmp_path / "checkpoint.pt")
    path = tmp_path / "street-seg.onnx"
    model = recipe.export.load(tmp_path / "checkpoint.pt")
    assert recipe.export.export(model, path) < recipe.export.TOLERANCE
    assert path.stat().st_size <= recipe.export.LIMITS["segment"]
    loaded = sightline.load(str(path), conf=0.001)
    picture = np.random.default_rng(0).integers(0, 255, (128, 192, 3), np.uint8)
    assert loaded.detector.card.task == "segment"
    assert loaded.detect(picture).masks is not None


def test_true_masks_are_perfect(recipe):
    class Oracle:
        class_names = recipe.evaluate.NAMES

        def detect(self, frame):
            from sightline.sources.street import truth_of

            one = truth_of(frame)
            names = one.detections.class_names
            (found,) = recipe.evaluate.with_classes(
                [replace(one.detections, masks=one.masks)], names, self.class_names
            )
            return found

    truth = recipe.evaluate_masks.find(Oracle(), 1)
    assert truth.scores(Oracle.class_names).mask_map == pytest.approx(1)
    assert "| all | 1.000 |" in recipe.evaluate_masks.report(truth, Oracle.class_names)


def test_a_perfect_tracker_is_perfect_whatever_it_does_with_what_does_not_count(recipe):
    from sightline.sources.street import StreetOptions, StreetSource, truth_of

    class Oracle:
        """Finds all objects of the truth, those that do not count included."""

        class_names = recipe.evaluate.NAMES

    options = StreetOptions(seed=HELD_OUT_SEED, width=320, height=192, fps=5, duration=2)
    rule = recipe.data.Rule(height=12)
    names = truth_of(next(iter(StreetSource(options)))).detections.class_names

    class Tracks:
        def __init__(self, frame):
            self.frame = frame
            found = truth_of(frame).detections
            (self.detections,) = recipe.evaluate.with_classes([found], names, Oracle.class_names)

    recipe.evaluate_tracking.sightline = SimpleNamespace(
        track=lambda source, model, tracker: map(Tracks, source)
    )
    pair = recipe.evaluate_tracking.follow(Oracle, options, rule, None)
    total, _ = recipe.evaluate_tracking.score_sequences({"clip": pair})
    assert total.hota == total.idf1 == 1


def test_the_bundled_network_is_read_back(recipe):
    """With its batch normalisation, as without, it finds what its file finds."""
    import onnxruntime
    import torch

    pictures = np.random.default_rng(5).random((2, 3, 64, 96), np.float32)
    session = onnxruntime.InferenceSession(str(BUNDLED / "street.onnx"))
    (wanted,) = session.run(None, {"images": pictures})
    network = recipe.fine_tune.read_back(BUNDLED / "street.onnx")
    with torch.no_grad():
        found = network(torch.from_numpy(pictures)).numpy()
    assert np.abs(found - wanted).max() < 5e-3  # boxes are in pixels
    recipe.fine_tune.with_normalization(network, torch.rand(2, 3, 64, 96))
    assert any(isinstance(part, torch.nn.BatchNorm2d) for part in network.modules())
    with torch.no_grad():
        found = network(torch.from_numpy(pictures)).numpy()
    assert np.abs(found - wanted).max() < 5e-3


def test_another_file_is_not_read_back(recipe):
    with pytest.raises(ValueError, match=r"are not those of model\.py"):
        recipe.fine_tune.read_back(BUNDLED / "street-attributes.onnx")


def test_what_the_teacher_finds_costs_nothing(recipe):
    import torch

    network = recipe.fine_tune.read_back(BUNDLED / "street.onnx")
    pictures = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        raw = network.raw(pictures)
        other = network.raw(pictures * 0.5)
    loss = recipe.fine_tune.TeacherLoss(sure=0.0)
    assert float(loss(raw, raw)) == pytest.approx(0, abs=1e-3)
    assert float(loss(other, raw)) > 0.1


def test_batches_of_the_task_go_on_where_they_stopped(recipe, frames):
    task = recipe.fine_tune.StreetTask(str(frames), count=2)
    steps = task.batches(0)
    next(steps)
    assert np.array_equal(next(steps).pictures, next(task.batches(1)).pictures)
    network = task.network()
    batch = next(task.batches(0))
    assert float(task.loss(network.train(), batch, None).detach()) > 0
    assert float(task.loss(network.train(), batch, task.network().eval()).detach()) > 0
