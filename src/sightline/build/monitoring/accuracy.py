"""The accuracy of streams that run, estimated beside them, as their options say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sightline.build.model_files import configured_model
from sightline.build.models import served_detector
from sightline.build.monitoring.estimating import estimated_identity, lowest_scores
from sightline.build.sources import SourceInput
from sightline.config import (
    Configuration,
    EstimateAccuracyOptions,
    SharedModelOptions,
    StreamOptions,
)
from sightline.config.options import Loc
from sightline.errors import ConfigError, SightlineError
from sightline.evaluation.estimation.calibration import AccuracyCalibration
from sightline.evaluation.estimation.evidence import LEAST_SCORE
from sightline.monitoring import logs
from sightline.protocols import Detector, SharedDetector, Stage
from sightline.runtime.estimation.estimator import AccuracyEstimator, EstimatedModel
from sightline.runtime.estimation.stage import EstimateAccuracy
from sightline.runtime.estimation.worker import EstimationWorkers
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.rollouts.background import MakeDetector
from sightline.runtime.scheduling.items import Terms
from sightline.runtime.scheduling.scheduled import scheduled
from sightline.types import AccuracyStatus


@dataclass(frozen=True)
class StreamEstimate:
    """What estimates the accuracy of one stream's model: stages, what they come to, and how it ends."""

    stages: tuple[Stage[Any], ...] = ()
    status: Callable[[], AccuracyStatus | None] = lambda: None
    end: Callable[[], None] = lambda: None


GetEstimate = Callable[[str, StreamOptions, str, SourceInput], StreamEstimate]
"""See ``AccuracyEstimation.of``."""


def no_estimate(
    name: str, options: StreamOptions, model: str, found: SourceInput
) -> StreamEstimate:
    """Estimates nothing, whatever the options say."""
    del name, options, model, found
    return StreamEstimate()


class AccuracyEstimation:
    """Estimates the accuracy of the streams of a process that have ``estimate``.

    Args:
        configuration: names the models.
        repository: has those of the streams.
    """

    def __init__(self, configuration: Configuration, repository: ModelRepository) -> None:
        self._configuration, self._repository = configuration, repository
        self._workers = EstimationWorkers(self._reference)

    def of(
        self,
        name: str,
        options: StreamOptions,
        model: str,
        found: SourceInput,
    ) -> StreamEstimate:
        """What estimates the accuracy of a stream.

        Args:
            name, options, found: of the stream.
            model: the one that answers it.

        Raises NotFound: it is not loaded.
        """
        estimate = options.estimate
        if estimate is None:
            return StreamEstimate()
        doubtful = self._repository.get(model).detector.replaced(conf=LEAST_SCORE)

        def ask(until: float) -> Detector:
            terms = Terms(f"estimate {name}", "batch", deadline=until)
            return scheduled(doubtful, self._repository.scheduler, model, terms)

        def calibrate() -> AccuracyCalibration | None:
            of = self._repository.made_of(model)
            return stream_calibration(self._configuration, of, estimate)

        estimator = AccuracyEstimator(
            EstimatedModel(
                name, model, doubtful.class_names, ask, calibrate, partial(self._repository.version, model), estimate.reference,
                estimate.frames, estimate.every_s,
            ),
            self._workers,
        )  # fmt: skip
        stage = EstimateAccuracy(estimator, estimate.every_s, live=found.live, still=found.still)
        return StreamEstimate((stage,), estimator.status, estimator.close)

    def close(self) -> None:
        """End the processes of references. Idempotent."""
        self._workers.close()

    def _reference(self, name: str) -> MakeDetector:
        options = lowest_scores(configured_model(self._configuration, name))
        return partial(
            _reference, logs.verbosity(), name, options, self._configuration.scheduler.hang_s
        )


def _reference(
    verbose: int, name: str, options: SharedModelOptions, hang_s: float
) -> SharedDetector:
    """The detector of a reference, in its process."""
    logs.set_up(verbose)  # stderr is the parent's
    return served_detector(name, options, hang_s)


def stream_calibration(
    configuration: Configuration, model: str, options: EstimateAccuracyOptions
) -> AccuracyCalibration | None:
    """The calibration that a stream of a model names, if it names one.

    Raises:
        ConfigError: it cannot be read, or is of another model or reference.
        ModelError: there is no such model.
    """
    if options.calibration is None:
        return None
    found = AccuracyCalibration.load(options.calibration)
    models = configuration.models
    own = models.get(model) or models[configuration.served_models[0]]
    reference = None
    if options.reference is not None:
        reference = estimated_identity(configured_model(configuration, options.reference))
        if found.reference is None:
            raise ConfigError(
                f"{options.calibration}: the calibration was learnt without a reference, so that what {options.reference} finds "
                "does not count: learn it again with --reference, or leave out `reference`"
            )
    try:
        found.check_fits(estimated_identity(own), reference)
    except ConfigError as exc:
        raise ConfigError(f"{options.calibration}: {exc}") from exc
    return found


def calibration_mistakes(configuration: Configuration) -> Iterator[tuple[Loc, str]]:
    """Calibrations of streams that cannot be used: where each is named, and why not."""
    for name, stream in configuration.streams.items():
        if stream.estimate is None:
            continue
        try:
            stream_calibration(configuration, stream.model, stream.estimate)
        except SightlineError as exc:
            yield ("streams", name, "estimate", "calibration"), str(exc)
