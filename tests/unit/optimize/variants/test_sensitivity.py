"""How far outputs are from the wanted ones."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.optimize.variants.sensitivity import output_error


def test_equal_outputs_have_no_error() -> None:
    outputs = [[np.random.default_rng(0).random((1, 6, 50), np.float32)]]
    assert output_error(outputs, outputs) == 0


def test_each_channel_counts_by_its_own_spread() -> None:
    """An error of 1 is little for boxes in pixels and all for scores up to 1."""
    rng = np.random.default_rng(0)
    wanted = rng.random((1, 2, 4000)) * np.array([[[1000.0], [1.0]]])
    boxes, scores = wanted.copy(), wanted.copy()
    boxes[:, 0] += 0.1
    scores[:, 1] += 0.1
    assert output_error([[boxes]], [[wanted]]) < 0.001
    assert output_error([[scores]], [[wanted]]) == pytest.approx(
        0.1 / wanted[0, 1].std() / 2, rel=0.01
    )


def test_channels_may_be_last() -> None:
    rng = np.random.default_rng(0)
    wanted = rng.random((1, 4, 300))
    outputs = wanted + 0.01
    there = output_error([[outputs]], [[wanted]])
    turned = output_error([[outputs.transpose(0, 2, 1)]], [[wanted.transpose(0, 2, 1)]])
    assert there == pytest.approx(turned)


def test_a_channel_that_never_moves_does_not_count() -> None:
    wanted = np.zeros((1, 2, 100))
    wanted[0, 0] = np.linspace(0, 1, 100)
    outputs = wanted.copy()
    outputs[0, 1] = 5
    assert output_error([[outputs]], [[wanted]]) == 0
