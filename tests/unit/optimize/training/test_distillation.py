"""A student that is taught by the network it was made of."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("torch_pruning", reason="torch-pruning is not installed")

from tests.unit.optimize.training.tiny_task import TinyNetwork, TinyTask, example  # noqa: E402

from sightline.optimize.training.distillation import Distillation  # noqa: E402


def widths(network: TinyNetwork) -> tuple[int, int, int, int]:
    """Channels that the layers give out."""
    layers = (network.first[0], network.inner[0], network.back, network.head)
    return tuple(layer.weight.shape[0] for layer in layers)  # type: ignore[return-value]


def test_a_student_has_its_share_of_each_layer() -> None:
    network = TinyTask().network()
    Distillation(TinyTask(), example(), 0.5).apply(network, 0)
    assert widths(network) == (4, 8, 4, 5)
