"""Variants of a detector for a machine: made, run on footage, and measured."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from sightline.build.models import detector
from sightline.build.sources import inputs
from sightline.config import EngineOptions, ModelOptions
from sightline.errors import ConfigError
from sightline.protocols import SharedDetector
from sightline.types import Detections, Floats, Frame

if TYPE_CHECKING:
    from sightline.deploy.package.targets import Target
    from sightline.deploy.package.trials import PackageTrial
    from sightline.models.card import CardReading

log = logging.getLogger(__name__)

FRAMES, MOST_READ = 16, 500
"""So many frames of the data are looked at, spread over the first so many of them."""

SMALLER = (0.85, 0.75, 0.6, 0.5)
"""Shares of the input's longer side that are tried."""

SMALLER_FILE = 0.95
"""A variant that loses something must be smaller by this factor."""

TIMED_S, WARM_UP_S = 1.0, 3.0


def variant_trials(
    reading: CardReading, frames: Sequence[Frame], target: Target, scratch: Path
) -> Iterator[PackageTrial]:
    """Variants from the one that loses least to the one that loses most."""
    from sightline.deploy.package.trials import PackageTrial

    made = _smaller_ones(_variants(reading, frames, target, scratch))
    files: list[tuple[str, Path]] = []
    own = max(reading.card.size)
    sizes: list[int | None] = [None]
    if not reading.card.fixed_size and reading.card.resize != "stretch":
        stride = reading.card.stride
        sizes += [max(stride, int(own * share) // stride * stride) for share in SMALLER]
    reference: list[Detections] = []
    for size in sizes:
        kept = 0.0
        for variant, file in made if size is None else files:
            if size is None:  # a variant is made when the ones before have not met the limits
                files.append((variant, file))
            how = packed_options(file, size, target)
            found = found_objects(how, frames)
            reference = reference or found
            share = _kept(found, reference, reading.card.class_names)
            yield PackageTrial(
                variant, file, size, size_mb(file), latency_ms(how, frames[0]), share
            )
            kept = max(kept, share)
        if kept < target.kept:
            return  # a still smaller input loses more


def _variants(
    reading: CardReading, frames: Sequence[Frame], target: Target, scratch: Path
) -> Iterator[tuple[str, Path]]:
    """Files of the model, in the format that the machine's runtime takes."""
    from sightline.engines.openvino_ import save_ir
    from sightline.models.file import copied
    from sightline.models.model_card import write_card
    from sightline.optimize.half_weights import halve_weights
    from sightline.whole_files import write_whole

    def written(variant: str, content: bytes) -> tuple[str, Path]:
        file = scratch / variant / f"{reading.file.path.stem}.onnx"
        file.parent.mkdir()
        if target.runtime == "openvino":
            file = file.with_suffix(".xml")
            save_ir(content, file, fp16=variant == "fp16")
        else:
            write_whole(file, content)
        write_card(reading.card, file)
        return variant, file

    graph = copied(reading.file.graph)
    whole = graph.SerializeToString()
    original = written("fp32", whole)
    yield original
    yield written("fp16", whole if target.runtime == "openvino" else halve_weights(graph))
    if all(importlib.util.find_spec(package) for package in ("nncf", "onnxslim")):
        options = packed_options(original[1], None, target)
        yield written("int8", _in_int8(graph, reading, options, frames))
    else:
        log.warning("no variant in INT8 is tried: pip install 'sightline[optimize]'")


def _in_int8(
    graph: Any, reading: CardReading, options: ModelOptions, frames: Sequence[Frame]
) -> bytes:
    """The graph in INT8, with scales found on every second frame."""
    from sightline.optimize.variants.graphs import prepared
    from sightline.optimize.variants.int8 import quantized
    from sightline.optimize.variants.pictures import (
        NetworkPictures,
        RecordingDetector,
        network_input,
    )

    with closing(NetworkPictures()) as shown, closing(detector(options)) as built:
        assert isinstance(built, SharedDetector)
        RecordingDetector(built, shown).submit(frames[::2]).result()

        def pictures() -> Iterator[Floats]:
            for place in range(len(shown)):
                yield network_input(shown[place], reading.card.normalization)

        made = quantized(prepared(graph), pictures, len(shown))
        content: bytes = made.quantized.SerializeToString()
    return content


def _smaller_ones(files: Iterator[tuple[str, Path]]) -> Iterator[tuple[str, Path]]:
    """Each variant whose files are smaller than those of the one before."""
    least = float("inf")
    for variant, file in files:
        if size_mb(file) < SMALLER_FILE * least:
            least = size_mb(file)
            yield variant, file


def packed_options(file: Path, size: int | None, target: Target) -> ModelOptions:
    """How a machine runs a file of the model."""
    how = EngineOptions(hint="latency", threads=target.threads)
    return ModelOptions(model=str(file), backend=target.runtime, size=size, engine=how)


def found_objects(options: ModelOptions, frames: Sequence[Frame]) -> list[Detections]:
    """All that a model finds in frames, down to very low scores."""
    with closing(detector(options.model_copy(update={"conf": 0.05}))) as built:
        return [built.submit([frame]).result()[0] for frame in frames]


def _kept(
    found: Sequence[Detections], reference: Sequence[Detections], names: Sequence[str]
) -> float:
    """The share of the reference's sure objects that are found. Raises ConfigError: there are none."""
    from sightline.evaluation.agreement import score_agreement

    scores = score_agreement(found, reference, names)
    if not scores.count:
        raise ConfigError(
            "--data: the model is sure of nothing in it, so that nothing tells what variants lose: give "
            "footage with objects of its classes"
        )
    return scores.recall


def latency_ms(options: ModelOptions, frame: Frame) -> float:
    """The median time of one inference of a picture, one after another."""
    from sightline.optimize.benchmarks.timing import TimedRuns

    with closing(detector(options)) as built:
        assert isinstance(built, SharedDetector)
        (engine,), (shape,) = built.engines, built.batches((frame.width, frame.height))
        runs = TimedRuns(engine, shape)
        runs.warm_up(WARM_UP_S)
        return median(runs.latencies_ms(TIMED_S))


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
