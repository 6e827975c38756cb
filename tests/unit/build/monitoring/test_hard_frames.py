"""Hard frames of a stream that runs, from its options."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sightline.build.monitoring.hard_frames import (
    CollectedStream,
    hard_frame_collector,
    watching_stages,
)
from sightline.config import CollectFramesOptions, StreamOptions
from sightline.errors import ConfigError
from sightline.monitoring.profiles.profiler import Profilers
from sightline.runtime.hard_frames.stage import CollectHardFrames

STREAM = CollectedStream("gate 1", "street", ("person", "car"), live=True)


def collector(folder: Path, **options: Any) -> Any:
    return hard_frame_collector(STREAM, CollectFramesOptions(folder=folder, **options), None, None)


def test_a_class_that_is_not_there_cannot_be_blurred(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="persn"):
        collector(tmp_path, blur=("persn",))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("collects", "drifts", "kinds"),
    [
        (False, False, []),
        (False, True, ["drift"]),
        (True, False, ["collect"]),
        (True, True, ["drift", "collect"]),
    ],
)
def test_drift_is_looked_at_before_hard_frames(
    tmp_path: Path, collects: bool, drifts: bool, kinds: list[str]
) -> None:
    options = StreamOptions(
        source="rtsp://camera/live",
        collect=CollectFramesOptions(folder=tmp_path / "hard") if collects else None,
    )
    drift: Any = SimpleNamespace(status=lambda: "a status") if drifts else None
    made = collector(tmp_path / "hard") if collects else None
    stages = watching_stages(options, drift, made, Profilers())
    assert ["collect" if isinstance(one, CollectHardFrames) else "drift" for one in stages] == kinds
    if made is not None:
        made.close()
