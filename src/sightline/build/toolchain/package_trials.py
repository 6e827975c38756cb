"""Variants of a model for a machine: run on footage, and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from sightline.build.sources import inputs
from sightline.build.toolchain.package_variants import (
    SMALLER_FILE,
    VariantFamily,
    VariantFile,
    VariantMaker,
    packed_options,
    size_mb,
)
from sightline.errors import ConfigError, EngineError, InferenceError, ModelError
from sightline.types import Frame

if TYPE_CHECKING:
    from sightline.build.toolchain.package_subjects import PackedSubject
    from sightline.deploy.package.targets import Target
    from sightline.deploy.package.trials import PackageTrial

FRAMES, MOST_READ = 16, 500
"""So many frames of the data are looked at, spread over the first so many of them."""


class VariantTrials:
    """Tries variants of a model, from the one that loses least to the one that loses most.

    Args:
        maker: makes them.
        subject: what they are looked at on.
        target: the machine.
        tell: is told what cannot be tried, and why.
    """

    def __init__(
        self,
        maker: VariantMaker,
        subject: PackedSubject,
        target: Target,
        tell: Callable[[str], None],
    ) -> None:
        self._maker, self._subject, self._target, self._tell = maker, subject, target, tell
        self._reference: Sequence[object] = ()

    def __iter__(self) -> Iterator[PackageTrial]:
        """Those of the model itself, and then those that are taught, one network after another.

        Networks that are taught for INT8 are as large and as fast as the model in INT8 is, so they are left
        out where that keeps enough.
        """
        enough = False
        for trial in self._of(self._maker.model_itself()):
            enough |= (
                trial.variant == "int8" and trial.size is None and trial.kept >= self._target.kept
            )
            yield trial
        for family in self._maker.taught(without_qat=enough):
            yield from self._of(family)

    def _of(self, family: VariantFamily) -> Iterator[PackageTrial]:
        made = _smaller_ones(family.files)
        slow: list[VariantFile] = []
        for size in family.sizes:
            kept = 0.0
            for file in made if size is None else slow:
                # With its own input, a variant is made when the ones before have not met the limits.
                trial = self._tried(file, size)
                if trial is not None:
                    yield trial
                    kept = max(kept, trial.kept)
                    if size is None and trial.latency_ms > self._target.latency_ms:
                        slow.append(file)  # what a smaller input helps; no file is smaller for it
            if kept < self._target.kept:
                return  # a still smaller input loses more

    def _tried(self, file: VariantFile, size: int | None) -> PackageTrial | None:
        """A variant with an input of this longer side; None: it cannot be run, which is told.

        Raises ModelError, EngineError, InferenceError: the model itself cannot be run.
        """
        from sightline.deploy.package.trials import PackageTrial

        how = packed_options(file.path, size, self._target)
        try:
            found = self._subject.answers(how)
            latency_ms = self._subject.latency_ms(how)
        except (ModelError, EngineError, InferenceError) as exc:
            if not self._reference:
                raise
            self._tell(f"{file.variant}{f' at {size}' if size else ''}: cannot be run: {exc}")
            return None
        self._reference = self._reference or found
        kept = self._subject.kept(found, self._reference)
        return PackageTrial(
            file.variant, file.path, size, size_mb(file.path), latency_ms, kept, file.in_floats, file.training
        )  # fmt: skip


def _smaller_ones(files: Iterator[VariantFile]) -> Iterator[VariantFile]:
    """Each variant whose files are smaller than those of the one before."""
    least = float("inf")
    for file in files:
        size = size_mb(file.path)
        if size < SMALLER_FILE * least:
            least = size
            yield file


def data_frames(data: str) -> list[Frame]:
    """A few frames of a source. Raises SourceError; ConfigError: it has none."""
    source = inputs([data])[0].source
    source.open()
    taken: list[Frame] = []
    step = 1
    try:
        for number, frame in enumerate(islice(source, MOST_READ)):
            if number % step == 0:
                taken.append(frame)
            if len(taken) == 2 * FRAMES:  # how long it is shows at its end only
                taken, step = taken[::2], 2 * step
    finally:
        source.close()
    if not taken:
        raise ConfigError(f"--data {data}: it has no frames")
    return taken
