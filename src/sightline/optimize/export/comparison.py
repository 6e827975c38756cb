"""A model in two formats on the same pictures: how far apart their outputs are, and where.

The distance of two elements is |a - b| / (1 + |b|): relative for large values, absolute for small
ones.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sightline.errors import EngineError, ModelError, SourceError
from sightline.optimize.export.request import DynamicSide, Runner
from sightline.types import Floats, Frame, Pixels

EVERY = 5
"""Each so many-th frame of a video is taken."""

BATCHES = 4
"""So many inputs are compared."""

_FAILED_LAYER = re.compile(r"running (\w+) node\. Name:'([^']+)'")
"""What ONNX Runtime says of the layer that failed."""


@dataclass(frozen=True)
class Difference:
    """The element of an output that two models disagree most on.

    Args:
        output: the output's name.
        place: the element's index.
        shape: that of the input, (N, H, W).
        was, became: its values.
        distance: |a - b| / (1 + |b|); infinite where one of them is no finite number.
    """

    output: str
    place: tuple[int, ...]
    shape: tuple[int, int, int]
    was: float
    became: float
    distance: float

    def __str__(self) -> str:
        n, height, width = self.shape
        place = ", ".join(map(str, self.place))
        return (
            f"{self.output}[{place}] is {self.became:.6g} and was {self.was:.6g}, for an input of "
            f"{n}×{width}×{height}: a distance of {self.distance:.3g}"
        )

    def as_figures(self) -> dict[str, Any]:
        """For a card's history."""
        return {**asdict(self), "place": list(self.place), "shape": list(self.shape)}


def shapes(
    size: tuple[int, int], batch: int, dynamic: frozenset[DynamicSide], stride: int
) -> list[tuple[int, int, int]]:
    """The inputs (N, H, W) that are compared: the native one, and others where they are dynamic."""
    width, height = size
    several = (3, 2) if "batch" in dynamic else (batch, batch)
    others = [(width, height)] * 2
    if "size" in dynamic:
        others = [(width + stride, height), (max(stride, width - stride), height + stride)]
    found = [(1 if "batch" in dynamic else batch, height, width)]
    found += [(n, h, w) for n, (w, h) in zip(several, others, strict=True)]
    return list(dict.fromkeys(found))


def pictures(
    frames: Iterable[Frame], inputs: Sequence[tuple[int, int, int]], order: str
) -> list[Pixels]:
    """Batches of real pixels (N, H, W, 3) for these inputs, at least ``BATCHES`` of them.

    Raises SourceError: there are no frames.
    """
    wanted = list(inputs)
    wanted += [inputs[0]] * max(0, BATCHES - len(wanted))
    taken = list(itertools.islice(frames, 0, EVERY * sum(n for n, _, _ in wanted), EVERY))
    if not taken:
        raise SourceError("the data has no frame to compare the models on")
    each = itertools.cycle(taken)
    batches = []
    for n, height, width in wanted:
        batch = np.empty((n, height, width, 3), np.uint8)
        for row in batch:
            next(each).scaled(width, height, "rgb" if order == "rgb" else "bgr", row)
        batches.append(batch)
    return batches


def compare(reference: Runner, other: Runner, batches: Iterable[Pixels]) -> Difference:
    """The greatest difference of two models over these batches.

    Raises:
        ModelError: the reference answers with no finite numbers, or the outputs are not as many or
            not of the same shapes.
    """
    worst: Difference | None = None
    for number, batch in enumerate(batches):
        was = reference(batch)
        try:
            became = other(batch)
        except EngineError as exc:
            raise _failure(exc, batch, first=number == 0) from exc
        if len(was) != len(became):
            raise ModelError(
                f"the new model has {len(became)} outputs, and the model has {len(was)}"
            )
        for (name, before), (_, after) in zip(was, became, strict=True):
            found = _difference(name, before, after, batch.shape[:3])
            if worst is None or found.distance > worst.distance:
                worst = found
    if worst is None:
        raise ModelError("there is nothing to compare: the model has no outputs")
    return worst


def _failure(error: EngineError, batch: Pixels, *, first: bool) -> ModelError:
    """What to raise where the new model fails: with the layer, and what may help where it runs on another input."""
    n, height, width = batch.shape[:3]
    layer = _FAILED_LAYER.search(str(error))
    why = f"its layer {layer[2]} ({layer[1]}) fails" if layer else str(error)
    remedy = (
        ""
        if first
        else ", and it does on others: something in it has one size, so fix the input with --dynamic batch or none"
    )
    return ModelError(
        f"the new model does not run on an input of {n}×{width}×{height}: {why}{remedy}"
    )


def _difference(
    name: str, before: Floats, after: Floats, shape: tuple[int, int, int]
) -> Difference:
    n, height, width = shape
    if not np.isfinite(before).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(before))[0])
        raise ModelError(
            f"the model itself answers with {before[place]} in {name}{list(place)}, for an input of "
            f"{n}×{width}×{height}: nothing can be compared with that"
        )
    if before.shape != after.shape:
        raise ModelError(
            f"the output {name} has the shape {after.shape} now, and had "
            f"{before.shape}, for an input of {n}×{width}×{height}"
        )
    if not before.size:
        return Difference(name, (), shape, 0.0, 0.0, 0.0)
    distance = np.abs(after - before) / (1 + np.abs(before))
    distance[~np.isfinite(after)] = np.inf
    place = tuple(int(i) for i in np.unravel_index(int(distance.argmax()), distance.shape))
    return Difference(
        name, place, shape, float(before[place]), float(after[place]), float(distance[place])
    )
