"""What detectors around detectors ask of those that they are made of."""

from __future__ import annotations

from sightline.errors import ConfigError
from sightline.protocols import Detector, SharedDetector, TrackableDetector

USUAL_CONF = 0.25


def shared(part: Detector) -> SharedDetector:
    """The part, whose engines others may run. Raises ConfigError: it has none."""
    if not isinstance(part, SharedDetector):
        raise ConfigError(f"{part}: it has no engine that could be shared: give a model file")
    return part


def conf_of(part: Detector) -> float:
    """The lowest score of what a part finds, as far as it tells."""
    return part.conf if isinstance(part, TrackableDetector) else USUAL_CONF
