"""Files of a model's variants for a machine: the model itself, in 16 bits, in INT8, and networks taught for it."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sightline.build.models import build_engine
from sightline.build.toolchain.training import TrainingRequest, begin_training, trainer
from sightline.config import EngineOptions, ModelOptions
from sightline.errors import ConfigError, SightlineError, SinkError
from sightline.models.exporters.metadata import DETECTION_TASKS
from sightline.optimize.training.kinds import trained_variant
from sightline.protocols import Engine

if TYPE_CHECKING:
    from sightline.build.toolchain.package_subjects import PackedSubject
    from sightline.deploy.package.targets import Target
    from sightline.models.card import CardReading
    from sightline.optimize.training.task import TrainingTask
    from sightline.optimize.variants.int8_search import Int8Graph
    from sightline.optimize.variants.optimization import TrainedGraph
    from sightline.optimize.variants.original import Judge, Original, TellProgress

log = logging.getLogger(__name__)

SMALLER = (0.85, 0.75, 0.6, 0.5)
"""Shares of the input's longer side that are tried."""

SMALLER_FILE = 0.95
"""A variant that loses something must be smaller by this factor."""

SEARCH_S = 300.0
"""For the search of layers that stay in floats."""

TAUGHT = "qat,pruned-0.3,distilled-0.5"
"""The trained variants that are tried where nothing else is said, in this order."""


@dataclass(frozen=True)
class VariantFile:
    """A variant's name and file, the layers that it keeps in floats where others compute in INT8, and how it was
    taught (see ``TrainedGraph``)."""

    variant: str
    path: Path
    in_floats: tuple[str, ...] = ()
    training: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class VariantFamily:
    """A network in several precisions, each made when it is asked for, and the inputs that it is tried with.

    Args:
        name: empty: of the model itself.
        sizes: longer sides; None: the model's own.
    """

    name: str
    files: Iterator[VariantFile]
    sizes: Sequence[int | None]


@dataclass(frozen=True)
class PackageTraining:
    """How networks are taught where no other variant meets a machine's limits.

    Args:
        task: the training step.
        request: the options that it was made of.
        variants: names of trained variants, in the order in which they are tried.
        folder: where trainings are kept, to be gone on with.
    """

    task: TrainingTask[Any]
    request: TrainingRequest
    variants: tuple[str, ...]
    folder: Path

    @classmethod
    def begin(cls, request: TrainingRequest, variants: str, folder: Path) -> Self:
        """With the variants of ``qat,pruned-0.3``.

        Raises ConfigError: one of them is none that helps here, a package is missing, or the training step
        cannot be made.
        """
        names = []
        for word in filter(None, map(str.strip, variants.split(","))):
            found = trained_variant(word)
            if found is None or found.kind == "sparse":
                raise ConfigError(
                    f"--training-variants {word}: what makes a package smaller or faster is qat, pruned-SHARE and "
                    "distilled-SHARE"
                )
            names.append(found.name)
        task = begin_training(names, request, "--training-variants")
        if task is None:
            raise ConfigError(f"--training-variants: name one at least, such as {TAUGHT}")
        return cls(task, request, tuple(dict.fromkeys(names)), folder)


