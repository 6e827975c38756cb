"""The service on a port: started, drained and stopped, in a thread or as the process's own work."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Protocol

import uvicorn
from fastapi import FastAPI

from sightline.config import ServingOptions
from sightline.errors import ConfigError, Overloaded, SightlineError
from sightline.serving.http.protocol import GuardedProtocol, protocol_class
from sightline.serving.http.security import check_exposure
from sightline.serving.http.state import ServiceState
from sightline.serving.priority import answering_first

NOTICE_S = 1.0
"""After SIGTERM new requests are answered for so long, each with the news that its connection ends;
less long where no connection is left."""

FRESH_S = 0.5
"""Connections that were taken last are given so long to send their first request."""

SWITCH_S = 0.0005
"""A Python thread that computes lets others have their turn after so long."""

STALLED_S = 0.5
"""A body that does not go on for so long is not waited for after SIGTERM."""

_LAST_WORDS_S = 0.5
_TICK_S = 0.02
_UVICORN_TICK_S = 0.1
_BACKLOG = 1024
_START_S = 30.0

log = logging.getLogger(__name__)


class CompanionServer(Protocol):
    """Another server that lives in the same event loop, for example gRPC's."""

    async def start(self) -> None:
        """Bind and serve. Raises ConfigError."""

    async def stop(self, grace_s: float) -> None:
        """Accept nothing more; finish what was accepted, for so long at most."""


