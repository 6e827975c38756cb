"""Detectors that look only at parts of their pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from sightline.config import DetectionOptions
from sightline.errors import ConfigError
from sightline.protocols import Detector, SizedDetector

if TYPE_CHECKING:
    from sightline.models.composites.regions import RegionDetector

_SIDES = (0.6, 0.8, 1.0)
"""Longer sides of mosaics, as shares of the whole picture's: where little moves, a small one is enough."""

D = TypeVar("D", bound=Detector)


def by_regions(
    detector: D, options: DetectionOptions, ready: Callable[[D], Detector]
) -> RegionDetector:
    """A detector that shows one stream's moving parts to another.

    Args:
        detector: looks at whatever it is shown.
        options: of the stream.
        ready: makes a detector ready for the stream: it puts it behind a scheduler, say.

    Raises ConfigError: this detector cannot be shown regions.
    """
    from sightline.models.composites.regions import RegionDetector
    from sightline.models.detector import EngineDetector  # OpenCV is heavy

    if not isinstance(detector, SizedDetector):
        raise ConfigError(
            "regions: tiles, ensembles and detectors of your own without `canvas` are shown whole pictures: "
            "leave `regions` out, or give a model file"
        )
    sizes = [detector]
    if isinstance(detector, EngineDetector) and detector.canvas_rule.fixed is None:
        rule = detector.canvas_rule
        sides = {round(rule.longer_side * share / rule.stride) * rule.stride for share in _SIDES}
        sizes = [detector.replaced(size=side) for side in sorted(sides - {0})]
    whole, *mosaics = [
        one for one in map(ready, (detector, *sizes)) if isinstance(one, SizedDetector)
    ]
    return RegionDetector(whole, mosaics, refresh_s=options.refresh_s)
