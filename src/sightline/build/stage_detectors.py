"""Detectors that look at objects of a stream: how a stage uses the one that its options name."""

from __future__ import annotations

from typing import TypeAlias, TypeVar, cast

from sightline.config import DetectOptions, SegmentOptions
from sightline.errors import ConfigError
from sightline.protocols import AdjustableDetector, Detector, SharedDetector

FindOptions: TypeAlias = DetectOptions | SegmentOptions
"""Options of a stage whose model is a detector."""

D = TypeVar("D", bound=Detector)

_SQUARE = ((1, 1),)
"""Crops of all shapes share one input, so that they run as one batch."""


def suited(detector: D, options: FindOptions) -> D:
    """The detector as a stage uses it: with its thresholds and input, on the same engine.

    Raises ConfigError: it tells no masks where they are needed, or cannot be used so.
    """
    try:
        return _suited(detector, options)
    except ConfigError as exc:
        raise ConfigError(f"{options.kind} {options.model}: {exc}") from exc


def _suited(detector: D, options: FindOptions) -> D:
    from sightline.models.detector import EngineDetector

    classes = options.classes if isinstance(options, DetectOptions) else None
    if isinstance(options, SegmentOptions):
        task = detector.card.task if isinstance(detector, EngineDetector) else None
        if task not in {None, "segment"}:
            raise ConfigError(
                f"its task is {task}, so it tells no masks: a segmentation model is needed"
            )
    found: Detector = detector
    if options.size is not None:
        if not isinstance(found, EngineDetector):
            raise ConfigError("size: tiles and ensembles are looked at in one size only")
        found = found.replaced(size=options.size)
    if options.conf is not None or classes is not None:
        if not isinstance(found, AdjustableDetector):
            raise ConfigError("the conf and classes of this detector are fixed")
        found = found.replaced(conf=options.conf, classes=classes)
    if options.crops and isinstance(found, SharedDetector):
        found = found.with_aspects(_SQUARE)
    return cast("D", found)  # each of these steps gives the same kind
