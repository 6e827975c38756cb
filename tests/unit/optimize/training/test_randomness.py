"""Random numbers of a training begin and go on as they should, in every generator."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sightline.optimize.training.randomness import (  # noqa: E402
    random_state,
    restore_random_state,
    seed,
)


def drawn() -> tuple[Any, ...]:
    return (
        torch.rand(3).tolist(), np.random.rand(3).tolist(), float(np.random.randn()),  # noqa: NPY002
        [random.random() for _ in range(3)], random.gauss(0, 1),
    )  # fmt: skip


@pytest.mark.parametrize("number", [0, 7, 2**32 - 1])
def test_a_seed_begins_with_the_same_numbers(number: int) -> None:
    seed(number)
    first = drawn()
    assert drawn() != first
    seed(number)
    assert drawn() == first
    seed(number ^ 1)
    assert drawn() != first


def test_a_state_goes_on_where_it_was_through_a_checkpoint() -> None:
    seed(3)
    drawn()
    np.random.randn()  # noqa: NPY002 - half of a pair of Gaussians is kept for the next call
    file = io.BytesIO()
    torch.save(random_state(), file)
    expected = drawn()
    seed(99)
    file.seek(0)
    restore_random_state(torch.load(file, weights_only=True))
    assert drawn() == expected


def test_states_of_devices_that_are_not_here_say_nothing() -> None:
    seed(3)
    state = random_state()
    expected = drawn()
    restore_random_state({**state, "cuda": [torch.get_rng_state()] * 3})
    assert drawn() == expected
