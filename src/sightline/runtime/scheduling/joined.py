"""Several items as one job of an engine: one input filled in parts, one output read in parts."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sightline.errors import InferenceError
from sightline.runtime.scheduling.executions import Execution
from sightline.runtime.scheduling.items import Item
from sightline.types import Floats, Pixels


class NotABatch(InferenceError):
    """An output has no row for each picture, so that items of this model cannot be joined."""


class JoinedJob:
    """The ``fill`` and ``read`` of a batch of items.

    What the ``fill`` or ``read`` of one item raises is that item's own failure; the others go on.
    Both may be called again, by an engine that tries another one.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._pictures = sum(item.pictures for item in items)
        watched = any(item.terms.watch is not None for item in items)
        self._execution = Execution(self._pictures) if watched else None

    def fill(self, pixels: Pixels) -> None:
        """Fill an input (N, H, W, C). Raises the first failure where no item could be filled."""
        if self._execution is not None:
            self._execution.begun = time.perf_counter_ns()
        at, good = 0, False
        for item in self._items:
            part = pixels[at : at + item.pictures]
            at += item.pictures
            item.error = None
            if item.gone:
                continue
            try:
                item.fill(part)
                good = True
            except BaseException as exc:  # noqa: BLE001 - any error is this item's outcome
                item.error = exc
                part[...] = 0
        errors = [item.error for item in self._items if item.error is not None]
        if errors and not good:
            raise errors[0]
        if self._execution is not None:
            self._execution.filled = time.perf_counter_ns()

    def read(self, outputs: Sequence[Floats]) -> None:
        """Hand each item its rows. Raises NotABatch."""
        if self._execution is not None:
            self._execution.inferred = time.perf_counter_ns()
        if len(self._items) > 1:
            check_rows(outputs, self._pictures)
        at = 0
        for item in self._items:
            rows = slice(at, at + item.pictures)
            at += item.pictures
            if item.gone or item.error is not None:
                continue
            try:
                alone = len(self._items) == 1
                item.result = item.read(outputs if alone else [o[rows] for o in outputs])
            except BaseException as exc:  # noqa: BLE001 - any error is this item's outcome
                item.error = exc
        if self._execution is not None:
            self._tell(self._execution)

    def _tell(self, execution: Execution) -> None:
        execution.done = time.perf_counter_ns()
        for item in self._items:
            if item.terms.watch is not None and item.error is None and not item.gone:
                item.terms.watch.executions.append(execution)


def check_rows(outputs: Sequence[Floats], pictures: int) -> None:
    """Raises NotABatch where an output has not one row for each picture."""
    for output in outputs:
        if output.ndim == 0 or len(output) != pictures:
            raise NotABatch(
                f"an output of shape {output.shape} has not one row for each of {pictures} pictures"
            )
