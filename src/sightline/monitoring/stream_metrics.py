"""The metrics of streams: what each knows of itself, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from sightline.config import HARD_FRAME_KINDS
from sightline.types import (
    AccuracyStatus,
    DriftStatus,
    HardFrameStatus,
    SourceState,
    StreamStats,
)

T = TypeVar("T")
STATES = (*(str(state) for state in SourceState), "paused", "degraded", "restarting")


def stream_metrics(streams: Mapping[str, StreamStats]) -> Iterator[Metric]:
    """The metrics of all streams, by name."""
    state = GaugeMetricFamily(
        "sightline_stream_state", "1 for the state that a stream is in, 0 for the others.", labels=("stream", "state"),
    )  # fmt: skip
    for name, values in streams.items():
        for one in STATES:
            state.add_metric((name, one), float(values.state == one))
    yield GaugeMetricFamily("sightline_streams", "Streams that there are.", value=len(streams))
    yield state
    yield _each_reason(streams)("frames_dropped", "Frames that were read but not analysed.", lambda v: v.dropped, {})  # fmt: skip
    yield from _of_drift({n: v.drift for n, v in streams.items() if v.drift is not None})
    yield from _of_hard_frames({n: v.hard_frames for n, v in streams.items() if v.hard_frames})
    yield from _of_accuracy({n: v.accuracy for n, v in streams.items() if v.accuracy})
    of = _each(streams)
    yield of(CounterMetricFamily, "frames_read", "Frames that were decoded.", lambda v: v.read)
    yield of(CounterMetricFamily, "frames_analyzed", "Frames that were analysed.", lambda v: v.analyzed)  # fmt: skip
    yield of(CounterMetricFamily, "reconnects", "New connections after a loss.", lambda v: v.reconnects)  # fmt: skip
    yield of(CounterMetricFamily, "lost", "Observations that an output could not take.", lambda v: v.lost)  # fmt: skip
    yield of(GaugeMetricFamily, "fps_read", "Frames read per second, lately.", lambda v: v.fps_in)
    yield of(GaugeMetricFamily, "fps_analyzed", "Frames analysed per second, lately.", lambda v: v.fps_analyzed)  # fmt: skip
    yield of(GaugeMetricFamily, "frame_age_p50_seconds", "From decoded to analysed: half of the frames, lately.", lambda v: v.age_p50_ms / 1e3)  # fmt: skip
    yield of(GaugeMetricFamily, "frame_age_p99_seconds", "From decoded to analysed: 99 of 100 frames, lately.", lambda v: v.age_p99_ms / 1e3)  # fmt: skip


def _of_drift(streams: Mapping[str, DriftStatus]) -> Iterator[Metric]:
    of = _each(streams)
    yield of(GaugeMetricFamily, "drift", "1 while a stream is no longer like its reference.", lambda v: float(v.state == "drift"))  # fmt: skip
    yield of(GaugeMetricFamily, "drift_effect", "Largest change over its limit: 1 and more is drift.", lambda v: v.effect)  # fmt: skip
    yield of(GaugeMetricFamily, "anomaly", "How far the newest sampled frame is from all that is usual; 1 is notable.", lambda v: v.anomaly)  # fmt: skip


_NONE_DROPPED = {"busy": 0, "failed": 0}


def _of_hard_frames(streams: Mapping[str, HardFrameStatus]) -> Iterator[Metric]:
    of, by_reason = _each(streams), _each_reason(streams)
    no_frames = dict.fromkeys(HARD_FRAME_KINDS, 0)
    yield by_reason("hard_frames", "Hard frames that were written, by each reason why they are hard.", lambda v: v.collected, no_frames)  # fmt: skip
    yield by_reason("hard_frames_dropped", "Hard frames that were not written.", lambda v: v.dropped, _NONE_DROPPED)  # fmt: skip
    yield of(GaugeMetricFamily, "hard_frames_kept", "Hard frames on disk.", lambda v: v.kept)
    yield of(GaugeMetricFamily, "hard_frames_bytes", "Size of the hard frames on disk.", lambda v: v.bytes)  # fmt: skip


_NONE_LEFT_OUT = {"busy": 0, "restarting": 0, "failed": 0}


def _of_accuracy(streams: Mapping[str, AccuracyStatus]) -> Iterator[Metric]:
    of, by_reason = _each(streams), _each_reason(streams)
    yield of(GaugeMetricFamily, "estimated_accuracy", "Estimated mAP at an overlap of 0.5 of a stream's model, 0 to 1.", lambda v: v.map50)  # fmt: skip
    yield of(GaugeMetricFamily, "estimated_accuracy_low", "In nine of ten cases the mAP lies above this.", lambda v: v.low)  # fmt: skip
    yield of(GaugeMetricFamily, "estimated_accuracy_high", "In nine of ten cases the mAP lies below this.", lambda v: v.high)  # fmt: skip
    classes = GaugeMetricFamily(
        "sightline_stream_estimated_class_accuracy", "Estimated AP at an overlap of 0.5 of one class.", labels=("stream", "class"),
    )  # fmt: skip
    for name, status in streams.items():
        for class_name, told in status.per_class.items():
            classes.add_metric((name, class_name), told["ap50"])
    yield classes
    yield of(CounterMetricFamily, "accuracy_frames", "Frames that were looked at to estimate the accuracy.", lambda v: v.looked_at)  # fmt: skip
    yield by_reason("accuracy_frames_dropped", "Frames that were to be looked at and were not.", lambda v: v.left_out, _NONE_LEFT_OUT)  # fmt: skip


Family = Callable[..., CounterMetricFamily] | Callable[..., GaugeMetricFamily]


def _each(streams: Mapping[str, T]) -> Callable[..., Metric]:
    """Makes a family with one value of each stream that has it."""

    def of(kind: Family, name: str, help_: str, value: Callable[[T], float | None]) -> Metric:
        family = kind(f"sightline_stream_{name}", help_, labels=("stream",))
        for stream, values in streams.items():
            if (found := value(values)) is not None:
                family.add_metric((stream,), found)
        return family

    return of


def _each_reason(streams: Mapping[str, T]) -> Callable[..., Metric]:
    """Makes a family that counts by reason, from 0 on: a rate needs the value before the first one, too."""

    def of(
        name: str, help_: str, counts: Callable[[T], Mapping[str, int]], none: Mapping[str, int]
    ) -> Metric:
        family = CounterMetricFamily(f"sightline_stream_{name}", help_, labels=("stream", "reason"))
        for stream, values in streams.items():
            for reason, count in {**none, **counts(values)}.items():
                family.add_metric((stream, reason), count)
        return family

    return of
