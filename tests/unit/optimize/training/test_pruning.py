"""Channels that are removed: which, from where, and what is left."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torch_pruning", reason="torch-pruning is not installed")

from tests.unit.optimize.training.tiny_task import TinyNetwork, TinyTask, example  # noqa: E402

from sightline.errors import ModelError  # noqa: E402
from sightline.optimize.training.distillation import Distillation  # noqa: E402
from sightline.optimize.training.pruning import ChannelPruning  # noqa: E402


def widths(network: TinyNetwork) -> tuple[int, int, int, int]:
    """Channels that the layers give out."""
    layers = (network.first[0], network.inner[0], network.back, network.head)
    return tuple(layer.weight.shape[0] for layer in layers)  # type: ignore[return-value]


def test_channels_that_are_added_go_together() -> None:
    network = TinyTask().network()
    pruning = ChannelPruning(TinyTask(), example(), 0.5, block=2)
    for number in range(pruning.rounds):
        pruning.apply(network, number)
    first, inner, back, head = widths(network)
    assert first == back
    assert head == 5
    assert first + inner == 12
    assert first % 2 == inner % 2 == 0
    assert network.eval()(example()).shape == (1, 5, 64)
    assert pruning.figures(network)["channels"] == 0.5
    assert pruning.figures(network)["multiplications"] < 0.6


def test_a_channel_that_does_nothing_is_removed_first() -> None:
    network = TinyTask().network()
    idle = [1, 4, 9, 12]
    kept = [number for number in range(16) if number not in idle]
    with torch.no_grad():
        network.back.weight[:, idle] = 0
    before = network.inner[0].weight[kept].clone()
    wanted = network.eval()(example())
    pruning = ChannelPruning(TinyTask(), example(), 4 / 24, block=4)
    pruning.apply(network, pruning.rounds - 1)
    assert torch.equal(network.inner[0].weight, before)
    assert torch.allclose(network.eval()(example()), wanted, atol=1e-6)


def test_a_block_remains_of_each_layer() -> None:
    network = TinyTask().network()
    pruning = ChannelPruning(TinyTask(), example(), 0.99, block=4)
    pruning.apply(network, pruning.rounds - 1)
    assert widths(network) == (4, 4, 4, 5)


def test_a_network_without_inner_channels_is_refused() -> None:
    class Task(TinyTask):
        def network(self) -> torch.nn.Module:
            return torch.nn.Conv2d(3, 5, 1)

    with pytest.raises(ModelError, match="no channel of the network can be removed"):
        Distillation(Task(), example(), 0.5).apply(Task().network(), 0)
