"""TensorRT's Python package: which versions there are, and what its log says when something fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sightline.errors import EngineUnavailable

log = logging.getLogger(__name__)

VERSIONS = (10, 11)
"""Versions whose interface is known."""

_KEPT = 20
"""Errors that are kept of one action."""


def tensorrt_library() -> Any:
    """The module ``tensorrt``.

    Raises EngineUnavailable: it is not installed, its libraries cannot be loaded, or it is another version.
    """
    try:
        import tensorrt
    except ImportError as exc:
        if exc.name == "tensorrt":
            raise EngineUnavailable.not_installed("TensorRT", "tensorrt") from exc
        raise EngineUnavailable(f"TensorRT is installed, but cannot be loaded: {exc}") from exc
    except OSError as exc:  # a library that it opens by name is not there
        raise EngineUnavailable(f"TensorRT is installed, but cannot be loaded: {exc}") from exc
    if major_version(tensorrt) not in VERSIONS:
        raise EngineUnavailable(
            f"TensorRT {tensorrt.__version__} is installed, and {' or '.join(map(str, VERSIONS))} is "
            "needed: pip install 'sightline[tensorrt]' (JetPack 6 brings TensorRT 10; earlier ones do not)"
        )
    return tensorrt


def major_version(trt: Any) -> int:
    """10 of ``10.16.1.11``."""
    return int(trt.__version__.partition(".")[0])


class TensorRtLog:
    """TensorRT's log, which this process's builders, runtimes and parsers share: it takes no second one.

    Warnings go to Python's log. Errors do not: they are asked for by whoever sees that something failed.
    """

    def __init__(self, trt: Any) -> None:
        self._trt = trt
        self._lock = threading.Lock()
        self._listening: list[list[str]] = []
        severity = trt.ILogger.Severity
        levels = {severity.WARNING: logging.INFO, severity.INFO: logging.DEBUG}

        def write(level: object, message: str) -> None:
            if level in {severity.INTERNAL_ERROR, severity.ERROR}:
                self._keep(message)
            elif level in levels:
                log.log(levels[level], "TensorRT: %s", message)

        class Logger(trt.ILogger):  # type: ignore[misc]
            """Called by TensorRT, from any of its threads."""

            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: Any, msg: str) -> None:
                write(severity, msg)

        self.logger = Logger()

    def builder(self) -> Any:
        """A ``tensorrt.Builder``. Raises EngineUnavailable: TensorRT cannot start on this device."""
        return self._started("Builder")

    def runtime(self) -> Any:
        """A ``tensorrt.Runtime``. Raises EngineUnavailable: TensorRT cannot start on this device."""
        return self._started("Runtime")

    def _started(self, kind: str) -> object:
        with self.errors() as errors:
            try:
                return getattr(self._trt, kind)(self.logger)
            except TypeError as exc:  # what its bindings make of a null pointer
                raise EngineUnavailable(
                    f"TensorRT {self._trt.__version__} cannot start on this device: {said(errors)}"
                ) from exc

    @contextmanager
    def errors(self) -> Iterator[list[str]]:
        """The errors that are logged meanwhile, by any thread."""
        kept: list[str] = []
        with self._lock:
            self._listening.append(kept)
        try:
            yield kept
        finally:
            with self._lock:
                # Two of them may be equal; `remove` would take either.
                self._listening = [other for other in self._listening if other is not kept]

    def _keep(self, message: str) -> None:
        with self._lock:
            for kept in self._listening:
                if len(kept) == _KEPT:
                    kept.pop()  # the first ones tell what was wrong, and the last one what came of it
                kept.append(message)
        log.debug("TensorRT: error: %s", message)


@cache
def tensorrt_log(trt: object) -> TensorRtLog:
    """The one log of this process."""
    return TensorRtLog(trt)


def said(errors: list[str]) -> str:
    """What a message quotes of TensorRT's errors: the first line of the first one, and the last one's."""
    lines = [line for line in (e.strip().partition("\n")[0] for e in errors) if line]
    return "; ".join(dict.fromkeys((*lines[:1], *lines[-1:]))) or "it does not say why"
