"""Which layers a model can least afford to compute in INT8."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.optimize.variants.int8 import QuantizedGraph
from sightline.types import Floats

Run = Callable[[bytes], list[list[Floats]]]
"""Runs a serialised model on some pictures: the outputs for each of them."""


@dataclass(frozen=True)
class LayerError:
    """How far the outputs move when one layer alone computes in INT8.

    ``error`` is the root mean square of the difference relative to the outputs' own spread, the
    mean over their channels.
    """

    layer: str
    operator: str
    error: float


def layer_errors(
    graph: QuantizedGraph,
    run: Run,
    deadline: float,
    told: Callable[[int, int], None],
) -> list[LayerError]:
    """The error of each layer alone, the largest first.

    Layers are tried from the outputs to the input, so that the heads are known when the time is over:
    they are the usual cause.

    Args:
        graph: the model in INT8.
        run: how models are run, on few pictures.
        deadline: ``time.monotonic()`` at which no further layer is tried.
        told: is called with how many layers were tried, and how many there are.
    """
    wanted = run(graph.floats.SerializeToString())
    found = []
    layers = graph.layers[::-1]
    for number, layer in enumerate(layers):
        if time.monotonic() > deadline:
            break
        others = [name for name in layers if name != layer]
        outputs = run(graph.with_floats(others).SerializeToString())
        found.append(LayerError(layer, graph.operator(layer), output_error(outputs, wanted)))
        told(number + 1, len(layers))
    return sorted(found, key=lambda one: -one.error)


def output_error(outputs: Sequence[Sequence[Floats]], wanted: Sequence[Sequence[Floats]]) -> float:
    """How far outputs are from the wanted ones, see ``LayerError``. 0: they are the same."""
    errors = []
    for number in range(len(wanted[0])):
        ours = np.concatenate([_by_channel(picture[number]) for picture in outputs], axis=1)
        theirs = np.concatenate([_by_channel(picture[number]) for picture in wanted], axis=1)
        apart = np.sqrt(np.mean((ours - theirs) ** 2, axis=1))
        spread = theirs.std(axis=1)
        moves = spread > 0
        errors.append(float(np.mean(apart[moves] / spread[moves])) if moves.any() else 0.0)
    return float(np.mean(errors))


def _by_channel(output: Floats) -> NDArray[np.float64]:
    """An output as (channels, values): the shorter of its last two axes are the channels."""
    values = output.astype(np.float64)
    if values.ndim < 2:
        return values.reshape(1, -1)
    values = values.reshape(-1, *values.shape[-2:]) if values.ndim > 2 else values[None]
    if values.shape[1] > values.shape[2]:
        values = values.transpose(0, 2, 1)
    return np.ascontiguousarray(values.transpose(1, 0, 2).reshape(values.shape[1], -1))
