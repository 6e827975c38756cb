"""A load generator: as many HTTP requests as a service answers, or as many as are wanted.

Knows as little of HTTP as it takes, since its own work must not be what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from sightline.addresses import read_address
from sightline.errors import ConfigError
from sightline.redaction import redact_address


@dataclass
class LoadResult:
    """What came back in so many ``seconds``.

    ``latencies`` are seconds of each answer by status; ``lost`` requests have got none.
    """

    seconds: float
    latencies: dict[int, list[float]] = field(default_factory=dict)
    lost: int = 0

    def add(self, status: int, latency: float) -> None:
        """Keep the latency, in seconds, of an answer with this status."""
        self.latencies.setdefault(status, []).append(latency)

    @property
    def rate(self) -> float:
        """Answers with status 200 per second."""
        return len(self.latencies.get(200, ())) / self.seconds

    @property
    def counts(self) -> Counter[int]:
        """Answers by status."""
        return Counter({status: len(found) for status, found in self.latencies.items()})

    def percentile(self, percent: float, status: int = 200) -> float:
        """Milliseconds; not a number where there was no such answer."""
        found = self.latencies.get(status)
        return float(np.percentile(found, percent)) * 1e3 if found else float("nan")


@dataclass(frozen=True)
class LoadTarget:
    """Where requests go, and what they are: the bytes that are sent each time."""

    host: str
    port: int
    request: bytes

    @classmethod
    def of(
        cls, url: str, body: bytes, media_type: str = "image/jpeg", token: str | None = None
    ) -> LoadTarget:
        """POST ``body`` to ``url``. Raises ConfigError: it is no http:// address."""
        try:
            address = read_address(url, ("http",))
        except ValueError as exc:
            raise ConfigError(
                f"{redact_address(url)}: give an address such as http://127.0.0.1:8000/detect: {exc}"
            ) from None
        path = (address.path or "/detect") + (f"?{address.query}" if address.query else "")
        login = f"Authorization: Bearer {token}\r\n" if token else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {address.authority}\r\nContent-Type: {media_type}\r\n"
            f"{login}Content-Length: {len(body)}\r\n\r\n"
        )
        return cls(address.host, address.port or 80, head.encode() + body)


class _Connection(asyncio.Protocol):
    """One request at a time over a connection that is kept."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[int] | None = None
        self.closed = False
        self._data = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server has accepted the connection."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """Send a whole request; the future is the answer's status. Raises ConnectionError: it is closed."""
        if self.closed:
            raise ConnectionError("the server hung up")
        self._data.clear()
        self.answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self.answer

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer have come; a whole one settles its future."""
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(bytes(head).lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        if len(body) >= length and self.answer is not None and not self.answer.done():
            self.answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        """The server is gone: what waits fails with ConnectionError."""
        del exc
        self.closed = True
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionError("the server hung up"))


async def _connect(target: LoadTarget) -> _Connection:
    loop = asyncio.get_running_loop()
    _, made = await loop.create_connection(_Connection, target.host, target.port)
    return made


async def closed_loop(target: LoadTarget, clients: int, seconds: float) -> LoadResult:
    """So many clients; each asks again when it has its answer. Raises OSError."""
    load, begin = LoadResult(seconds), time.perf_counter()

    async def client() -> None:
        connection = await _connect(target)
        while (start := time.perf_counter()) < begin + seconds:
            status = await connection.ask(target.request)
            load.add(status, time.perf_counter() - start)
        connection.transport.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return load


async def open_loop(target: LoadTarget, rate: float, seconds: float) -> LoadResult:
    """So many requests a second, whatever becomes of them; latency counts from when each was due."""
    load = LoadResult(seconds)
    free: list[_Connection] = []
    begin = time.perf_counter()

    async def one(due: float) -> None:
        try:
            while free and free[-1].closed:  # the server has hung up meanwhile
                free.pop()
            connection = free.pop() if free else await _connect(target)
            status = await connection.ask(target.request)
        except OSError:
            load.lost += 1
            return
        load.add(status, time.perf_counter() - due)
        if not connection.closed:
            free.append(connection)

    tasks = []
    for number in range(int(rate * seconds)):
        due = begin + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    for connection in free:
        connection.transport.close()
    return load
