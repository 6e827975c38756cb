"""A training: that it learns, ends, goes on after an interruption, and says what is wrong."""

from __future__ import annotations

import itertools
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torch_pruning", reason="torch-pruning is not installed")

from tests.unit.optimize.training.tiny_task import TinyTask, example  # noqa: E402

from sightline.errors import ConfigError, ModelError  # noqa: E402
from sightline.optimize.training import fine_tuning  # noqa: E402
from sightline.optimize.training.fine_tuning import FineTuned, FineTuning  # noqa: E402
from sightline.optimize.training.kinds import TrainedVariant, TrainingLength  # noqa: E402
from sightline.optimize.training.randomness import seed  # noqa: E402
from sightline.optimize.training.trainer import VariantTrainer, compression  # noqa: E402

KINDS = (
    TrainedVariant("pruned", 0.3), TrainedVariant("distilled", 0.5), TrainedVariant("sparse", 0.5),
    TrainedVariant("qat"),
)  # fmt: skip


def silent(what: str) -> None:
    """Progress that nobody reads."""


def tuned(
    variant: TrainedVariant, path: Path, steps: int = 12, progress: Callable[[str], None] = silent
) -> FineTuned:
    task = TinyTask()
    made = compression(variant, task, example().numpy())
    return FineTuning(
        task, made, TrainingLength(steps=steps), path, {"variant": variant.name}, progress
    ).run()


@pytest.mark.parametrize("variant", KINDS, ids=lambda variant: variant.kind)
def test_an_interrupted_training_ends_as_if_it_had_not_been(
    variant: TrainedVariant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "SAVED_EVERY_S", 0.0)
    monkeypatch.setattr(fine_tuning, "TOLD_EVERY_S", 0.0)
    whole = tuned(variant, tmp_path / "whole.pt")

    def interrupt(what: str) -> None:
        if what.startswith("step 7,"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuned(variant, tmp_path / "parts.pt", progress=interrupt)
    told: list[str] = []
    resumed = tuned(variant, tmp_path / "parts.pt", progress=told.append)
    assert told[0].startswith("step 7,")  # it was saved after the sixth
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    assert resumed.figures["loss"] == whole.figures["loss"]
    assert resumed.figures["steps"] == 12


class RandomTask(TinyTask):
    """Augments with PyTorch's numbers, NumPy's and Python's own, as training code does, and drops values out."""

    def network(self) -> Any:
        network = super().network()
        network.inner.append(torch.nn.Dropout(0.3))
        return network

    def loss(self, network: Any, batch: Any, teacher: Any) -> Any:
        batch = batch * random.uniform(0.5, 1.5) + 0.1 * torch.randn_like(batch)
        shift = float(np.random.normal(0, 0.1))  # noqa: NPY002 - as training code of others does
        return super().loss(network, batch + shift, teacher)


def test_a_training_with_random_numbers_goes_on_with_the_same_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "TOLD_EVERY_S", 0.0)

    def trained(name: str, progress: Callable[[str], None] = silent) -> FineTuned:
        seed(5)
        task = RandomTask()
        made = compression(KINDS[2], task, example().numpy())
        path = tmp_path / name
        return FineTuning(task, made, TrainingLength(steps=12), path, {}, progress).run()

    whole = trained("whole.pt")

    def press(what: str) -> None:
        if what.startswith("step 7,"):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trained("parts.pt", press)
    resumed = trained("parts.pt")
    assert resumed.figures == whole.figures | {"minutes": resumed.figures["minutes"]}
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_keeps_its_last_step_and_says_how_to_go_on(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "TOLD_EVERY_S", 0.0)
    before = signal.getsignal(number)
    whole = tuned(KINDS[3], tmp_path / "whole.pt")

    def press(what: str) -> None:
        if what.startswith("step 7,"):
            signal.raise_signal(number)

    kept = tmp_path / "parts.pt"
    with pytest.raises(KeyboardInterrupt, match=rf"7 steps are kept in {kept}: the same command"):
        tuned(KINDS[3], kept, progress=press)
    assert signal.getsignal(number) is before
    told: list[str] = []
    resumed = tuned(KINDS[3], kept, progress=told.append)
    assert told[0].startswith("step 8,")
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