class Server:
    """Serves an app of ``create_app`` over HTTP.

    ``start`` and ``stop`` run it in a thread of its own; ``run`` in the caller's, until SIGTERM
    or SIGINT. It closes nothing that it was handed.
    """

    def __init__(
        self, app: FastAPI, options: ServingOptions, companions: Sequence[CompanionServer] = ()
    ) -> None:
        check_exposure(options)
        self._service: ServiceState = app.state.service
        self._options = options
        config = uvicorn.Config(
            app,
            http=protocol_class(options.limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=options.limits.keep_alive_s,
            timeout_graceful_shutdown=max(1, round(options.drain_s)),
        )
        self._uvicorn = _Uvicorn(config, self._service, tuple(companions))
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._running = False

    @property
    def port(self) -> int:
        """The port that it listens to, also where 0 was asked for."""
        self._bound()
        return self._port

    @property
    def url(self) -> str:
        """Where this computer reaches it."""
        host = self._options.host
        return self._url({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host))  # noqa: S104 - compared, not bound

    def _url(self, host: str) -> str:
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self) -> None:
        """Serve from a thread of its own; returns once requests are answered.

        Raises ConfigError: the port cannot be had.
        """
        listener = self._bound()
        self._thread = threading.Thread(
            target=self._uvicorn.run_quietly, args=(listener,), name="http", daemon=True
        )
        self._thread.start()
        if not self._uvicorn.up.wait(_START_S) or self._uvicorn.failure is not None:
            self.stop()
            raise self._uvicorn.failure or ConfigError("the service does not start: see the log")

    def stop(self) -> None:
        """Drain and stop; ends ``run`` in another thread too. Idempotent."""
        self._uvicorn.end()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        elif self._socket is not None and not self._running:
            self._socket.close()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain; a second signal cuts that short.

        Raises ConfigError: the port cannot be had.
        """
        listener = self._bound()
        self._running = True
        # What was loaded so far stays: looking through all of it again and again for garbage took a
        # third of the loop's time. And an engine's thread that waits 5 ms for its turn while requests
        # are being refused is idle for half an inference. Only here: with `start` the process is
        # somebody else's.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_S)
        with _signals(self._uvicorn), answering_first(self._options.nice):
            # The address that is bound, not `url`: who listens to all networks should see that.
            log.info("serving on %s", self._url(self._options.host))
            self._uvicorn.run_quietly(listener)
        if self._uvicorn.failure is not None:
            raise self._uvicorn.failure

    def _bound(self) -> socket.socket:
        if self._socket is None:
            host, port = self._options.host, self._options.port
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
            except OSError as exc:
                raise ConfigError(
                    f"cannot listen to {host} port {port}: {exc.strerror}: choose another port"
                ) from exc
            self._port = int(self._socket.getsockname()[1])
        return self._socket


class _Uvicorn(uvicorn.Server):
    """uvicorn with a notice before its end, companions, and no hand in the signals."""

    def __init__(
        self, config: uvicorn.Config, service: ServiceState, companions: tuple[CompanionServer, ...]
    ) -> None:
        super().__init__(config)
        self.up = threading.Event()
        self.failure: SightlineError | None = None
        self.ended_by = "stop"
        self._service = service
        self._companions = companions
        self._wake: Callable[[], object] = lambda: None

    def end(self) -> None:
        """Begin to drain, from any thread."""
        self.should_exit = True
        with contextlib.suppress(RuntimeError):  # its loop has ended
            self._wake()

    def run_quietly(self, listener: socket.socket) -> None:
        """As ``run``; what a companion cannot start with is kept in ``failure``."""
        listener.setblocking(False)
        self._listener = listener
        try:
            self.run([listener.dup()])
        except SightlineError as exc:
            self.failure = exc
        finally:
            listener.close()
            self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command that runs the service."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start what serves beside HTTP, then listen."""
        for companion in self._companions:
            await companion.start()
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        """As uvicorn's, which looks ten times a second whether it is to end; ``end`` is seen at once."""
        loop, ending = asyncio.get_running_loop(), asyncio.Event()
        self._wake = partial(loop.call_soon_threadsafe, ending.set)
        ticks = 0
        while not await self.on_tick(ticks):
            ticks = (ticks + 1) % 864_000
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), _UVICORN_TICK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell, then drain: clients that keep their connections must learn that these end before
        they send into one that is being closed. uvicorn's own waits a tenth of a second for nothing."""
        self._service.draining = True
        log.info("%s: draining", self.ended_by)
        grace_s = float(self.config.timeout_graceful_shutdown or 0)
        ends = [asyncio.ensure_future(c.stop(grace_s)) for c in self._companions]
        await self._wait_while(lambda: bool(self.server_state.connections), NOTICE_S)
        await self._accept_last()
        # Whoever has just come in has a request under way.
        await self._wait_while(lambda: any(map(_is_fresh, self.server_state.connections)), FRESH_S)
        end_s = asyncio.get_running_loop().time() + grace_s - _LAST_WORDS_S
        refusing = asyncio.ensure_future(self._end_arrivals(end_s))
        try:
            for listener in sockets or []:
                listener.close()
            for connection in list(self.server_state.connections):
                connection.shutdown()
            state = self.server_state
            await self._wait_while(lambda: bool(state.connections or state.tasks), grace_s)
            for task in state.tasks:
                task.cancel(msg="the service has ended")
        finally:
            refusing.cancel()
        await asyncio.gather(*ends)

    async def _end_arrivals(self, end_s: float) -> None:
        """Refuse bodies that do not go on, and all that are still on their way when time is up."""
        clock = asyncio.get_running_loop().time
        while True:
            silent_s = STALLED_S if clock() < end_s else 0.0
            for arriving in (self._service.arriving, self._service.fetching):
                arriving.end(silent_s, lambda: Overloaded("the service is going down"))
            await asyncio.sleep(_TICK_S)

    async def _accept_last(self) -> None:
        """Stop listening. Connections that the kernel has accepted for us are taken before: closing
        would reset them, and their clients believe that they are connected."""
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                await loop.connect_accepted_socket(self._protocol, connection)
        self._listener.close()

    def _protocol(self) -> asyncio.Protocol:
        """As uvicorn makes it for the connections that it accepts itself."""
        # Declared as any asyncio.Protocol, whose constructor takes nothing.
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    async def _wait_while(self, condition: Callable[[], bool], seconds: float) -> None:
        for _ in range(int(seconds / _TICK_S)):
            if not condition() or self.force_exit:
                return
            await asyncio.sleep(_TICK_S)


def _is_fresh(connection: object) -> bool:
    """Whether it has not sent a request yet."""
    return isinstance(connection, GuardedProtocol) and connection.cycle is None


@contextlib.contextmanager
def _signals(server: _Uvicorn) -> Iterator[None]:
    def end(number: int, _frame: FrameType | None) -> None:
        # Nothing is logged here: the thread may be writing a line of the log just now. Python refuses a
        # second one inside of it, and that error would end whatever the thread was doing.
        server.force_exit = server.should_exit
        server.should_exit = True
        server.ended_by = signal.Signals(number).name

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
