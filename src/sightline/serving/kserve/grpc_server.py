"""The gRPC server of the Open Inference Protocol; lives in the HTTP server's event loop."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import grpc

from sightline.config import ServingOptions
from sightline.errors import ConfigError
from sightline.serving.http.limits import MEGABYTE
from sightline.serving.http.security import check_exposure
from sightline.serving.kserve.grpc_calls import Calls
from sightline.serving.kserve.grpc_seam import CallObserver
from sightline.serving.kserve.open_inference import OpenInference

SPARE_CALLS = 64
"""Calls beside inferences and streams: health, metadata, and those that are being refused."""

NOTICE_S = 0.5
"""So long calls are refused before connections end."""

# At DEBUG gRPC logs a server that is being freed; a record that is kept then holds freed memory, and the
# process crashes when the record goes.
logging.getLogger("grpc._cython.cygrpc").setLevel(logging.INFO)


class GrpcServer:
    """Serves what ``OpenInference`` does over gRPC; a ``CompanionServer`` of the HTTP server.

    Args:
        service: what the calls do.
        options: ``host``, ``grpc_port`` (0 takes a free one), tokens and limits.
        observer: of the calls: see ``Calls``.

    Raises ConfigError: others could reach it and no token is demanded.
    """

    def __init__(
        self, service: OpenInference, options: ServingOptions, observer: CallObserver | None = None
    ) -> None:
        check_exposure(options)
        self._service = service
        self._options = options
        self._observer = observer
        self._port: int | None = None

    @property
    def port(self) -> int:
        """The port on which it listens. Raises ConfigError: it was not started."""
        if self._port is None:
            raise ConfigError("the gRPC server was not started")
        return self._port

    async def start(self) -> None:
        """Listen. Raises ConfigError: the port is taken, or the address is not ours."""
        self._calls = Calls(self._service, self._options, self._observer)
        limits = self._options.limits
        self._server = grpc.aio.server(
            options=_core_options(self._options),
            maximum_concurrent_rpcs=2 * limits.in_flight
            + limits.arriving_per_address
            + SPARE_CALLS,
        )
        self._server.add_generic_rpc_handlers(self._calls.handlers())
        self._port = _listen(self._server, self._options)
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Accept nothing more; finish what was accepted, for so long at most. Idempotent."""
        if self._port is not None:
            self._calls.end()
            # gRPC's own shutdown cancels calls that are on their way; clients hear UNAVAILABLE
            # before, and go elsewhere.
            notice_s = min(NOTICE_S, grace_s)
            await asyncio.sleep(notice_s)
            self._calls.end_arrivals()
            await self._server.stop(grace_s - notice_s)


def _listen(server: Any, options: ServingOptions) -> int:
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"{host}:{options.grpc_port}"
    try:
        return int(server.add_insecure_port(address))
    except RuntimeError as exc:
        raise ConfigError(
            f"cannot listen to {address} for gRPC: choose another serving.grpc_port"
        ) from exc


def _core_options(options: ServingOptions) -> list[tuple[str, int]]:
    """Settings of gRPC's core; its ``channel_arg_names.h`` explains them."""
    limits = options.limits
    return [
        ("grpc.max_receive_message_length", int(limits.body_mb * MEGABYTE)),
        ("grpc.max_send_message_length", -1),  # ours, and as large as a network's outputs are
        ("grpc.max_concurrent_streams", limits.in_flight),
        ("grpc.server_handshake_timeout_ms", round(limits.header_timeout_s * 1e3)),
        ("grpc.keepalive_time_ms", 60_000),  # a client that is gone is noticed
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.so_reuseport", 0),  # else a second server would silently take half of the calls
    ]
