"""The metrics of streams: what each knows of itself, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from sightline.config import HARD_FRAME_KINDS
from sightline.types import (
    AccuracyStatus,
    DriftStatus,
    HardFrameStatus,
    SourceState,
    StreamStats,
)

STATES = (*(str(state) for state in SourceState), "paused", "degraded", "restarting")


def stream_metrics(streams: Mapping[str, StreamStats]) -> Iterator[Metric]:
    """The metrics of all streams, by name."""
    state = GaugeMetricFamily(
        "sightline_stream_state", "1 for the state that a stream is in, 0 for the others.", labels=("stream", "state"),
    )  # fmt: skip
    dropped = CounterMetricFamily(
        "sightline_stream_frames_dropped", "Frames that were read but not analysed.", labels=("stream", "reason"),
    )  # fmt: skip
    for name, values in streams.items():
        for one in STATES:
            state.add_metric((name, one), float(values.state == one))
        for reason, count in values.dropped.items():
            dropped.add_metric((name, reason), count)
    yield GaugeMetricFamily("sightline_streams", "Streams that there are.", value=len(streams))
    yield state
    yield dropped
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
    drifted = GaugeMetricFamily(
        "sightline_stream_drift", "1 while a stream is no longer like its reference.", labels=("stream",),
    )  # fmt: skip
    effect = GaugeMetricFamily(
        "sightline_stream_drift_effect", "Largest change over its limit: 1 and more is drift.", labels=("stream",),
    )  # fmt: skip
    score = GaugeMetricFamily(
        "sightline_stream_anomaly", "How far the newest sampled frame is from all that is usual; 1 is notable.", labels=("stream",),
    )  # fmt: skip
    for name, status in streams.items():
        drifted.add_metric((name,), float(status.state == "drift"))
        effect.add_metric((name,), status.effect)
        score.add_metric((name,), status.anomaly)
    yield from (drifted, effect, score)


_NONE_DROPPED = {"busy": 0, "failed": 0}


def _of_hard_frames(streams: Mapping[str, HardFrameStatus]) -> Iterator[Metric]:
    collected = CounterMetricFamily(
        "sightline_stream_hard_frames", "Hard frames that were written, by each reason why they are hard.", labels=("stream", "reason"),
    )  # fmt: skip
    dropped = CounterMetricFamily(
        "sightline_stream_hard_frames_dropped", "Hard frames that were not written.", labels=("stream", "reason"),
    )  # fmt: skip
    kept = GaugeMetricFamily(
        "sightline_stream_hard_frames_kept", "Hard frames on disk.", labels=("stream",),
    )  # fmt: skip
    size = GaugeMetricFamily(
        "sightline_stream_hard_frames_bytes", "Size of the hard frames on disk.", labels=("stream",),
    )  # fmt: skip
    for name, status in streams.items():
        # From 0 on: a rate needs the value before the first one, too.
        for reason, count in (dict.fromkeys(HARD_FRAME_KINDS, 0) | dict(status.collected)).items():
            collected.add_metric((name, reason), count)
        for reason, count in (_NONE_DROPPED | dict(status.dropped)).items():
            dropped.add_metric((name, reason), count)
        kept.add_metric((name,), status.kept)
        size.add_metric((name,), status.bytes)
    yield from (collected, dropped, kept, size)


_NONE_LEFT_OUT = {"busy": 0, "restarting": 0, "failed": 0}


def _of_accuracy(streams: Mapping[str, AccuracyStatus]) -> Iterator[Metric]:
    estimate = GaugeMetricFamily(
        "sightline_stream_estimated_accuracy", "Estimated mAP at an overlap of 0.5 of a stream's model, 0 to 1.", labels=("stream",),
    )  # fmt: skip
    low = GaugeMetricFamily(
        "sightline_stream_estimated_accuracy_low", "In nine of ten cases the mAP lies above this.", labels=("stream",),
    )  # fmt: skip
    high = GaugeMetricFamily(
        "sightline_stream_estimated_accuracy_high", "In nine of ten cases the mAP lies below this.", labels=("stream",),
    )  # fmt: skip
    classes = GaugeMetricFamily(
        "sightline_stream_estimated_class_accuracy", "Estimated AP at an overlap of 0.5 of one class.", labels=("stream", "class"),
    )  # fmt: skip
    looked_at = CounterMetricFamily(
        "sightline_stream_accuracy_frames", "Frames that were looked at to estimate the accuracy.", labels=("stream",),
    )  # fmt: skip
    left_out = CounterMetricFamily(
        "sightline_stream_accuracy_frames_dropped", "Frames that were to be looked at and were not.", labels=("stream", "reason"),
    )  # fmt: skip
    for name, status in streams.items():
        for family, value in ((estimate, status.map50), (low, status.low), (high, status.high)):
            if value is not None:
                family.add_metric((name,), value)
        for class_name, told in status.per_class.items():
            classes.add_metric((name, class_name), told["ap50"])
        looked_at.add_metric((name,), status.looked_at)
        for reason, count in (_NONE_LEFT_OUT | dict(status.left_out)).items():
            left_out.add_metric((name, reason), count)
    yield from (estimate, low, high, classes, looked_at, left_out)


Family = Callable[..., CounterMetricFamily] | Callable[..., GaugeMetricFamily]


def _each(streams: Mapping[str, StreamStats]) -> Callable[..., Metric]:
    def of(kind: Family, name: str, help_: str, value: Callable[[StreamStats], float]) -> Metric:
        family = kind(f"sightline_stream_{name}", help_, labels=("stream",))
        for stream, values in streams.items():
            family.add_metric((stream,), value(values))
        return family

    return of
