"""The gRPC calls about shared memory."""

from __future__ import annotations

from typing import Any, NoReturn

from tritonclient.grpc import service_pb2 as pb

from sightline.serving.kserve.grpc_model_calls import Method
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.kserve.shared_memory import NO_CUDA, NotSupported


def shared_memory_calls(service: OpenInference) -> dict[str, tuple[Any, Method]]:
    """By name: the kind of the request, and what answers it. Raise as ``Regions`` does."""

    async def status(
        request: pb.SystemSharedMemoryStatusRequest, _: object
    ) -> pb.SystemSharedMemoryStatusResponse:
        answer = pb.SystemSharedMemoryStatusResponse()
        for region in service.regions.status(request.name):
            told = answer.regions[region["name"]]
            for field, value in region.items():
                setattr(told, field, value)
        return answer

    async def register(
        request: pb.SystemSharedMemoryRegisterRequest, _: object
    ) -> pb.SystemSharedMemoryRegisterResponse:
        service.regions.register(request.name, request.key, request.offset, request.byte_size)
        return pb.SystemSharedMemoryRegisterResponse()

    async def unregister(
        request: pb.SystemSharedMemoryUnregisterRequest, _: object
    ) -> pb.SystemSharedMemoryUnregisterResponse:
        service.regions.unregister(request.name)
        return pb.SystemSharedMemoryUnregisterResponse()

    async def cuda(_: object, __: object) -> NoReturn:
        raise NotSupported(NO_CUDA)

    return {
        "SystemSharedMemoryStatus": (pb.SystemSharedMemoryStatusRequest, status),
        "SystemSharedMemoryRegister": (pb.SystemSharedMemoryRegisterRequest, register),
        "SystemSharedMemoryUnregister": (pb.SystemSharedMemoryUnregisterRequest, unregister),
        "CudaSharedMemoryStatus": (pb.CudaSharedMemoryStatusRequest, cuda),
        "CudaSharedMemoryRegister": (pb.CudaSharedMemoryRegisterRequest, cuda),
        "CudaSharedMemoryUnregister": (pb.CudaSharedMemoryUnregisterRequest, cuda),
    }
