"""Streams in worker processes: real models, real processes, killed for real."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from tests.waiting import wait_for

from sightline.build.site import Site
from sightline.config import Configuration
from sightline.errors import Conflict, ModelError, NotFound
from sightline.monitoring.metrics import PrometheusMeter
from sightline.runtime.workers import ShardedFleet

STREET = "street://?seed={}&duration=0&fps=10&width=320&height=192"


@pytest.fixture(scope="module")
def meter() -> PrometheusMeter:
    return PrometheusMeter(hardware=False)


@pytest.fixture(scope="module")
def fleet(meter: PrometheusMeter) -> Iterator[ShardedFleet]:
    configuration = Configuration.model_validate(
        {
            "models": {"street": {"model": "street"}},
            "workers": 2,
            "streams": {
                f"s{seed}": {"source": STREET.format(seed), "realtime": True} for seed in range(4)
            },
        }
    )
    site = Site(configuration, meter)
    site.open()
    assert isinstance(site.fleet, ShardedFleet)
    assert not site.failed
    yield site.fleet
    pids = [pid for pid in site.fleet.pids if pid]
    site.close()
    assert pids
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)  # noqa: PTH110


def running(fleet: ShardedFleet, least: int = 3) -> bool:
    stats = fleet.stats().values()
    return all(one.state == "running" and one.analyzed >= least for one in stats)


def test_streams_are_shared_out_and_run(fleet: ShardedFleet) -> None:
    wait_for(lambda: running(fleet))
    assert sorted(fleet.names()) == ["s0", "s1", "s2", "s3"]
    assert len(set(fleet.pids)) == 2
    for stats in fleet.stats().values():
        assert stats.read == stats.analyzed + sum(stats.dropped.values()) + stats.pending
    picture = cv2.imdecode(np.frombuffer(fleet.snapshot("s1"), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (192, 320, 3)
    with fleet.subscribe() as reader:
        seen = {reader.get(timeout=30).stream for _ in range(40)}
        assert len(seen) >= 2
        assert json.loads(reader.get(timeout=30).line)["width"] == 320


def test_one_meter_hears_of_all_processes(fleet: ShardedFleet, meter: PrometheusMeter) -> None:
    wait_for(lambda: running(fleet), timeout_s=60)
    done = sum(stats.analyzed for stats in fleet.stats().values())

    def heard() -> bool:
        totals = meter.totals().get("street")
        return totals is not None and totals.succeeded >= done and max(totals.queue.values()) > 0

    wait_for(heard, "the meter hears of every picture")
    seen = meter.registry.get_sample_value
    for stream in fleet.names():
        counts = [
            seen("sightline_detections_total", {"stream": stream, "class": name})
            for name in ("car", "person", "truck", "bus", "bicycle", "motorcycle")
        ]
        assert sum(count or 0 for count in counts) > 0, stream


def test_errors_come_back(fleet: ShardedFleet) -> None:
    options = Configuration.model_validate(
        {"models": {"a": {"model": "street"}}, "streams": {"x": {"source": STREET.format(9)}}}
    ).streams["x"]
    with pytest.raises(Conflict):
        fleet.add("s0", options)
    with pytest.raises(NotFound):
        fleet.remove("nobody")
    with pytest.raises(NotFound, match="no model"):
        fleet.add("x", options.model_copy(update={"model": "other"}))
    assert "x" not in fleet.names()


def test_a_killed_process_comes_back_with_its_streams(fleet: ShardedFleet) -> None:
    wait_for(lambda: running(fleet))
    fleet.pause("s0")
    before = fleet.restarts
    pid = fleet.pids[0]
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: any(s.state == "restarting" for s in fleet.stats().values()))
    states = {name: stats.state for name, stats in fleet.stats().items()}
    assert sorted(states.values()).count("restarting") == 2  # its own two; the others go on
    wait_for(lambda: fleet.restarts == before + 1)
    wait_for(lambda: fleet.stats()["s0"].state == "paused")
    fleet.resume("s0")
    wait_for(lambda: running(fleet))
    assert sorted(fleet.names()) == ["s0", "s1", "s2", "s3"]


def test_a_model_that_cannot_be_used_is_said_at_the_start(tmp_path: object) -> None:
    configuration = Configuration.model_validate(
        {"models": {"gone": {"model": "/nowhere/gone.onnx"}}, "workers": 1}
    )
    with pytest.raises(ModelError, match="gone"):
        Site(configuration).open()
