"""Networks that compute with rounded numbers while they are taught."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torch_pruning", reason="torch-pruning is not installed")

from tests.unit.optimize.training.tiny_task import TinyTask, example  # noqa: E402

from sightline.optimize.training.qat import (  # noqa: E402
    QuantizationAwareTraining,
    RoundedValues,
    RoundedWeights,
)


def test_weights_are_rounded_by_the_scale_of_their_channel() -> None:
    weights = torch.tensor([[1.27, 0.504, -0.016], [-12.7, 0.04, 0.16]])
    rounded = RoundedWeights(0)(weights)
    assert torch.allclose(rounded, torch.tensor([[1.27, 0.5, -0.02], [-12.7, 0.0, 0.2]]))


def test_values_are_rounded_to_256_steps_of_their_range() -> None:
    rounding = RoundedValues().train()
    values = torch.linspace(0, 51, 400).reshape(1, 400).requires_grad_()
    rounded = rounding(values)
    assert len(rounded.unique()) == 256
    assert (rounded - values).abs().max() <= 0.1 + 1e-6
    rounded.sum().backward()
    assert values.grad is not None
    assert (values.grad == 1).all()
    assert rounding.eval()(torch.tensor([[90.0]])) == pytest.approx(51)


def test_what_is_left_has_floats_that_find_the_same_when_rounded() -> None:
    network, qat = TinyTask().network(), QuantizationAwareTraining()
    names = set(network.state_dict())
    plain = network.eval()(example())
    qat.apply(network, 0)
    network.train()(example())
    moved = copy.deepcopy(network)
    rounded = moved.eval()(example())
    assert 0 < (rounded - plain).abs().max() < 0.05
    qat.remove(moved)
    assert set(moved.state_dict()) == names
    assert (moved(example()) - rounded).abs().max() < 0.05
    assert qat.figures(moved) == {"layers": 4}
