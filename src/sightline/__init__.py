"""Vision in production: cameras and video files in; objects detected, tracked, stored and served.

    import sightline as sl

    model = sl.load("yolox_nano.onnx")
    detections = model.detect("bus.jpg")
    for observation in sl.track("street.mp4", model):
        print(observation.frame.index, observation.detections.track_ids)

What is exported here is the public interface. It is imported when it is first used, so that
``import sightline`` stays light.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

# Its exit handler runs after those that are registered from here on, which may still use models.
import sightline.interpreter  # noqa: F401 - imported for that
from sightline._version import __version__

# OpenVINO reports each import of it to Google Analytics, and NNCF each use, by a package of their own. Where that
# cannot be imported, they do without.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

# ONNX Runtime sends what it runs to Microsoft, on Linux, too, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from sightline.api import (
        DeepSORT,
        Ensemble,
        Model,
        SearchIndex,
        Service,
        Tiled,
        classify,
        load,
        track,
    )
    from sightline.config import Classify, Detect, Embed, Segment
    from sightline.errors import SightlineError
    from sightline.tracking.bytetrack import ByteTrack
    from sightline.tracking.ocsort import OCSORT
    from sightline.types import (
        Classification,
        Detection,
        Detections,
        Event,
        Frame,
        Label,
        Match,
        Observation,
    )

__all__ = [
    "OCSORT",
    "ByteTrack",
    "Classification",
    "Classify",
    "DeepSORT",
    "Detect",
    "Detection",
    "Detections",
    "Embed",
    "Ensemble",
    "Event",
    "Frame",
    "Label",
    "Match",
    "Model",
    "Observation",
    "SearchIndex",
    "Segment",
    "Service",
    "SightlineError",
    "Tiled",
    "__version__",
    "classify",
    "load",
    "track",
]

_HOMES = {
    "OCSORT": "sightline.tracking.ocsort",
    "ByteTrack": "sightline.tracking.bytetrack",
    "Classification": "sightline.types",
    "Classify": "sightline.config",
    "DeepSORT": "sightline.api",
    "Detect": "sightline.config",
    "Detection": "sightline.types",
    "Detections": "sightline.types",
    "Embed": "sightline.config",
    "Ensemble": "sightline.api",
    "Event": "sightline.types",
    "Frame": "sightline.types",
    "Label": "sightline.types",
    "Match": "sightline.types",
    "Model": "sightline.api",
    "Observation": "sightline.types",
    "Segment": "sightline.config",
    "SearchIndex": "sightline.api",
    "Service": "sightline.api",
    "SightlineError": "sightline.errors",
    "Tiled": "sightline.api",
    "classify": "sightline.api",
    "load": "sightline.api",
    "track": "sightline.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        from sightline.vocabulary.other_names import attribute_error

        raise attribute_error(sys.modules[__name__], "sightline", name)
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
