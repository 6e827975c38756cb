"""What detectors around detectors ask of those that they are made of."""

from __future__ import annotations

from collections.abc import Callable

from sightline.errors import ConfigError
from sightline.protocols import Detector, Engine, SharedDetector, TrackableDetector

USUAL_CONF = 0.25


def shared(part: Detector) -> SharedDetector:
    """The part, whose engines others may run. Raises ConfigError: it has none."""
    if not isinstance(part, SharedDetector):
        raise _not_shared(part)
    return part


def engines_wrapped(part: Detector, wrap: Callable[[Engine], Engine]) -> Detector:
    """The part with ``wrap`` of each of its engines. Raises ConfigError: it has none.

    It is called for each frame, for which a look at the whole protocol takes too long.
    """
    with_engines: Callable[..., Detector] | None = getattr(part, "with_engines", None)
    if with_engines is None:
        raise _not_shared(part)
    return with_engines(wrap)


def _not_shared(part: Detector) -> ConfigError:
    return ConfigError(f"{part}: it has no engine that could be shared: give a model file")


def conf_of(part: Detector) -> float:
    """The lowest score of what a part finds, as far as it tells."""
    return part.conf if isinstance(part, TrackableDetector) else USUAL_CONF
