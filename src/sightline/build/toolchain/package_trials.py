"""Variants of a model for a machine: made, run on footage, and measured."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.build.models import build_engine
from sightline.build.sources import inputs
from sightline.config import EngineOptions, ModelOptions
from sightline.errors import ConfigError
from sightline.models.exporters.metadata import DETECTION_TASKS
from sightline.protocols import Engine
from sightline.types import Frame

if TYPE_CHECKING:
    from sightline.build.toolchain.package_subjects import PackedSubject
    from sightline.deploy.package.targets import Target
    from sightline.deploy.package.trials import PackageTrial
    from sightline.models.card import CardReading
    from sightline.optimize.variants.int8_search import Int8Graph

log = logging.getLogger(__name__)

FRAMES, MOST_READ = 16, 500
"""So many frames of the data are looked at, spread over the first so many of them."""

SMALLER = (0.85, 0.75, 0.6, 0.5)
"""Shares of the input's longer side that are tried."""

SMALLER_FILE = 0.95
"""A variant that loses something must be smaller by this factor."""

SEARCH_S = 300.0
"""For the search of layers that stay in floats."""


@dataclass(frozen=True)
class _VariantFile:
    """A variant's name and file, and the layers that it keeps in floats where others compute in INT8."""

    variant: str
    path: Path
    in_floats: tuple[str, ...] = ()


def variant_trials(
    reading: CardReading, subject: PackedSubject, target: Target, scratch: Path
) -> Iterator[PackageTrial]:
    """Variants from the one that loses least to the one that loses most."""
    from sightline.deploy.package.trials import PackageTrial

    made = _smaller_ones(_variants(reading, subject, target, scratch))
    files: list[_VariantFile] = []
    own = max(reading.card.size)
    sizes: list[int | None] = [None]
    detects = reading.card.task in DETECTION_TASKS
    if detects and not reading.card.fixed_size and reading.card.resize != "stretch":
        stride = reading.card.stride
        sizes += [max(stride, int(own * share) // stride * stride) for share in SMALLER]
    reference: Sequence[Any] = ()
    for size in sizes:
        kept = 0.0
        for file in made if size is None else files:
            if size is None:  # a variant is made when the ones before have not met the limits
                files.append(file)
            how = packed_options(file.path, size, target)
            found = subject.answers(how)
            reference = reference or found
            share = subject.kept(found, reference)
            yield PackageTrial(
                file.variant, file.path, size, size_mb(file.path), subject.latency_ms(how), share,
                file.in_floats,
            )  # fmt: skip
            kept = max(kept, share)
        if kept < target.kept:
            return  # a still smaller input loses more


def _variants(
    reading: CardReading, subject: PackedSubject, target: Target, scratch: Path
) -> Iterator[_VariantFile]:
    """Files of the model, in the format that the machine's runtime takes."""
    from sightline.engines.openvino_ import save_ir
    from sightline.models.file import copied
    from sightline.models.model_card import write_card
    from sightline.optimize.half_weights import halve_weights
    from sightline.whole_files import write_whole

    def written(variant: str, content: bytes, in_floats: Sequence[str] = ()) -> _VariantFile:
        file = scratch / variant / f"{reading.file.path.stem}.onnx"
        file.parent.mkdir()
        if target.runtime == "openvino":
            file = file.with_suffix(".xml")
            save_ir(content, file, fp16=variant == "fp16")
        else:
            write_whole(file, content)
        write_card(reading.card, file)
        return _VariantFile(variant, file, tuple(in_floats))

    graph = copied(reading.file.graph)
    whole = graph.SerializeToString()
    original = written("fp32", whole)
    yield original
    yield written("fp16", whole if target.runtime == "openvino" else halve_weights(graph))
    if all(importlib.util.find_spec(package) for package in ("nncf", "onnxslim")):
        options = packed_options(original.path, None, target)
        found = _in_int8(reading, options, subject, target)
        yield written("int8", found.content, [one.layer for one in found.in_floats])
    else:
        log.warning("no variant in INT8 is tried: pip install 'sightline[optimize]'")


def _in_int8(
    reading: CardReading, options: ModelOptions, subject: PackedSubject, target: Target
) -> Int8Graph:
    """The graph in INT8: scales are found on every second picture, and as many layers stay in floats as it takes
    to keep what the machine's limits ask for. The search is that of ``sightline optimize``."""
    from sightline.optimize.variants.gate import Verdict
    from sightline.optimize.variants.graphs import load_graph
    from sightline.optimize.variants.int8_search import Int8Search
    from sightline.optimize.variants.original import Original
    from sightline.optimize.variants.pictures import NetworkPictures

    def make_engine(content: bytes, backend: str, precision: str) -> Engine:
        engine = options.engine.model_copy(update={"precision": precision})
        asked = options.model_copy(update={"backend": backend, "engine": engine})
        return build_engine(content, reading.card.normalization, asked, flat=reading.flat)

    with closing(NetworkPictures()) as shown, subject.recorded(options, shown) as share_kept:

        def judge(engine: Engine) -> Verdict:
            kept = share_kept(engine)
            return Verdict(kept, "" if kept >= target.kept else f"{kept:.3f} is kept")

        original = Original(
            load_graph(reading.file.content), reading.file.size_bytes, reading.card.normalization,
            (target.runtime,), make_engine, (1, *shown.shape(0)), shown, tuple(range(0, len(shown), 2)),
        )  # fmt: skip
        search = Int8Search(
            original, judge, "mean-minmax", SEARCH_S, lambda _: target.runtime, log.info
        )
        return search.run(original.graph)


def _smaller_ones(files: Iterator[_VariantFile]) -> Iterator[_VariantFile]:
    """Each variant whose files are smaller than those of the one before."""
    least = float("inf")
    for file in files:
        size = size_mb(file.path)
        if size < SMALLER_FILE * least:
            least = size
            yield file


def packed_options(file: Path, size: int | None, target: Target) -> ModelOptions:
    """How a machine runs a file of the model."""
    how = EngineOptions(hint="latency", threads=target.threads)
    return ModelOptions(model=str(file), backend=target.runtime, size=size, engine=how)


def size_mb(file: Path) -> float:
    """Of a model's file, with its weights."""
    weights = file.with_suffix(".bin")
    return (file.stat().st_size + (weights.stat().st_size if weights.exists() else 0)) / 1e6


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
