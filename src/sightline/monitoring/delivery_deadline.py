"""How long one delivery may take in all: time limits of sockets are for each read, and a server may send byte by byte."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_AGAIN_S = 0.1
"""A connection that is just being encrypted has no socket that could be cut; it gets one soon."""


class DeliveryDeadline:
    """Cuts the connection of what is done within it, once its time is over: whoever waits there gets an OSError.

    Args:
        seconds: from its beginning.
        get_socket: the connection's socket at the moment, None while there is none. Called by another thread.
    """

    def __init__(self, seconds: float, get_socket: Callable[[], socket.socket | None]) -> None:
        self._seconds, self._get_socket = seconds, get_socket
        self._done = threading.Event()
        self.passed = False
        """Whether the time was over before it was done."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="delivery-deadline", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()

    def _watch(self) -> None:
        if self._done.wait(self._seconds):
            return
        self.passed = True
        while not self._done.is_set():
            found = self._get_socket()
            if found is not None:
                with contextlib.suppress(OSError):  # it is closed already
                    # Not that of an SSL socket, which would take its state from under whoever reads.
                    socket.socket.shutdown(found, socket.SHUT_RDWR)
            self._done.wait(_AGAIN_S)
