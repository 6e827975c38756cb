"""Each metric against what was done; the text is read back with Prometheus' own parser."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from sightline.monitoring import metrics
from sightline.monitoring.metrics import PrometheusMeter
from sightline.monitoring.stream_metrics import STATES
from sightline.protocols import Meter
from sightline.types import (
    AccuracyStatus,
    ClassFigures,
    Detections,
    DriftStatus,
    HardFrameStatus,
    ModelFigures,
    RolloutReason,
    RolloutStats,
)

DOCS = Path(__file__).resolve().parents[3] / "docs" / "reference" / "metrics.md"
NAMES = ("person", "car", "bus")


@dataclass
class Stream:
    """What a stream would tell of itself."""

    state: str = "running"
    read: int = 0
    analyzed: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    fps_in: float = 0.0
    fps_analyzed: float = 0.0
    age_p50_ms: float = 0.0
    age_p99_ms: float = 0.0
    reconnects: int = 0
    lost: int = 0
    drift: DriftStatus | None = field(default_factory=lambda: DriftStatus("usual"))
    hard_frames: HardFrameStatus | None = field(
        default_factory=lambda: HardFrameStatus(
            collected={"uncertain": 3, "rare": 1}, kept=2, bytes=70, dropped={"busy": 4}
        )
    )
    accuracy: AccuracyStatus | None = field(
        default_factory=lambda: AccuracyStatus(
            "estimated", 0.7, 0.6, 0.8, {"car": {"ap50": 0.75, "objects": 12.0}},
            frames=20, looked_at=25, left_out={"busy": 3},
        )
    )  # fmt: skip


@dataclass
class Scheduler:
    waiting: Mapping[str, int]
    in_flight: int
    capacity: float


def values(meter: PrometheusMeter) -> dict[str, float]:
    """Every series with its value: ``name{a=x,b=y}``."""
    found = {}
    for family in text_string_to_metric_families(meter.render().decode()):
        for sample in family.samples:
            labels = ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def detections(*class_ids: int, names: tuple[str, ...] = NAMES) -> Detections:
    n = len(class_ids)
    return Detections(
        np.zeros((n, 4), np.float32), np.ones(n, np.float32), np.array(class_ids, np.int64),
        class_names=names,
    )  # fmt: skip


def test_it_is_a_meter() -> None:
    meter: Meter = PrometheusMeter()
    assert meter


def test_inferences_by_model_and_outcome() -> None:
    meter = PrometheusMeter()
    meter.inferred("street", 4, 0.015, None)
    meter.inferred("street", 3, 0.2, None)
    meter.inferred("street", 2, 0.1, "InferenceError")
    meter.inferred("other", 1, 99.0, None)
    found = values(meter)
    assert found["sightline_inferences_total{model=street,status=ok}"] == 7
    assert found["sightline_inferences_total{model=street,status=InferenceError}"] == 2
    assert found["sightline_inferences_total{model=other,status=ok}"] == 1
    # A batch that failed took no time that tells anything.
    assert found["sightline_inference_seconds_count{model=street}"] == 2
    assert found["sightline_inference_seconds_sum{model=street}"] == pytest.approx(0.215)
    assert found["sightline_inference_seconds_bucket{le=0.01,model=street}"] == 0
    assert found["sightline_inference_seconds_bucket{le=0.02,model=street}"] == 1
    assert found["sightline_inference_seconds_bucket{le=0.2,model=street}"] == 2
    assert found["sightline_inference_seconds_bucket{le=10.0,model=other}"] == 0
    assert found["sightline_inference_seconds_bucket{le=+Inf,model=other}"] == 1
    assert found["sightline_batch_size_count{model=street}"] == 3
    assert found["sightline_batch_size_sum{model=street}"] == 9
    assert found["sightline_batch_size_bucket{le=2.0,model=street}"] == 1


def test_queue_and_refusals_by_priority() -> None:
    meter = PrometheusMeter()
    for seconds in (0.004, 0.04):
        meter.queued("street", "urgent", seconds)
    meter.queued("street", "batch", 0.4)
    for reason in ("overloaded", "overloaded", "stale"):
        meter.refused("street", "batch", reason)
    found = values(meter)
    assert found["sightline_queue_seconds_count{model=street,priority=urgent}"] == 2
    assert found["sightline_queue_seconds_sum{model=street,priority=urgent}"] == pytest.approx(
        0.044
    )
    assert found["sightline_queue_seconds_bucket{le=0.01,model=street,priority=urgent}"] == 1
    assert found["sightline_queue_seconds_sum{model=street,priority=batch}"] == pytest.approx(0.4)
    assert found["sightline_refused_total{model=street,priority=batch,reason=overloaded}"] == 2
    assert found["sightline_refused_total{model=street,priority=batch,reason=stale}"] == 1


def test_requests_by_route_and_code() -> None:
    meter = PrometheusMeter()
    meter.answered("http", "/detect", 200, 0.01)
    meter.answered("http", "/detect", 200, 0.03)
    meter.answered("http", "/detect", 503, 0.001)
    meter.answered("grpc", "ModelInfer", "OK", 0.02)
    found = values(meter)
    assert found["sightline_requests_total{code=200,protocol=http,route=/detect}"] == 2
    assert found["sightline_requests_total{code=503,protocol=http,route=/detect}"] == 1
    assert found["sightline_requests_total{code=OK,protocol=grpc,route=ModelInfer}"] == 1
    assert found["sightline_request_seconds_sum{protocol=http,route=/detect}"] == pytest.approx(
        0.041
    )


def test_routes_that_somebody_makes_up_do_not_fill_the_memory() -> None:
    meter = PrometheusMeter()
    for i in range(3 * metrics.MOST_ROUTES):
        meter.answered("http", f"/{i}", 404, 0.01)
    found = {k: v for k, v in values(meter).items() if k.startswith("sightline_requests_total")}
    assert len(found) == metrics.MOST_ROUTES + 1
    assert sum(found.values()) == 3 * metrics.MOST_ROUTES


def test_detections_by_stream_and_class() -> None:
    meter = PrometheusMeter()
    meter.detected("gate", detections(0, 0, 1))
    meter.detected("gate", detections(1))
    meter.detected("gate", detections())
    meter.detected("yard", detections(2, 7))
    found = {k: v for k, v in values(meter).items() if "detections" in k}
    assert found == {
        "sightline_detections_total{class=person,stream=gate}": 2,
        "sightline_detections_total{class=car,stream=gate}": 2,
        "sightline_detections_total{class=bus,stream=yard}": 1,
        "sightline_detections_total{class=7,stream=yard}": 1,
    }


def test_detections_of_a_stream_go_with_it() -> None:
    running = {"gate": Stream(), "yard": Stream()}
    meter = PrometheusMeter(lambda: running)
    meter.detected("gate", detections(0))
    meter.detected("yard", detections(0))
    assert "sightline_detections_total{class=person,stream=yard}" in values(meter)
    del running["yard"]
    assert "yard" not in meter.render().decode()
    assert "sightline_detections_total{class=person,stream=gate}" in values(meter)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2000), st.lists(st.integers(0, 300), max_size=20)), max_size=50
    )
)
def test_series_of_detections_are_bounded_and_no_object_is_lost(
    seen: list[tuple[int, list[int]]],
) -> None:
    meter = PrometheusMeter(hardware=False)
    for stream, classes in seen:
        meter.detected(f"s{stream}", detections(*classes, names=()))
    for stream in range(metrics.MOST_STREAMS + 10):
        meter.detected(f"t{stream}", detections(1))
    counts = {k: v for k, v in values(meter).items() if k.startswith("sightline_detections_total")}
    assert sum(counts.values()) == sum(len(c) for _, c in seen) + metrics.MOST_STREAMS + 10
    streams = {re.search(r"stream=(.*)}", key)[1] for key in counts}  # type: ignore[index]
    assert len(streams) <= metrics.MOST_STREAMS + 1
    assert len(counts) <= (metrics.MOST_STREAMS + 1) * (metrics.MOST_CLASSES + 1)


def test_classes_of_one_stream_are_bounded() -> None:
    meter = PrometheusMeter(hardware=False)
    meter.detected("a", detections(*range(3 * metrics.MOST_CLASSES), names=()))
    counts = {k: v for k, v in values(meter).items() if k.startswith("sightline_detections_total")}
    assert len(counts) == metrics.MOST_CLASSES + 1
    assert counts["sightline_detections_total{class=other,stream=a}"] == 2 * metrics.MOST_CLASSES


def test_streams_are_read_when_they_are_asked_for() -> None:
    streams: dict[str, Stream] = {}
    meter = PrometheusMeter(lambda: streams)
    assert values(meter)["sightline_streams"] == 0
    streams["gate"] = Stream(
        "reconnecting", 120, 80, {"stale": 30, "still": 10}, 24.5, 16.0, 31.0, 87.5, 3, 7
    )
    streams["yard"] = Stream("restarting")
    found = values(meter)
    assert found["sightline_streams"] == 2
    assert found["sightline_stream_frames_read_total{stream=gate}"] == 120
    assert found["sightline_stream_frames_analyzed_total{stream=gate}"] == 80
    assert found["sightline_stream_frames_dropped_total{reason=stale,stream=gate}"] == 30
    assert found["sightline_stream_frames_dropped_total{reason=still,stream=gate}"] == 10
    assert found["sightline_stream_fps_read{stream=gate}"] == 24.5
    assert found["sightline_stream_fps_analyzed{stream=gate}"] == 16
    assert found["sightline_stream_frame_age_p50_seconds{stream=gate}"] == 0.031
    assert found["sightline_stream_frame_age_p99_seconds{stream=gate}"] == 0.0875
    assert found["sightline_stream_reconnects_total{stream=gate}"] == 3
    assert found["sightline_stream_lost_total{stream=gate}"] == 7
    states = {k: v for k, v in found.items() if k.startswith("sightline_stream_state")}
    assert len(states) == 2 * len(STATES)
    assert sum(states.values()) == 2
    assert states["sightline_stream_state{state=reconnecting,stream=gate}"] == 1
    assert states["sightline_stream_state{state=restarting,stream=yard}"] == 1


def test_an_estimated_accuracy_with_its_interval() -> None:
    streams = {"gate": Stream(), "yard": Stream(accuracy=AccuracyStatus("empty", looked_at=12))}
    found = values(PrometheusMeter(lambda: streams, hardware=False))
    told = {k.removeprefix("sightline_stream_"): v for k, v in found.items() if "accuracy" in k}
    assert told == {
        "estimated_accuracy{stream=gate}": 0.7,
        "estimated_accuracy_low{stream=gate}": 0.6,
        "estimated_accuracy_high{stream=gate}": 0.8,
        "estimated_class_accuracy{class=car,stream=gate}": 0.75,
        "accuracy_frames_total{stream=gate}": 25,
        "accuracy_frames_total{stream=yard}": 12,
        "accuracy_frames_dropped_total{reason=busy,stream=gate}": 3,
        "accuracy_frames_dropped_total{reason=restarting,stream=gate}": 0,
        "accuracy_frames_dropped_total{reason=failed,stream=gate}": 0,
        "accuracy_frames_dropped_total{reason=busy,stream=yard}": 0,
        "accuracy_frames_dropped_total{reason=restarting,stream=yard}": 0,
        "accuracy_frames_dropped_total{reason=failed,stream=yard}": 0,
    }


def test_restarts_of_workers_are_counted() -> None:
    restarts = 0
    meter = PrometheusMeter(restarts=lambda: restarts)
    assert values(meter)["sightline_worker_restarts_total"] == 0
    restarts = 2
    assert values(meter)["sightline_worker_restarts_total"] == 2


def test_minutes_that_the_history_lost_are_counted_where_one_is_kept() -> None:
    lost = 0
    meter = PrometheusMeter(lost_minutes=lambda: lost)
    assert values(meter)["sightline_history_lost_seconds_total"] == 0
    lost = 2
    assert values(meter)["sightline_history_lost_seconds_total"] == 120
    assert "sightline_history_lost_seconds_total" not in values(PrometheusMeter())


def test_the_scheduler_is_read_when_it_is_asked_for() -> None:
    now = Scheduler({"urgent": 1, "normal": 5, "batch": 0}, 2, 163.5)
    found = values(PrometheusMeter(scheduler=lambda: now))
    assert found["sightline_scheduler_waiting{priority=normal}"] == 5
    assert found["sightline_scheduler_waiting{priority=batch}"] == 0
    assert found["sightline_scheduler_in_flight"] == 2
    assert found["sightline_scheduler_capacity"] == 163.5


def test_the_process_is_there() -> None:
    held = np.ones(40_000_000, np.uint8)
    found = values(PrometheusMeter())
    resident = int(re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024  # type: ignore[index]
    assert held.nbytes < found["process_resident_memory_bytes"] == pytest.approx(resident, rel=0.2)
    assert found["process_cpu_seconds_total"] > 0
    assert found["process_open_fds"] > 2


def test_two_meters_know_nothing_of_one_another() -> None:
    first, second = PrometheusMeter(), PrometheusMeter()
    first.inferred("street", 1, 0.1, None)
    assert "street" in first.render().decode()
    assert "street" not in second.render().decode()


def test_nothing_is_lost_between_threads() -> None:
    meter = PrometheusMeter(hardware=False)

    def work() -> None:
        for _ in range(300):
            meter.inferred("street", 2, 0.01, None)
            meter.detected("gate", detections(0, 1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        meter.render()
    found = values(meter)
    assert found["sightline_inferences_total{model=street,status=ok}"] == 2400
    assert found["sightline_detections_total{class=person,stream=gate}"] == 1200


ROLLOUT = RolloutStats(
    "street", "next", "shadow", "running", 0.2, 1, 1, 40,
    {"car": ClassFigures(10, 9, 8, 6), "bus": ClassFigures(0, 0, 0, 0)},
    ModelFigures(200, 0, 1, 20.0, 30.0, 40.0), ModelFigures(0, 40, 2, 50.0, 60.0, 70.0, 25.0),
    {"busy": 3}, 0, (RolloutReason("by hand", "by hand"),),
)  # fmt: skip


def test_second_models() -> None:
    found = values(PrometheusMeter(rollouts=lambda: {"street": ROLLOUT}, hardware=False))
    pair = "{}model=street,second_model=next"

    def of(metric: str, before: str = "", more: str = "") -> float:
        return found[f"sightline_rollout_{metric}{{{before}{pair.format(more)}}}"]

    assert of("share") == 0.2
    assert of("compared_total") == 40
    assert of("agreement") == 0.9
    assert of("class_agreement", more="class=car,") == 0.9
    assert f"sightline_rollout_class_agreement{{{pair.format('class=bus,')}}}" not in found
    assert of("objects_total", "by=next,", "class=car,") == 6
    assert found[f"sightline_rollout_state{{{pair.format('kind=shadow,')},state=running}}"] == 1
    assert found["sightline_rollout_dropped_total{model=street,reason=busy,second_model=next}"] == 3
    by = "sightline_rollout_pictures_total{by=next,model=street,outcome=failed,second_model=next}"
    assert found[by] == 2
    latency = "sightline_rollout_latency_p95_seconds{by=street,model=street,second_model=next}"
    assert found[latency] == 0.03
    assert of("cpu_seconds") == 0.025
    assert found["sightline_rollout_reasons{model=street,rule=by hand,second_model=next}"] == 1


def full_meter() -> PrometheusMeter:
    """A meter in which every metric has a value."""
    meter = PrometheusMeter(
        lambda: {"gate": Stream(dropped={"stale": 1})},
        lambda: Scheduler({"normal": 1}, 1, 1.0),
        lambda: 1,
        lambda: {"street": ROLLOUT},
        lambda: 0,
    )
    meter.inferred("street", 1, 0.1, None)
    meter.queued("street", "normal", 0.1)
    meter.refused("street", "normal", "stale")
    meter.detected("gate", detections(0))
    meter.answered("http", "/detect", 200, 0.1)
    return meter


def test_the_table_in_the_docs_is_the_truth(nvml) -> None:
    rows = re.findall(
        r"^\| `([a-z0-9_]+)` \| (\w+) \|([^|]*)\| ([^|]+) \|$", DOCS.read_text(), re.MULTILINE
    )
    told = {name: (kind, sorted(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in rows}
    truth = {}
    for family in full_meter().collect():
        if not family.name.startswith("sightline"):
            continue
        suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
        labels = {k for s in family.samples for k in s.labels if k != "le"}
        truth[family.name + suffix] = (family.type, sorted(labels))
    truth["sightline_energy_joules_total"] = ("counter", ["zone"])  # may have no value here
    assert told == truth


def test_moments_of_creation_are_left_out() -> None:
    assert "_created" not in full_meter().render().decode()


def test_promtool_has_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=full_meter().render(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
