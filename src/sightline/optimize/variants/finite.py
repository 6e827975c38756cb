"""Models whose outputs are no numbers (NaN, infinite), found where they are compared with others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

import numpy as np

from sightline.engines.wrapper import EngineWrapper
from sightline.errors import InferenceError
from sightline.types import Floats, Pixels

T = TypeVar("T")


class FiniteEngine(EngineWrapper):
    """An engine that looks at what it gives: its futures raise InferenceError where that is not finite."""

    def submit(
        self,
        shape: tuple[int, int, int],
        fill: Callable[[Pixels], None],
        read: Callable[[Sequence[Floats]], T],
    ) -> Future[T]:
        """See ``Engine.submit``."""

        def checked_read(outputs: Sequence[Floats]) -> T:
            check_finite(outputs, self.info.outputs)
            return read(outputs)

        return self.engine.submit(shape, fill, checked_read)


def check_finite(outputs: Sequence[Floats], specs: Sequence[object]) -> None:
    """Raise InferenceError, which names the output, where one is NaN or infinite."""
    for number, output in enumerate(outputs):
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            name = getattr(specs[number], "name", None) if number < len(specs) else None
            raise InferenceError(
                f"output {name or number} of the model is not a number (NaN) or infinite for this "
                "footage: it cannot be compared with anything. Try it in FP32, or export it again"
            )
