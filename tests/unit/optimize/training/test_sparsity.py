"""Networks of which a share of the weights is zero."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torch_pruning", reason="torch-pruning is not installed")

from tests.unit.optimize.training.tiny_task import TinyTask  # noqa: E402

from sightline.optimize.training.sparsity import WeightPruning  # noqa: E402


def test_a_share_of_the_weights_becomes_zero_and_stays_so() -> None:
    network, sparse = TinyTask().network(), WeightPruning(TinyTask(), 0.6)
    for number in range(sparse.rounds):
        sparse.apply(network, number)
    assert sparse.figures(network)["zeros"] == pytest.approx(0.6, abs=1e-3)
    loss = TinyTask().loss(network.train(), next(TinyTask().batches(0)), None)
    loss.backward()
    torch.optim.SGD(network.parameters(), 0.1).step()
    sparse.remove(network)
    assert sparse.figures(network)["zeros"] == pytest.approx(0.6, abs=1e-3)
    assert set(network.state_dict()) == set(TinyTask().network().state_dict())


def test_weights_that_matter_are_kept() -> None:
    network = TinyTask().network()
    with torch.no_grad():
        network.back.weight[:, 3] = 0  # so that nothing reads this channel
    sparse = WeightPruning(TinyTask(), 0.1)
    for number in range(sparse.rounds):
        sparse.apply(network, number)
    assert (network.inner[0].weight[3] == 0).all()
