"""Variants of a detector for a machine: made, run on footage, and measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from sightline.build.models import detector
from sightline.build.sources import inputs
from sightline.config import EngineOptions, ModelOptions
from sightline.errors import ConfigError
from sightline.protocols import SharedDetector
from sightline.types import Detections, Frame

if TYPE_CHECKING:
    from sightline.deploy.package.targets import Target
    from sightline.deploy.package.trials import PackageTrial
    from sightline.models.card import CardReading

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

    files = _smaller_ones(_variants(reading, target, scratch))
    own = max(reading.card.size)
    sizes: list[int | None] = [None]
    if not reading.card.fixed_size and reading.card.resize != "stretch":
        stride = reading.card.stride
        sizes += [max(stride, int(own * share) // stride * stride) for share in SMALLER]
    reference = found_objects(packed_options(files[0][1], None, target), frames)
    for size in sizes:
        kept = 0.0
        for variant, file in files:
            how = packed_options(file, size, target)
            share = _kept(found_objects(how, frames), reference, reading.card.class_names)
            latency = latency_ms(how, frames[0])
            yield PackageTrial(variant, file, size, size_mb(file), latency, share)
            kept = max(kept, share)
        if kept < target.kept:
            return  # a still smaller input loses more


def _variants(reading: CardReading, target: Target, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Files of the model, in the format that the machine's runtime takes."""
    from sightline.engines.openvino_ import save_ir
    from sightline.models.file import copied
    from sightline.models.model_card import write_card
    from sightline.optimize.half_weights import halve_weights

    card, stem = reading.card, reading.file.path.stem
    graph = copied(reading.file.graph)
    for variant in ("fp32", "fp16"):
        folder = scratch / variant
        folder.mkdir()
        if target.runtime == "openvino":
            file = folder / f"{stem}.xml"
            save_ir(graph.SerializeToString(), file, fp16=variant == "fp16")
        else:
            file = folder / f"{stem}.onnx"
            file.write_bytes(
                halve_weights(graph) if variant == "fp16" else graph.SerializeToString()
            )
        write_card(card, file)
        yield variant, file


def _smaller_ones(files: Iterator[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Each variant whose files are smaller than those of the one before."""
    kept: list[tuple[str, Path]] = []
    for variant, file in files:
        if not kept or size_mb(file) < SMALLER_FILE * size_mb(kept[-1][1]):
            kept.append((variant, file))
    return kept


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
    """The median time of a picture from its pixels to its objects, one after another."""
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
