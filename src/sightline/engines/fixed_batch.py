"""A model that takes a certain number of pictures only, and is given fewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TypeVar

from sightline.engines.wrapper import EngineWrapper
from sightline.errors import ModelError
from sightline.protocols import Engine
from sightline.types import EngineInfo, Floats, Pixels, TensorSpec

T = TypeVar("T")


class FixedBatch(EngineWrapper):
    """Fills up each batch with black pictures, and hands on the outputs of the others.

    Outside it looks like an engine that takes any batch up to ``size``, so that a scheduler joins the
    pictures of several streams. Where the outputs have no row for each picture it takes pictures one
    at a time, which nothing can join.

    Args:
        engine: takes batches of ``size`` pictures; closed with this one.
        size: of each batch that the engine runs.
        rows: each output has a row for each picture.
    """

    def __init__(self, engine: Engine, size: int, *, rows: bool) -> None:
        super().__init__(engine)
        self._size, self._rows = size, rows
        info, batch = engine.info, None if rows else 1
        outputs = tuple(_batch_of(o, None) for o in info.outputs) if rows else info.outputs
        self._info = replace(info, input=_batch_of(info.input, batch), outputs=outputs)

    @property
    def info(self) -> EngineInfo:
        """The wrapped engine's, with a batch of any size."""
        return self._info

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``: one batch (N, H, W); the future has what ``read`` returned.

        Other sizes than the graph's are filled up or cut into several runs.
        """
        pictures, *sides = shape
        if pictures == self._size:
            return self.engine.submit(shape, fill, read)
        if pictures > self._size:
            raise ModelError(f"the model takes {self._size} pictures at a time, not {pictures}")

        def filled(batch: Pixels) -> None:
            fill(batch[:pictures])
            batch[pictures:] = 0

        def cut(outputs: Sequence[Floats]) -> T:
            return read([o[:pictures] for o in outputs] if self._rows else outputs)

        return self.engine.submit((self._size, sides[0], sides[1]), filled, cut)


def _batch_of(tensor: TensorSpec, pictures: int | None) -> TensorSpec:
    """The same tensor with another first side."""
    return replace(tensor, shape=(pictures, *tensor.shape[1:]))
