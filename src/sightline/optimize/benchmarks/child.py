"""One setup measured in a process of its own, so that its memory is its own and its death nobody else's."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import sys
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sightline.errors import InferenceError, SightlineError
from sightline.optimize.benchmarks.other_load import OtherLoad
from sightline.optimize.benchmarks.setups import EngineSetup, Hint, MakeEngine
from sightline.optimize.benchmarks.timing import FullLoad, TimedRuns, WarmUp
from sightline.types import EngineInfo

END_S = 10.0
"""A process that does not end by itself within this time is killed."""


@dataclass(frozen=True)
class PreparedSetup:
    """What runs a setup, with the input (width, height) it is measured with."""

    info: EngineInfo
    size: tuple[int, int]
    warm_up: WarmUp


class SetupProcess:
    """A process that measures one setup; use it as a context.

    Its methods are those of ``SetupRuns`` in it, and raise what these raise; InferenceError where the
    process died.
    """

    def __init__(self, make: MakeEngine, setup: EngineSetup) -> None:
        # Never fork: runtimes have threads, and memory that would count for the child.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, setup), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._process.kill()
        self._pipe.close()
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def prepare(self, hint: Hint, limit_s: float) -> PreparedSetup:
        """See ``SetupRuns.prepare``."""
        prepared: PreparedSetup = self._call("prepare", hint, limit_s)
        return prepared

    def latencies_ms(self, seconds: float) -> list[float]:
        """See ``TimedRuns.latencies_ms``."""
        times: list[float] = self._call("latencies_ms", seconds)
        return times

    def load(self, seconds: float) -> FullLoad:
        """See ``TimedRuns.load``."""
        found: FullLoad = self._call("load", seconds)
        return found

    def other_load(self) -> float | None:
        """See ``OtherLoad.share``: since the engine was ready, or the last call."""
        share: float | None = self._call("other_load")
        return share

    def peak_memory_mb(self) -> float:
        """The most memory that the process has had at a time, in MB (10⁶ bytes)."""
        peak: float = self._call("peak_memory_mb")
        return peak

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            self._pipe.send((method, arguments))
            result, error = self._pipe.recv()
        except (EOFError, ConnectionError) as exc:
            raise InferenceError(self._death()) from exc
        if error is not None:
            raise error
        return result

    def _death(self) -> str:
        self._process.join(END_S)
        code = self._process.exitcode
        if code == -signal.SIGKILL:
            return "its process was killed: the memory may not suffice"
        how = signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
        return f"its process died ({how})"


class SetupRuns:
    """What is called in the process."""

    def __init__(self, make: MakeEngine, setup: EngineSetup) -> None:
        self._make, self._setup = make, setup
        self._runs: TimedRuns | None = None
        self._others = OtherLoad()

    def prepare(self, hint: Hint, limit_s: float) -> PreparedSetup:
        """Make the engine, in the place of one with another hint, and warm it up."""
        self.close()
        engine, size = self._make(self._setup, hint)
        self._runs = TimedRuns(engine, (self._setup.batch, size[1], size[0]))
        warm_up = self._runs.warm_up(limit_s)
        if hint == "throughput":
            self._runs.fill_requests(engine.info.requests)
        self._others = OtherLoad()
        return PreparedSetup(engine.info, size, warm_up)

    def latencies_ms(self, seconds: float) -> list[float]:
        """See ``TimedRuns``."""
        assert self._runs is not None
        return self._runs.latencies_ms(seconds)

    def load(self, seconds: float) -> FullLoad:
        """See ``TimedRuns``."""
        assert self._runs is not None
        return self._runs.load(seconds)

    def other_load(self) -> float | None:
        """See ``OtherLoad``."""
        return self._others.share()

    def peak_memory_mb(self) -> float:
        """The peak memory of this process. ``ru_maxrss`` would be that of its parent, where that was larger."""
        try:
            status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        except OSError:  # another system than Linux
            unit = 1 if sys.platform == "darwin" else 1024
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
        (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024 / 1e6

    def close(self) -> None:
        """Close the engine, where there is one."""
        if self._runs is not None:
            self._runs.engine.close()
            self._runs = None


def _serve(pipe: Connection, make: MakeEngine, setup: EngineSetup) -> None:
    """Answer calls until the pipe is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they go to the parent, who ends this process
        signal.signal(number, signal.SIG_IGN)
    runs = SetupRuns(make, setup)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            method, arguments = pipe.recv()
            try:
                pipe.send((getattr(runs, method)(*arguments), None))
            except SightlineError as exc:
                pipe.send((None, exc))
            except Exception as exc:  # noqa: BLE001 - a runtime's own: it belongs to this setup
                trace = traceback.format_exception_only(exc)[-1].strip()
                pipe.send((None, InferenceError(trace)))
    # The engine's threads end with the process: nobody waits for what hangs in one.
    os._exit(0)
