"""Channels of a network: which may go, what they cost, and shapes without them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torch_pruning", reason="torch-pruning is not installed")

from tests.unit.optimize.training.tiny_task import TinyTask, example  # noqa: E402

from sightline.optimize.training.channels import fit_shapes, layer_costs, removable  # noqa: E402
from sightline.optimize.training.distillation import Distillation  # noqa: E402

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def test_outputs_keep_their_channels() -> None:
    found = removable(TinyTask().network(), example())
    assert len(found) == 2  # the inner ones, and those that are added
    assert "inner.0" in found
    assert "head" not in found


def test_multiplications_of_layers() -> None:
    costs = layer_costs(TinyTask().network(), example())
    assert costs == {
        "first.0": 8 * 8 * 8 * 27, "inner.0": 64 * 16 * 72, "back": 64 * 8 * 144, "head": 64 * 5 * 8,
    }  # fmt: skip


def test_a_whole_network_takes_the_shapes_of_a_pruned_one() -> None:
    pruned, fresh = TinyTask().network(), TinyTask().network()
    Distillation(TinyTask(), example(), 0.25).apply(pruned, 0)
    fit_shapes(fresh, pruned.state_dict())
    fresh.load_state_dict(pruned.state_dict())
    assert torch.equal(fresh.eval()(example()), pruned.eval()(example()))
    assert (fresh.first[0].out_channels, fresh.inner[0].in_channels) == (2, 2)