@pytest.mark.parametrize(
    ("variant", "moves"), [(KINDS[0], False), (KINDS[1], True), (KINDS[2], False)]
)
def test_only_a_student_has_statistics_of_its_own(
    variant: TrainedVariant, moves: bool, tmp_path: Path
) -> None:
    """Not even while it is found out what channels are worth do those of another network move."""
    layer = tuned(variant, tmp_path / "it.pt").network.first[1]
    assert (layer.running_mean.abs().max() > 0) == moves  # 0 before it was taught


def test_a_student_learns_from_its_teacher(tmp_path: Path) -> None:
    task = TinyTask()
    teacher, batch = task.network().eval(), next(task.batches(0))
    students = [tuned(KINDS[1], tmp_path / f"{steps}.pt", steps).network for steps in (1, 80)]
    with torch.no_grad():
        losses = [float(task.loss(student, batch, teacher)) for student in students]
    assert losses[1] < 0.3 * losses[0]


def test_all_rounds_are_done_in_few_steps(tmp_path: Path) -> None:
    made = tuned(TrainedVariant("sparse", 0.5), tmp_path / "it.pt", steps=1)
    assert made.figures["zeros"] == pytest.approx(0.5, abs=1e-3)


def test_a_checkpoint_of_other_options_is_refused(tmp_path: Path) -> None:
    tuned(KINDS[3], tmp_path / "it.pt", 2)
    with pytest.raises(ConfigError, match=r"it\.pt was left by a training with other options"):
        tuned(KINDS[3], tmp_path / "it.pt", 3)


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "it.pt").write_bytes(b"PK half of it")
    with pytest.raises(ModelError, match=r"it\.pt: no checkpoint"):
        tuned(KINDS[3], tmp_path / "it.pt", 2)


@pytest.mark.parametrize("content", [{"key": "other"}, [1, 2]])
def test_a_checkpoint_of_another_program_is_named(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "it.pt")
    with pytest.raises(ModelError, match=r"it\.pt: no checkpoint of such a training"):
        tuned(KINDS[3], tmp_path / "it.pt", 2)


def test_a_loss_that_is_no_number_ends_it(tmp_path: Path) -> None:
    class Task(TinyTask):
        def loss(self, network: Any, batch: Any, teacher: Any) -> Any:
            return super().loss(network, batch, teacher) / (0.0 if teacher is not None else 1.0)

    task = Task()
    made = compression(KINDS[3], task, example().numpy())
    with pytest.raises(ModelError, match="the loss is not a number"):
        FineTuning(task, made, TrainingLength(steps=3), tmp_path / "it.pt", {}, silent).run()
    assert not list(tmp_path.iterdir())


def test_weights_that_are_no_numbers_are_not_exported(tmp_path: Path) -> None:
    """The loss of the last step is a number, and its gradient is none."""

    class Task(TinyTask):
        def loss(self, network: Any, batch: Any, teacher: Any) -> Any:
            loss = super().loss(network, batch, teacher)
            return loss if teacher is None else loss + (loss * 0).sqrt()

    task = Task()
    made = compression(KINDS[3], task, example().numpy())
    with pytest.raises(ModelError, match="a weight is not a number"):
        FineTuning(task, made, TrainingLength(steps=1), tmp_path / "it.pt", {}, silent).run()
    assert not list(tmp_path.iterdir())


def test_batches_that_end_are_told(tmp_path: Path) -> None:
    class Task(TinyTask):
        def batches(self, first: int) -> Any:
            return itertools.islice(super().batches(first), 2)

    made = compression(KINDS[3], Task(), example().numpy())
    with pytest.raises(ConfigError, match="its batches end before step 2"):
        FineTuning(Task(), made, TrainingLength(steps=3), tmp_path / "it.pt", {}, silent).run()


def test_what_a_task_raises_is_told_with_its_method(tmp_path: Path) -> None:
    class Task(TinyTask):
        def loss(self, network: Any, batch: Any, teacher: Any) -> Any:
            raise KeyError("labels")

    trainer = VariantTrainer(
        Task(), TrainingLength(steps=1), lambda name: tmp_path / name, {}, silent
    )
    with pytest.raises(ConfigError, match="--training: a step fails: KeyError: 'labels'"):
        trainer.graph(KINDS[3], example().numpy())