class VariantMaker:
    """Makes the files of a model's variants, in the format that a machine's runtime takes.

    Args:
        reading: the model.
        subject: what variants are looked at on.
        target: the machine.
        scratch: a folder for the files.
        stack: closes what was opened.
        training: how networks are taught; None: none is.
        tell: is told what cannot be made, and why.
        progress: is told what is being done.
    """

    def __init__(
        self,
        reading: CardReading,
        subject: PackedSubject,
        target: Target,
        scratch: Path,
        stack: ExitStack,
        training: PackageTraining | None,
        tell: Callable[[str], None],
        progress: TellProgress,
    ) -> None:
        self._reading, self._subject, self._target = reading, subject, target
        self._scratch, self._stack, self._training = scratch, stack, training
        self._tell, self._progress = tell, progress

    def check_training(self) -> None:
        """Raise ConfigError where the training step's network is not the model: asked before long work."""
        if self._training:
            _ = self._train

    def model_itself(self) -> VariantFamily:
        """The model as it is, its weights in 16 bits, and in INT8; with smaller inputs where it takes them."""
        from sightline.models.file import copied

        whole = copied(self._reading.file.graph).SerializeToString()
        return VariantFamily("", self._in_precisions("", whole), [None, *self._smaller_inputs()])

    def taught(self, *, without_qat: bool = False) -> Iterator[VariantFamily]:
        """Networks that are taught one after another, each when the one before has not met the limits.

        Args:
            without_qat: those that are taught for INT8 are left out.

        Raises:
            ConfigError: the training step fails.
            SinkError: a training cannot be kept.
        """
        from sightline.optimize.variants.graphs import load_graph

        for name in self._training.variants if self._training else ():
            if name == "qat" and without_qat:
                self._tell(
                    "qat: not taught: it is as large and as fast as int8, which keeps enough"
                )
                continue
            try:
                made = self._train(name)
            except (ConfigError, SinkError):
                raise
            except SightlineError as exc:
                self._tell(f"{name}: cannot be made: {exc}")
                continue
            sides = load_graph(made.content).graph.input[0].type.tensor_type.shape.dim[2:]
            fixed = any(side.HasField("dim_value") for side in sides)
            if made.rounded:
                files = self._int8(name, made.content, made.figures, corrected=False)
            else:
                files = self._in_precisions(name, made.content, made.figures)
            yield VariantFamily(name, files, [None, *([] if fixed else self._smaller_inputs())])

    @cached_property
    def _train(self) -> Callable[[str], TrainedGraph]:
        """Trains a variant. Raises ConfigError: the training step's network is not the model."""
        training = self._training
        assert training is not None
        original, _ = self._recorded
        place = (training.folder, self._reading.file.path)
        return trainer(training.task, training.request, original, place, self._progress)

    def _smaller_inputs(self) -> list[int]:
        card = self._reading.card
        if card.task not in DETECTION_TASKS or card.fixed_size or card.resize == "stretch":
            return []
        own, stride = max(card.size), card.stride
        return [max(stride, int(own * share) // stride * stride) for share in SMALLER]

    def _in_precisions(
        self, name: str, content: bytes, training: Mapping[str, float] | None = None
    ) -> Iterator[VariantFile]:
        """A graph in 32 bits, 16 bits and INT8, from the one that loses least to the one that loses most."""
        from sightline.optimize.half_weights import halve_weights
        from sightline.optimize.variants.graphs import load_graph

        yield self._written(name or "fp32", content, (), training)
        half = _named(name, "fp16")
        if self._target.runtime == "openvino":
            yield self._written(half, content, (), training, fp16=True)
        else:
            yield self._written(half, halve_weights(load_graph(content)), (), training)
        yield from self._int8(_named(name, "int8"), content, training)

    def _int8(
        self,
        name: str,
        content: bytes,
        training: Mapping[str, float] | None = None,
        *,
        corrected: bool = True,
    ) -> Iterator[VariantFile]:
        if not all(importlib.util.find_spec(package) for package in ("nncf", "onnxslim")):
            log.warning("no variant in INT8 is tried: pip install 'sightline[optimize]'")
            return
        try:
            found = self._in_int8(content, corrected=corrected)
        except (ConfigError, SinkError):
            raise
        except SightlineError as exc:
            self._tell(f"{name}: cannot be made: {exc}")
            return
        floats = [one.layer for one in found.in_floats]
        yield self._written(name, found.content, floats, training)

    def _in_int8(self, content: bytes, *, corrected: bool) -> Int8Graph:
        """The graph in INT8: scales are found on every second picture, and as many layers stay in floats as it
        takes to keep what the machine's limits ask for. The search is that of ``sightline optimize``."""
        from sightline.optimize.variants.graphs import load_graph
        from sightline.optimize.variants.int8_search import Int8Search

        original, judge = self._recorded
        search = Int8Search(
            original, judge, "mean-minmax", SEARCH_S, lambda _: self._target.runtime, self._progress
        )
        return search.run(load_graph(content), corrected=corrected)

    def _written(
        self,
        variant: str,
        content: bytes,
        in_floats: Sequence[str] = (),
        training: Mapping[str, float] | None = None,
        *,
        fp16: bool = False,
    ) -> VariantFile:
        from sightline.engines.openvino_ import save_ir
        from sightline.models.model_card import write_card
        from sightline.whole_files import write_whole

        file = self._scratch / variant / f"{self._reading.file.path.stem}.onnx"
        file.parent.mkdir()
        if self._target.runtime == "openvino":
            file = file.with_suffix(".xml")
            save_ir(content, file, fp16=fp16)
        else:
            write_whole(file, content)
        write_card(self._reading.card, file)
        return VariantFile(variant, file, tuple(in_floats), training or {})

    @cached_property
    def _recorded(self) -> tuple[Original, Judge]:
        """The model with the pictures that its network is given, and what tells what a variant of it keeps."""
        from sightline.optimize.variants.footage import look_at
        from sightline.optimize.variants.gate import Verdict
        from sightline.optimize.variants.graphs import load_graph
        from sightline.optimize.variants.original import Original
        from sightline.optimize.variants.pictures import NetworkPictures

        reading, target = self._reading, self._target
        options = packed_options(reading.file.path, None, target)
        shown = self._stack.enter_context(closing(NetworkPictures()))
        share_kept = self._stack.enter_context(self._subject.recorded(options, shown))
        for doubt in look_at(shown).doubts:
            log.warning("--data: %s", doubt)

        def make_engine(content: bytes, backend: str, precision: str) -> Engine:
            engine = options.engine.model_copy(update={"precision": precision})
            asked = options.model_copy(update={"backend": backend, "engine": engine})
            return build_engine(content, reading.card.normalization, asked, flat=reading.flat)

        def judge(engine: Engine) -> Verdict:
            kept = share_kept(engine)
            return Verdict(kept, "" if kept >= target.kept else f"{kept:.3f} is kept")

        original = Original(
            load_graph(reading.file.content), reading.file.size_bytes, reading.card.normalization,
            (target.runtime,), make_engine, (1, *shown.shape(0)), shown, tuple(range(0, len(shown), 2)),
        )  # fmt: skip
        return original, judge


def _named(network: str, precision: str) -> str:
    return f"{network}-{precision}" if network else precision


def packed_options(file: Path, size: int | None, target: Target) -> ModelOptions:
    """How a machine runs a file of the model."""
    how = EngineOptions(hint="latency", threads=target.threads)
    return ModelOptions(model=str(file), backend=target.runtime, size=size, engine=how)


def size_mb(file: Path) -> float:
    """The size of a model's file with its weights, in 10^6 bytes."""
    weights = file.with_suffix(".bin")
    return (file.stat().st_size + (weights.stat().st_size if weights.exists() else 0)) / 1e6
