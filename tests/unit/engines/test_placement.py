"""Engines on several devices: their memory, their threads and their sockets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sightline.config import EngineOptions, ReplicaOptions
from sightline.engines.placement import budgets, numa_nodes, place
from sightline.errors import ConfigError, EngineError, EngineUnavailable, ModelError

MB = 2**20


class Maker:
    """Makes stand-ins and keeps the options they were made with."""

    def __init__(self, stand_in: Any) -> None:
        self._stand_in = stand_in
        self.options: list[EngineOptions] = []
        self.affinity: list[set[int]] = []
        self.engines: list[Any] = []

    def __call__(self, options: EngineOptions) -> Any:
        if options.device == "cuda:9":
            raise EngineUnavailable("no such device")
        if options.device == "broken":
            raise ModelError("no model")
        self.options.append(options)
        self.engines.append(self._stand_in(options.device))
        worker = self.engines[-1].submit((1, 1, 1), lambda _: None, lambda _: self._where())
        self.affinity.append(worker.result(20))
        return self.engines[-1]

    @staticmethod
    def _where() -> set[int]:
        return os.sched_getaffinity(0)


@pytest.fixture
def make(stand_in: Any) -> Maker:
    return Maker(stand_in)


def placed(make: Maker, devices: tuple[str, ...], limit: int | None = None, **options: Any) -> Any:
    nodes = options.pop("nodes", None)
    how = ReplicaOptions(devices=devices, memory_limit_mb=limit)
    return place(make, EngineOptions(**options), how, MB, nodes)


@pytest.mark.parametrize(
    ("devices", "limit", "shares"),
    [
        pytest.param(("cuda:0", "cuda:1"), 512, [512, 512], id="a budget for each device"),
        pytest.param(("cuda:0", "cuda:0", "cuda:1"), 512, [256, 256, 512], id="shared"),
        pytest.param(("cuda:0", "cpu"), None, [None, None], id="no budget"),
    ],
)
def test_the_budget_of_a_device_is_shared(
    devices: tuple[str, ...], limit: int | None, shares: list[int | None]
) -> None:
    assert budgets(devices, limit, MB) == shares


@pytest.mark.parametrize(
    ("devices", "limit", "weights", "message"),
    [
        (("cuda:0",), 100, 200 * MB, r"100 MB on cuda:0 for 1 engines .* needs 200 MB"),
        (("cuda:0", "cuda:0"), 100, MB, "50 MB each, and one needs 64 MB"),
    ],
)
def test_what_does_not_fit_is_refused(
    devices: tuple[str, ...], limit: int, weights: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        budgets(devices, limit, weights)


def test_each_engine_gets_its_device_and_its_share(make: Maker) -> None:
    engine = placed(make, ("cuda:0", "cuda:0", "gpu"), 512, precision="fp16")
    engine.close()
    assert [(o.device, o.memory_limit_mb) for o in make.options] == [
        ("cuda:0", 256),
        ("cuda:0", 256),
        ("gpu", 512),
    ]
    assert {o.precision for o in make.options} == {"fp16"}
    assert engine.info.requests == 3
    assert [e.closed for e in make.engines] == [1, 1, 1]


def test_one_device_needs_no_replicas(make: Maker) -> None:
    for devices in ((), ("cuda:1",)):
        engine = placed(make, devices)
        assert engine is make.engines[-1]
        engine.close()
    assert [o.device for o in make.options] == ["auto", "cuda:1"]


def test_engines_on_the_processor_share_its_threads(make: Maker) -> None:
    placed(make, ("cpu", "cpu"), threads=8).close()
    cores = len(os.sched_getaffinity(0))
    assert [o.threads for o in make.options] == [min(4, cores)] * 2


def test_a_socket_s_engine_runs_on_its_processors_alone(make: Maker) -> None:
    mine = sorted(os.sched_getaffinity(0))
    nodes = {0: mine[:1], 1: mine[-1:]}
    placed(make, ("cpu:0", "cpu:1"), nodes=nodes).close()
    assert make.affinity == [{mine[0]}, {mine[-1]}]
    assert [(o.device, o.threads) for o in make.options] == [("cpu", 1), ("cpu", 1)]
    assert sorted(os.sched_getaffinity(0)) == mine
    with pytest.raises(ConfigError, match="no socket cpu:2; it has cpu:0, cpu:1"):
        placed(make, ("cpu:2",), nodes=nodes)


def threads() -> set[int]:
    return {int(task.name) for task in Path("/proc/self/task").iterdir()}


def test_a_real_engine_s_threads_stay_on_their_socket(data: Path) -> None:
    """Linux hands a thread's processors on to the threads that it starts."""
    from sightline.engines.onnxruntime_ import OnnxRuntimeEngine
    from sightline.types import Normalization

    mine = sorted(os.sched_getaffinity(0))
    before = threads()
    engine = place(
        lambda how: OnnxRuntimeEngine(data / "models" / "yolox_nano.onnx", Normalization(), how),
        EngineOptions(requests=2, threads=2),
        ReplicaOptions(devices=("cpu:0",)),
        MB,
        {0: mine[:1]},
    )
    started = threads() - before
    assert len(started) >= 2
    assert {tuple(os.sched_getaffinity(task)) for task in started} == {(mine[0],)}
    engine.close()


def test_a_replica_that_cannot_be_made_is_named_and_none_stays(make: Maker) -> None:
    with pytest.raises(EngineUnavailable, match="replica 2 on cuda:9 with 512 MB: no such device"):
        placed(make, ("cuda:0", "cuda:9"), 512)
    with pytest.raises(ModelError, match="no model"):
        placed(make, ("cuda:0", "broken"))
    assert [e.closed for e in make.engines] == [1, 1]
    with pytest.raises(EngineError):
        placed(make, ("cuda:9",))


def test_processors_of_the_sockets_are_read_from_linux(tmp_path: Path) -> None:
    mine = sorted(os.sched_getaffinity(0))
    for node, text in ((0, f"{mine[0]}-{mine[0]}\n"), (1, f"{mine[-1]},4000-4003\n"), (2, "\n")):
        (tmp_path / f"node{node}").mkdir()
        (tmp_path / f"node{node}" / "cpulist").write_text(text)
    assert numa_nodes(tmp_path) == {0: [mine[0]], 1: [mine[-1]]}
    assert numa_nodes(tmp_path / "none") == {0: mine}
