"""The gRPC calls about the server and its models, with one message each way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.json_format import ParseDict
from tritonclient.grpc import service_pb2 as pb

from sightline.errors import InvalidRequest
from sightline.serving.kserve.open_inference import OpenInference

Method = Callable[[Any, Any], Awaitable[Any]]  # a message, and its context; neither has types


def model_calls(service: OpenInference, ready: Callable[[], bool]) -> dict[str, tuple[Any, Method]]:
    """By name: the kind of the request, and what answers it. Raise as ``OpenInference`` does.

    ``ready`` says whether the server takes requests.
    """

    async def server_live(_: pb.ServerLiveRequest, __: object) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)

    async def server_ready(_: pb.ServerReadyRequest, __: object) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=ready())

    async def server_metadata(_: pb.ServerMetadataRequest, __: object) -> pb.ServerMetadataResponse:
        return ParseDict(service.server(), pb.ServerMetadataResponse())

    async def model_ready(request: pb.ModelReadyRequest, _: object) -> pb.ModelReadyResponse:
        ready = service.model_ready(request.name, request.version)
        return pb.ModelReadyResponse(ready=ready)

    async def model_metadata(
        request: pb.ModelMetadataRequest, _: object
    ) -> pb.ModelMetadataResponse:
        found = await asyncio.to_thread(service.metadata, request.name, request.version)
        return ParseDict(found, pb.ModelMetadataResponse())

    async def model_config(request: pb.ModelConfigRequest, _: object) -> pb.ModelConfigResponse:
        found = await asyncio.to_thread(service.config, request.name, request.version)
        return ParseDict({"config": found}, pb.ModelConfigResponse())

    async def statistics(
        request: pb.ModelStatisticsRequest, _: object
    ) -> pb.ModelStatisticsResponse:
        found = service.statistics(request.name, request.version)
        return ParseDict(found, pb.ModelStatisticsResponse())

    return {
        "ServerLive": (pb.ServerLiveRequest, server_live),
        "ServerReady": (pb.ServerReadyRequest, server_ready),
        "ServerMetadata": (pb.ServerMetadataRequest, server_metadata),
        "ModelReady": (pb.ModelReadyRequest, model_ready),
        "ModelMetadata": (pb.ModelMetadataRequest, model_metadata),
        "ModelConfig": (pb.ModelConfigRequest, model_config),
        "ModelStatistics": (pb.ModelStatisticsRequest, statistics),
    }


def repository_calls(service: OpenInference) -> dict[str, tuple[Any, Method]]:
    """As ``model_calls``: the models that there are, loaded and unloaded."""

    async def index(request: pb.RepositoryIndexRequest, _: object) -> pb.RepositoryIndexResponse:
        found = service.index(ready=request.ready)
        return ParseDict({"models": found}, pb.RepositoryIndexResponse())

    async def load(
        request: pb.RepositoryModelLoadRequest, _: object
    ) -> pb.RepositoryModelLoadResponse:
        """Clients may not bring a configuration or files of their own."""
        for name in request.parameters:
            raise InvalidRequest(f"parameter {name!r:.80} is not supported")
        await asyncio.to_thread(service.load, request.model_name)
        return pb.RepositoryModelLoadResponse()

    async def unload(
        request: pb.RepositoryModelUnloadRequest, _: object
    ) -> pb.RepositoryModelUnloadResponse:
        await asyncio.to_thread(service.unload, request.model_name)
        return pb.RepositoryModelUnloadResponse()

    return {
        "RepositoryIndex": (pb.RepositoryIndexRequest, index),
        "RepositoryModelLoad": (pb.RepositoryModelLoadRequest, load),
        "RepositoryModelUnload": (pb.RepositoryModelUnloadRequest, unload),
    }
