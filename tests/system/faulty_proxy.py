"""RTSP proxies that misbehave on request, in a process of their own: faulty_proxy.py PORT...

For each upstream port there is one; they listen at free ports, which are printed first. Each line
of the input is ``NUMBER MODE``: how that proxy behaves from now on. It is answered with ``NUMBER
MODE COUNT`` once it is so; COUNT tells how often the mode that ended has acted: requests that were
redirected, bytes that were flipped, and so on.
"""

from __future__ import annotations

import asyncio
import random
import struct
import sys
from collections.abc import Callable

HEADER = 4
"""Bytes before a packet within an RTSP connection: "$", the channel, the length (RFC 2326, 10.12)."""
FLIPPED = 0.01
FRAMING_FLIPPED = 0.0001
DAMAGED = 0.2
HOUR = 3600 * 90_000
"""In ticks of the RTP clock."""


class Packets:
    """Cuts what a server sends into RTSP answers and RTP packets, and lets these be changed."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def cut(self, data: bytes, change: Callable[[bytearray], None] | None) -> bytes:
        self._rest += data
        done = bytearray()
        while (size := self._size()) and len(self._rest) >= size:
            piece = self._rest[:size]
            del self._rest[:size]
            if change is not None and piece[0] == ord("$"):
                change(piece)
            done += piece
        return bytes(done)

    def _size(self) -> int:
        """Bytes of what comes first, or 0 where that cannot be told yet."""
        if self._rest[:1] == b"$":
            return HEADER + int.from_bytes(self._rest[2:4], "big") if len(self._rest) >= 4 else 0
        head, found, _ = self._rest.partition(b"\r\n\r\n")
        if not found:
            return 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return len(head) + 4 + int(line.partition(b":")[2])
        return len(head) + 4


class Proxy:
    """One listening port, and what is done to those who connect."""

    def __init__(self, upstream: int, seed: int) -> None:
        self.upstream = upstream
        self.port = 0
        self.mode = "pass"
        self.count = 0
        self._random = random.Random(seed)
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def change(self, mode: str) -> int:
        """Behave so from now on; how often the last mode has acted."""
        last, count = self.mode, self.count
        self.mode, self.count = mode, 0
        if mode in {"refuse", "mute", "redirect"} or last in {"mute", "redirect"}:
            for writer in self._writers:
                writer.transport.abort()
        if mode == "silent":
            self._flowing.clear()
        else:
            self._flowing.set()
        if mode == "refuse" and self._server is not None:
            self._server.close()
            self._server = None
        elif mode != "refuse" and self._server is None:
            await self.listen()
        return count

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            if self.mode == "mute":
                self.count += 1
                while await reader.read(4096):
                    pass
            elif self.mode == "redirect":
                await self._redirect(reader, writer)
            else:
                await self._connect(reader, writer)
        except OSError:
            pass  # one side has left: that is what these proxies are for
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _redirect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while line := await reader.readline():
            if line.lower().startswith(b"cseq:"):
                number = int(line.partition(b":")[2])
            if line.strip():
                continue
            self.count += 1
            to = f"rtsp://127.0.0.1:{self.port}/live"
            answer = f"RTSP/1.0 302 Found\r\nCSeq: {number}\r\nLocation: {to}\r\n\r\n"
            writer.write(answer.encode())
            await writer.drain()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        self._writers.add(up_writer)
        packets = Packets()
        ways = [
            asyncio.create_task(self._pump(reader, up_writer, None)),
            asyncio.create_task(self._pump(up_reader, writer, packets)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers.discard(up_writer)
            up_writer.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, packets: Packets | None
    ) -> None:
        changes = {
            "flip": self._flip,
            "damage": self._damage,
            "ahead": self._ahead,
            "back": self._back,
        }
        while data := await reader.read(65536):
            await self._flowing.wait()
            writer.write(packets.cut(data, changes.get(self.mode)) if packets else data)
            await writer.drain()

    def _flip(self, packet: bytearray) -> None:
        """About 1 % of the bytes; now and then also of what says where a packet ends."""
        for index in range(len(packet)):
            if self._random.random() < (FRAMING_FLIPPED if index < HEADER else FLIPPED):
                packet[index] ^= self._random.randrange(1, 256)
                self.count += 1

    def _damage(self, packet: bytearray) -> None:
        """One byte in one of a few packets: most pictures are good."""
        if self._random.random() < DAMAGED:
            index = self._random.randrange(HEADER, len(packet))
            packet[index] ^= self._random.randrange(1, 256)
            self.count += 1

    def _ahead(self, packet: bytearray) -> None:
        self._shift(packet, HOUR)

    def _back(self, packet: bytearray) -> None:
        self._shift(packet, -HOUR)

    def _shift(self, packet: bytearray, ticks: int) -> None:
        """Add to the time of an RTP packet (RFC 3550, 5.1)."""
        if packet[1] % 2 == 0 and len(packet) >= HEADER + 12:
            at = HEADER + 4
            (time,) = struct.unpack_from(">I", packet, at)
            struct.pack_into(">I", packet, at, (time + ticks) % 2**32)
            self.count += 1


async def main(upstreams: list[int]) -> None:
    proxies = [Proxy(upstream, seed) for seed, upstream in enumerate(upstreams)]
    for proxy in proxies:
        await proxy.listen()
    sys.stdout.write(" ".join(str(proxy.port) for proxy in proxies) + "\n")
    sys.stdout.flush()
    orders = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        number, mode = line.decode().split()
        count = await proxies[int(number)].change(mode)
        sys.stdout.write(f"{number} {mode} {count}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main([int(port) for port in sys.argv[1:]]))
