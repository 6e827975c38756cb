"""Tensors in POSIX shared memory: regions that clients name in requests instead of sending bytes.

Nothing is mapped. A mapped file that its owner cuts shorter kills the process that reads it (SIGBUS);
``pread`` and ``pwrite`` on the open file just come back short.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import weakref
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sightline.errors import Conflict, InvalidRequest, NotFound, RequestError
from sightline.serving.kserve.tensors import InputTensor, Output, Place, wrong
from sightline.types import JsonObject

FOLDER = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory is, not a temporary file
KEY = re.compile(r"/?(?!\.{1,2}\Z)[^/\0]{1,254}")
MOST_REGIONS = 1024
LONGEST_NAME = 256
NO_CUDA = "CUDA shared memory is not offered: use system shared memory, or send the tensors"


class NotSupported(RequestError):
    """The protocol has it, and this service does not offer it."""

    status = 501


class AlreadyRegistered(Conflict):
    """There is a region of this name already."""


class Full(Conflict):
    """There are as many regions as there may be."""


class Region:
    """A part of a shared memory object, open as long as somebody uses it.

    Args:
        name: that clients give it.
        key: of the object.
        offset: of its first byte in the object.
        size: bytes.
        descriptor: of the open object; owned.
    """

    def __init__(self, name: str, key: str, offset: int, size: int, descriptor: int) -> None:
        self.name, self.key, self.offset, self.size = name, key, offset, size
        self._descriptor = descriptor
        # Not at unregistering: a request in flight would read another file under the same number.
        weakref.finalize(self, os.close, descriptor)

    def to_dict(self) -> JsonObject:
        """The region as the protocol's status has it; ``offset`` and ``byte_size`` in bytes."""
        return {
            "name": self.name,
            "key": self.key,
            "offset": self.offset,
            "byte_size": self.size,
        }

    def check(self, what: str, place: Place) -> None:
        """Raises InvalidRequest where a place is not within the region."""
        if place.offset + place.size > self.size:
            raise InvalidRequest(
                f"{what}: {place.size} bytes at offset {place.offset} are not within the shared "
                f"memory region {self.name!r:.80}, which has {self.size}"
            )

    def read(self, what: str, place: Place) -> bytes:
        """A copy of the bytes of a place. Raises InvalidRequest: it is not there any more."""
        self.check(what, place)
        pieces: list[bytes] = []
        at, end = self.offset + place.offset, self.offset + place.offset + place.size
        try:
            while at < end and (piece := os.pread(self._descriptor, end - at, at)):
                pieces.append(piece)
                at += len(piece)
        except OSError as exc:
            raise InvalidRequest(f"{what}: {self._cannot('read', exc)}") from exc
        if at < end:
            raise InvalidRequest(f"{what}: {self._shrunk(end)}")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def write(self, what: str, place: Place, data: bytes | memoryview) -> None:
        """Put bytes at a place. Raises InvalidRequest: they do not fit, or it is not there any more."""
        self.check(what, place)
        if len(data) > place.size:
            raise InvalidRequest(
                f"{what}: it has {len(data)} bytes, but shared_memory_byte_size is {place.size}"
            )
        at, rest = self.offset + place.offset, memoryview(data)
        try:
            if os.fstat(self._descriptor).st_size < at + len(rest):
                raise InvalidRequest(f"{what}: {self._shrunk(at + len(rest))}")
            while rest:
                written = os.pwrite(self._descriptor, rest, at)
                at, rest = at + written, rest[written:]
        except OSError as exc:
            raise InvalidRequest(f"{what}: {self._cannot('written', exc)}") from exc

    def _shrunk(self, end: int) -> str:
        return (
            f"the shared memory object {self.key!r:.80} has become smaller than the {end} bytes that "
            f"the region {self.name!r:.80} needs: register it anew"
        )

    def _cannot(self, what: str, exc: OSError) -> str:
        return f"the shared memory region {self.name!r:.80} cannot be {what}: {exc.strerror}"


