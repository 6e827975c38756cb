"""The accuracy of a model on a source without labels, from options to an estimate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TypeVar

from sightline.build.model_files import model_identity
from sightline.build.models import detector as make_detector
from sightline.build.monitoring.sampling import only_input
from sightline.build.pipeline import pipeline
from sightline.config import (
    EnsembleModelOptions,
    ModelOptions,
    SharedModelOptions,
    TiledModelOptions,
)
from sightline.errors import ConfigError
from sightline.evaluation.estimation.accuracy import AccuracyEstimate, estimate_accuracy
from sightline.evaluation.estimation.calibration import AccuracyCalibration
from sightline.evaluation.estimation.evidence import LEAST_SCORE, SeenFrame
from sightline.protocols import Detector
from sightline.redaction import redact
from sightline.runtime.rollouts.class_mapping import ClassMapping, ModelClasses, class_mapping
from sightline.runtime.streams.stream import observe
from sightline.types import Detections, Frame, StreamInfo

MOST_DETECTIONS = 300
"""The most objects of a picture, as in `sightline evaluate detect`."""

Tell = Callable[[str], None]
M = TypeVar("M", ModelOptions, SharedModelOptions)


@dataclass(frozen=True)
class EstimateOptions:
    """How a source is looked at.

    ``every``: the reference looks at each so many-th frame; ``frames`` and ``seconds`` are looked at, at most. Of footage
    with more frames a second than the calibration was learnt of, so many are passed over as make the two alike.
    """

    every: int = 3
    frames: int | None = None
    seconds: float | None = None


def estimated_identity(options: ModelOptions | SharedModelOptions) -> str:
    """What tells a model, and the input that it is run with, from others."""
    if isinstance(options, EnsembleModelOptions):
        return " and ".join(map(estimated_identity, options.files))
    size, identity = options.size, model_identity(options)
    if size is not None:
        sides = f"{size[0]}x{size[1]}" if isinstance(size, tuple) else str(size)
        identity = f"{identity} at {sides}"
    return f"{identity} in tiles" if isinstance(options, TiledModelOptions) else identity


def estimate(
    spec: str,
    model: ModelOptions,
    reference: ModelOptions | None,
    calibration: AccuracyCalibration | None,
    options: EstimateOptions,
    tell: Tell,
) -> AccuracyEstimate:
    """Estimate the mAP@0.5 of a model on a source.

    Args:
        reference: a larger model, which looks at some frames; None: there is none.
        calibration: of this model; None: scores are taken for probabilities.

    Raises:
        ConfigError: the calibration is of another model, the reference lacks a class of the model, or the source
            has no frame.
        SightlineError: the source or a model fails.
    """
    if calibration is not None:
        of_reference = None if reference is None else estimated_identity(reference)
        calibration.check_fits(estimated_identity(model), of_reference)
    named = only_input(spec, "an accuracy")
    with ExitStack() as stack:
        own = stack.enter_context(closing(_detector(model)))
        larger = mapping = None
        if reference is not None:
            larger = stack.enter_context(closing(_detector(reference)))
            mapping = class_mapping(
                ModelClasses(model.model, own.class_names),
                ModelClasses(reference.model, larger.class_names),
            )
        seen: list[SeenFrame] = []
        steps = pipeline(own, every=_step(named.source.open(), calibration))
        for observation in stack.enter_context(closing(observe(named.source, steps))):
            frame = observation.frame
            if options.seconds is not None and frame.time >= options.seconds:
                break
            looked = None if len(seen) % options.every else _looked(frame, larger, mapping)
            seen.append(SeenFrame(observation.detections, looked))
            tell(f"frames: {len(seen)}")
            if len(seen) == options.frames:
                break
        names = own.class_names
    if not seen:
        raise ConfigError(f"{redact(spec)}: there is no frame in it: nothing can be estimated")
    return estimate_accuracy(seen, names, calibration, still=named.still)


def _step(info: StreamInfo, calibration: AccuracyCalibration | None) -> int:
    """How many frames of a source are as long as the time between two that the calibration was learnt of."""
    interval = None if calibration is None else calibration.interval_s
    return max(1, round(interval * info.fps)) if interval and info.fps and not info.still else 1


def lowest_scores(options: M) -> M:
    """The options of a model that tells doubtful objects, too."""
    wanted = {"conf": LEAST_SCORE, "max_detections": MOST_DETECTIONS}
    return options.model_copy(update=wanted)


def _detector(options: ModelOptions) -> Detector:
    return make_detector(lowest_scores(options))


def _looked(
    frame: Frame, larger: Detector | None, mapping: ClassMapping | None
) -> Detections | None:
    if larger is None or mapping is None:
        return None
    (found,) = larger.submit((frame,)).result()
    return mapping(found)
