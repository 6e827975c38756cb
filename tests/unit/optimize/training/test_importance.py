"""What weights are worth: squared gradients, against those worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from sightline.optimize.training.importance import BATCHES, squared_gradients  # noqa: E402


class Line:
    """Learns y = w x + b by half the squared error; batch i is x = i, y = 0."""

    def batches(self, first: int) -> Iterator[Any]:
        number = first
        while True:
            yield torch.tensor([[float(number)]])
            number += 1

    def loss(self, network: Any, batch: Any, teacher: Any) -> Any:
        return 0.5 * (network(batch) ** 2).sum()


def test_they_are_means_over_batches_and_leave_no_gradients() -> None:
    network: Any = torch.nn.Linear(1, 1)
    with torch.no_grad():
        network.weight.fill_(2.0)
        network.bias.fill_(1.0)
    found = squared_gradients(network, Line())  # type: ignore[arg-type]
    # dL/dw = (w x + b) x, and dL/db = w x + b.
    errors = [2.0 * x + 1 for x in range(BATCHES)]
    worth = sum((e * x) ** 2 for x, e in enumerate(errors)) / BATCHES
    assert float(found["weight"]) == pytest.approx(worth)
    assert float(found["bias"]) == pytest.approx(sum(e**2 for e in errors) / BATCHES)
    assert network.weight.grad is None


def test_what_is_not_taught_is_worth_nothing() -> None:
    network: Any = torch.nn.Linear(1, 1)
    network.bias.requires_grad_(False)
    assert set(squared_gradients(network, Line())) == {"weight"}  # type: ignore[arg-type]