class Regions:
    """The regions that were registered, by name. Thread-safe.

    Args:
        folder: where the system has its shared memory objects.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._regions: dict[str, Region] = {}
        self._changing = threading.Lock()

    def register(self, name: str, key: str, offset: int, size: int) -> None:
        """Open a region.

        Raises:
            InvalidRequest: there is no such object, it is smaller, or these are no such values.
            AlreadyRegistered: the name is taken.
            Full: there are too many.
        """
        if not 0 < len(name) <= LONGEST_NAME:
            raise InvalidRequest(f"the name of a region has 1 to {LONGEST_NAME} characters")
        what = f"shared memory region {name!r:.80}"
        if not KEY.fullmatch(key):
            raise InvalidRequest(
                f"{what}: the key must be a name as shm_open takes it (/name, with no other slash), "
                f"not {key!r:.80}"
            )
        if offset < 0 or size < 1:
            raise InvalidRequest(f"{what}: offset must be 0 or more, byte_size 1 or more")
        region = Region(name, key, offset, size, self._opened(what, key, offset + size))
        with self._changing:
            if name in self._regions:
                raise AlreadyRegistered(f"{what} is registered already: unregister it first")
            if len(self._regions) >= MOST_REGIONS:
                raise Full(
                    f"{what}: {MOST_REGIONS} regions are registered already: unregister one first"
                )
            self._regions[name] = region

    def unregister(self, name: str = "") -> None:
        """Forget a region, or all. Requests that use it go on; nothing where there is none."""
        with self._changing:
            if name:
                self._regions.pop(name, None)
            else:
                self._regions.clear()

    def status(self, name: str = "") -> list[JsonObject]:
        """One region, or all. Raises NotFound."""
        with self._changing:
            regions = list(self._regions.values())
        return [r.to_dict() for r in ([self.get(name)] if name else regions)]

    def get(self, name: str) -> Region:
        """Raises NotFound."""
        region = self._regions.get(name)
        if region is None:
            raise NotFound(
                f"shared memory region {name!r:.80} is not registered: register it first"
            )
        return region

    def fetched(self, tensor: InputTensor) -> InputTensor:
        """An input with the bytes of its place. Raises InvalidRequest."""
        if tensor.place is None:
            return tensor
        raw = self._used(f"input {tensor.name!r:.80}", tensor.place).read(
            f"input {tensor.name!r:.80}", tensor.place
        )
        return replace(tensor, raw=raw, place=None)

    def target(self, output: str, place: Place) -> OutputRegion:
        """Where an output is to be put. Raises InvalidRequest."""
        what = f"output {output!r:.80}"
        region = self._used(what, place)
        region.check(what, place)
        return OutputRegion(region, place)

    def _used(self, what: str, place: Place) -> Region:
        try:
            return self.get(place.region)
        except NotFound as exc:
            raise InvalidRequest(f"{what}: {exc}") from exc

    def _opened(self, what: str, key: str, end: int) -> int:
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(self._folder / key.removeprefix("/"), flags)
        except (OSError, ValueError) as exc:
            why = exc.strerror if isinstance(exc, OSError) else "it is no name of a file"
            raise InvalidRequest(f"{what}: key {key!r:.80} cannot be opened: {why}") from exc
        found = os.fstat(descriptor)
        problem = None
        if not stat.S_ISREG(found.st_mode):
            problem = "is no shared memory object"
        elif found.st_size < end:
            problem = f"has {found.st_size} bytes; offset and byte_size need {end}"
        if problem is None:
            return descriptor
        os.close(descriptor)
        raise InvalidRequest(f"{what}: key {key!r:.80} {problem}")


class OutputRegion:
    """Where an output goes; its region stays open as long."""

    def __init__(self, region: Region, place: Place) -> None:
        self._region = region
        self._place = place

    def put(self, output: Output) -> Output:
        """Write an output, and give what is said of it instead. Raises InvalidRequest."""
        raw = output.raw
        self._region.write(f"output {output.name!r:.80}", self._place, raw)
        return replace(output, place=replace(self._place, size=len(raw)))


def taken(inputs: Sequence[InputTensor], limit: int) -> int:
    """Bytes that inputs have in shared memory. Raises InvalidRequest: more than a request may bring."""
    total = 0
    for tensor in inputs:
        total += tensor.place.size if tensor.place else 0
        if total > limit:
            raise wrong(tensor, f"inputs in shared memory have {limit} bytes at most together")
    return total
