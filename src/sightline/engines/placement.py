"""One engine for each device of a list, within the memory that each may take."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sightline.config import EngineOptions, ReplicaOptions
from sightline.engines.replicas import Replicas
from sightline.errors import ConfigError, EngineError
from sightline.protocols import Engine

SMALLEST_MB = 64
"""Less than this is no budget for an engine (``EngineOptions.memory_limit_mb``)."""
NODES = Path("/sys/devices/system/node")


def place(
    make: Callable[[EngineOptions], Engine],
    options: EngineOptions,
    replicas: ReplicaOptions,
    weights_bytes: int,
    nodes: Mapping[int, Sequence[int]] | None = None,
) -> Engine:
    """The engine for ``replicas.devices``: a single one, or ``Replicas``.

    ``cpu:0``, ``cpu:1`` are the sockets (NUMA nodes) of this computer: their engines run on these
    processors alone. Engines on one device share its memory budget and, on the processor, its
    threads.

    Args:
        make: makes an engine of the model.
        options: of each, but for its device, memory limit and threads.
        replicas: the devices, which may repeat, and the memory that the engines of each may take.
        weights_bytes: of the model's file; an engine takes at least as much.
        nodes: processors by socket; those of this computer.

    Raises:
        ConfigError: the budget is too small, or there is no such socket.
        EngineError: an engine cannot be made or does not fit; it says which. None stays open.
    """
    if not replicas.devices:
        return make(options)
    limits = budgets(replicas.devices, replicas.memory_limit_mb, weights_bytes)
    sockets = {n: _processors(n, nodes or numa_nodes()) for n in _sockets(replicas.devices)}
    made: list[Engine] = []
    try:
        for device, limit in zip(replicas.devices, limits, strict=True):
            how, processors = _share(options, device, replicas.devices, sockets)
            how = how.model_copy(update={"memory_limit_mb": limit})
            try:
                made.append(_made_on(processors, make, how))
            except EngineError as exc:
                budget = "" if limit is None else f" with {limit} MB"
                message = f"replica {len(made) + 1} on {device}{budget}: {exc}"
                raise type(exc)(message) from exc
        return made[0] if len(made) == 1 else Replicas(made)
    except BaseException:  # re-raised once all engines are closed
        for engine in made:
            engine.close()
        raise


def budgets(devices: Sequence[str], limit_mb: int | None, weights_bytes: int) -> list[int | None]:
    """The memory of each engine in MB: engines on one device share what it may give.

    Raises ConfigError where that is less than the model's weights.
    """
    if limit_mb is None:
        return [None] * len(devices)
    count = Counter(devices)
    needed = max(SMALLEST_MB, weights_bytes / 2**20)
    shares: list[int | None] = []
    for device in devices:
        share = limit_mb // count[device]
        if share < needed:
            raise ConfigError(
                f"memory_limit_mb: {limit_mb} MB on {device} for {count[device]} engines are "
                f"{share} MB each, and one needs {needed:.0f} MB at least"
            )
        shares.append(share)
    return shares


def numa_nodes(folder: Path = NODES) -> dict[int, list[int]]:
    """The processors of each socket of this computer, as far as this process may use them."""
    allowed = os.sched_getaffinity(0)
    nodes = {}
    for path in folder.glob("node[0-9]*/cpulist"):
        processors = sorted(allowed & set(_ranges(path.read_text())))
        if processors:
            nodes[int(path.parent.name.removeprefix("node"))] = processors
    return nodes or {0: sorted(allowed)}


def _ranges(text: str) -> list[int]:
    """``0-3,8`` as numbers."""
    found: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first:
            found.extend(range(int(first), int(last or first) + 1))
    return found


def _sockets(devices: Sequence[str]) -> set[int]:
    found = set()
    for device in devices:
        kind, _, number = device.partition(":")
        if kind == "cpu" and number:
            found.add(int(number))
    return found


def _processors(socket: int, nodes: Mapping[int, Sequence[int]]) -> Sequence[int]:
    if socket not in nodes:
        there = ", ".join(f"cpu:{n}" for n in sorted(nodes))
        raise ConfigError(f"this computer has no socket cpu:{socket}; it has {there}")
    return nodes[socket]


def _share(
    options: EngineOptions,
    device: str,
    devices: Sequence[str],
    sockets: Mapping[int, Sequence[int]],
) -> tuple[EngineOptions, Sequence[int] | None]:
    """Options for one of the engines, and the processors that it is bound to."""
    kind, _, number = device.partition(":")
    if kind != "cpu":
        return options.model_copy(update={"device": device}), None
    processors = sockets[int(number)] if number else None
    there = len(processors or os.sched_getaffinity(0))
    threads = max(1, (options.threads or there) // devices.count(device))
    how = options.model_copy(update={"device": "cpu", "threads": min(threads, there)})
    return how, processors


def _made_on(
    processors: Sequence[int] | None, make: Callable[[EngineOptions], Engine], how: EngineOptions
) -> Engine:
    """Make an engine in a thread bound to some processors: its own threads inherit that."""
    if processors is None:
        return make(how)
    made: list[Engine] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            os.sched_setaffinity(0, processors)  # it applies to this thread alone
            made.append(make(how))
        except BaseException as exc:  # noqa: BLE001 - raised in the caller's thread
            failed.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
