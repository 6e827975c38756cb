"""The ways to run a model that are measured one beside the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sightline.protocols import Engine

Hint: TypeAlias = Literal["latency", "throughput"]


@dataclass(frozen=True)
class EngineSetup:
    """One way to run a model.

    Args:
        backend: a key of ``tables.ENGINES``, or ``auto``.
        precision: as of ``EngineOptions``.
        size: the input (width, height); None: the model's own.
        batch: pictures in an inference.
        threads: processor threads; 0: all cores.
    """

    backend: str = "auto"
    precision: str = "auto"
    size: tuple[int, int] | None = None
    batch: int = 1
    threads: int = 0

    def __str__(self) -> str:
        size = f"{self.size[0]}×{self.size[1]}, " if self.size else ""
        threads = f", {self.threads} threads" if self.threads else ""
        return f"{self.backend} {self.precision}, {size}batch {self.batch}{threads}"


MakeEngine: TypeAlias = Callable[[EngineSetup, Hint], tuple[Engine, tuple[int, int]]]
"""Makes the engine of a setup, for one inference as fast as can be or for many side by side. Also says
which input (width, height) it is measured with. It is called in another process, so it can be pickled.

Raises ModelError, EngineError: this setup cannot run.
"""


def grid(
    backends: Sequence[str],
    precisions: Sequence[str],
    sizes: Sequence[tuple[int, int] | None],
    batches: Sequence[int],
    threads: Sequence[int],
) -> list[EngineSetup]:
    """All combinations."""
    return [
        EngineSetup(*each)
        for each in itertools.product(backends, precisions, sizes, batches, threads)
    ]
