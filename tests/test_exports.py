"""The public interface is exactly this; adding or removing a name is a deliberate edit here."""

from __future__ import annotations

import sightline

PUBLIC = {
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
    "Segment",
    "SearchIndex",
    "Service",
    "SightlineError",
    "Tiled",
    "__version__",
    "classify",
    "load",
    "track",
}


def test_exports() -> None:
    assert set(sightline.__all__) == PUBLIC
    assert set(dir(sightline)) == PUBLIC


def test_every_export_can_be_had_from_its_home() -> None:
    for name in PUBLIC:
        assert getattr(sightline, name) is not None
    assert sightline.ByteTrack.__module__ == "sightline.tracking.bytetrack"


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(sightline, "no_such_name")
