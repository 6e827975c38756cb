"""OpenTelemetry traces of requests, for a collector that is named in the configuration.

Without one nothing is imported and nothing is measured: every call is a no-op. A trace tells of
times, names and sizes; pictures, tokens and addresses of cameras never stand in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from sightline._version import __version__
from sightline.addresses import read_address
from sightline.errors import ConfigError
from sightline.redaction import redact

if TYPE_CHECKING:
    from opentelemetry.trace import Span

EXPORT_TIMEOUT_S = 5


class Trace(Protocol):
    """The trace of one request."""

    def step(self, name: str, began: float, ended: float, **attributes: str | float) -> None:
        """A part of the request that is over: ``queue``, ``infer``, ``encode``.

        ``began`` and ``ended`` are ``time.monotonic()``; it may be told by any thread, until the
        request is answered.
        """

    def note(self, **attributes: str | float) -> None:
        """Something to know of the whole request: ``status=200``, ``model="street"``."""


class Tracing(Protocol):
    """Makes traces."""

    def request(self, name: str, headers: Mapping[str, str], /) -> AbstractContextManager[Trace]:
        """Trace what is done inside as one request.

        Args:
            name: method and pattern of the route, ``POST /detect``.
            headers: the request's, in lower case: ``traceparent`` joins the client's own trace.
        """

    def close(self) -> None:
        """Send what waits. Idempotent."""


class NoTrace:
    """A ``Trace`` that forgets."""

    def step(self, name: str, began: float, ended: float, **attributes: str | float) -> None:
        """Nobody wants to know."""

    def note(self, **attributes: str | float) -> None:
        """Nobody wants to know."""


NOTHING = NoTrace()


class NoTracing:
    """A ``Tracing`` where no collector is configured."""

    @contextmanager
    def request(self, _name: str, _headers: Mapping[str, str]) -> Iterator[Trace]:
        """A trace that keeps nothing."""
        yield NOTHING

    def close(self) -> None:
        """There is nothing to send."""


def tracing(collector: str | None) -> Tracing:
    """What traces requests to an OTLP/HTTP collector (``http://host:4318``), or does nothing.

    Raises:
        ConfigError: OpenTelemetry is not installed.
    """
    return NoTracing() if collector is None else OpenTelemetry(collector)


class OpenTelemetry:
    """A ``Tracing`` with the OpenTelemetry SDK; spans are sent in batches by a thread of its own.

    Requests whose client does not want to be traced (``traceparent`` without the sampled flag) are
    not; all others are.

    Raises ConfigError: OpenTelemetry is not installed.
    """

    def __init__(self, collector: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as exc:
            raise ConfigError(
                "traces need OpenTelemetry: pip install 'sightline[tracing]', or leave trace_to out"
            ) from exc
        resource = Resource.create({"service.name": "sightline", "service.version": __version__})
        exporter = OTLPSpanExporter(_endpoint(collector), timeout=EXPORT_TIMEOUT_S)
        # Not the global provider: a program around us may have its own.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("sightline", __version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, name: str, headers: Mapping[str, str]) -> Iterator[Trace]:
        """A span of a request, which goes on with the client's trace where its headers name one."""
        from opentelemetry.trace import SpanKind, Status, StatusCode

        context = self._propagator.extract(headers)
        span = self._tracer.start_span(name, context, SpanKind.SERVER)
        try:
            yield _Request(self._tracer, span)
        except BaseException as exc:  # re-raised; the span records it
            span.set_status(Status(StatusCode.ERROR, redact(f"{type(exc).__name__}: {exc}")))
            raise
        finally:
            span.end()

    def close(self) -> None:
        """Send what is left, then end."""
        self._provider.shutdown()


class _Request:
    def __init__(self, tracer: Any, span: Span) -> None:
        from opentelemetry.trace import set_span_in_context

        self._tracer = tracer
        self._span = span
        self._context = set_span_in_context(span)
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def step(self, name: str, began: float, ended: float, **attributes: str | float) -> None:
        """Add a step from ``began`` to ``ended``, monotonic seconds."""
        child = self._tracer.start_span(
            name, self._context, attributes=attributes, start_time=self._unix_ns(began)
        )
        child.end(self._unix_ns(ended))

    def note(self, **attributes: str | float) -> None:
        """Add attributes to the request's span."""
        self._span.set_attributes(attributes)

    def _unix_ns(self, monotonic: float) -> int:
        return int(monotonic * 1e9) + self._offset_ns


def _endpoint(collector: str) -> str:
    """The address of a collector is its own, or that of its traces."""
    return (
        collector
        if read_address(collector).path.strip("/")
        else f"{collector.rstrip('/')}/v1/traces"
    )
