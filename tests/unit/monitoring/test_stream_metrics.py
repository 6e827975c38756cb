"""What each stream knows of itself, as Prometheus reads it."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.config import HARD_FRAME_KINDS
from sightline.monitoring.stream_metrics import STATES, stream_metrics
from sightline.types import AccuracyStatus, DriftStatus, HardFrameStatus, StreamStats


def values(**streams: StreamStats) -> dict[tuple[str, ...], float]:
    """Each sample by its name and labels' values."""
    found: dict[tuple[str, ...], float] = {}
    for metric in stream_metrics(streams):
        for sample in metric.samples:
            if not sample.name.endswith("_created"):
                found[sample.name.removeprefix("sightline_"), *sample.labels.values()] = (
                    sample.value
                )
    return found


def stats(state: str = "running", **more: Any) -> StreamStats:
    return StreamStats("gate", state, "rtsp://camera/live", "default", **more)  # type: ignore[arg-type]


def test_without_streams_there_are_none() -> None:
    assert values() == {("streams",): 0}


@pytest.mark.parametrize("state", STATES)
def test_a_stream_is_in_one_state(state: str) -> None:
    found = values(gate=stats(state))
    assert {key[2]: value for key, value in found.items() if key[0] == "stream_state"} == {
        one: float(one == state) for one in STATES
    }


def test_counts_rates_and_times_in_seconds() -> None:
    found = values(
        gate=stats(
            read=100, analyzed=60, reconnects=2, lost=1, fps_in=25.0, fps_analyzed=15.0, age_p50_ms=20.0,
            age_p99_ms=150.0, dropped={"stale": 30, "skipped": 10},
        )
    )  # fmt: skip
    expected = {
        "frames_read_total": 100, "frames_analyzed_total": 60, "reconnects_total": 2, "lost_total": 1,
        "fps_read": 25, "fps_analyzed": 15, "frame_age_p50_seconds": 0.02, "frame_age_p99_seconds": 0.15,
    }  # fmt: skip
    assert {name: found[f"stream_{name}", "gate"] for name in expected} == pytest.approx(expected)
    assert found["stream_frames_dropped_total", "gate", "stale"] == 30
    assert found["streams",] == 1


def test_what_a_stream_is_not_watched_for_has_no_value() -> None:
    names = {key[0] for key in values(gate=stats())}
    assert not [one for one in names if "drift" in one or "hard" in one or "accuracy" in one]


@pytest.mark.parametrize(("state", "drifted"), [("drift", 1), ("usual", 0), ("learning", 0)])
def test_drift(state: Any, drifted: int) -> None:
    found = values(gate=stats(drift=DriftStatus(state, effect=1.5, anomaly=0.25)), yard=stats())
    assert found["stream_drift", "gate"] == drifted
    assert (found["stream_drift_effect", "gate"], found["stream_anomaly", "gate"]) == (1.5, 0.25)
    assert ("stream_drift", "yard") not in found


def test_counts_by_reason_begin_at_0() -> None:
    """Else the first one would not show in a rate."""
    found = values(
        gate=stats(hard_frames=HardFrameStatus(kept=3, bytes=999, collected={"rare": 2}))
    )
    by_reason = {key[2]: n for key, n in found.items() if key[0] == "stream_hard_frames_total"}
    assert by_reason == {**dict.fromkeys(HARD_FRAME_KINDS, 0), "rare": 2}
    assert found["stream_hard_frames_dropped_total", "gate", "busy"] == 0
    assert (
        found["stream_hard_frames_kept", "gate"],
        found["stream_hard_frames_bytes", "gate"],
    ) == (3, 999)


def test_an_accuracy_that_is_not_known_is_not_told() -> None:
    found = values(gate=stats(accuracy=AccuracyStatus("waiting", looked_at=4)))
    assert ("stream_estimated_accuracy", "gate") not in found
    assert found["stream_accuracy_frames_total", "gate"] == 4
    assert found["stream_accuracy_frames_dropped_total", "gate", "restarting"] == 0
    known = AccuracyStatus("estimated", 0.6, 0.5, 0.7, {"car": {"ap50": 0.8, "objects": 9.0}})
    found = values(gate=stats(accuracy=known))
    assert [found[f"stream_estimated_accuracy{end}", "gate"] for end in ("", "_low", "_high")] == [
        0.6,
        0.5,
        0.7,
    ]
    assert found["stream_estimated_class_accuracy", "gate", "car"] == 0.8
