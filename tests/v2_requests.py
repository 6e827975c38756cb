"""One request of the Open Inference Protocol, in the words of REST and of gRPC."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
from google.protobuf.json_format import ParseDict
from tests.v2_service import Running
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

HEADER_LENGTH = "Inference-Header-Content-Length"
WAIT_S = 30.0


@dataclass(frozen=True)
class Tensor:
    """An input. ``raw`` are its bytes; ``values`` are JSON, and over gRPC typed contents."""

    name: str
    datatype: str
    shape: Sequence[int]
    raw: bytes | None = None
    values: Sequence[Any] | None = None
    contents: str = "fp32_contents"
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What a client hears: the HTTP status or gRPC code, the sentence, and all that comes with it."""

    status: Any
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Infer:
    """An inference."""

    model: str
    inputs: Sequence[Tensor] = ()
    version: str = ""
    outputs: Sequence[str | tuple[str, Mapping[str, Any]]] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def over_http(self, service: Running, headers: Mapping[str, str]) -> Answer:
        inputs, tail = [], b""
        for given in self.inputs:
            parameters = dict(given.parameters)
            one: dict[str, Any] = {
                "name": given.name, "datatype": given.datatype, "shape": list(given.shape),
            }  # fmt: skip
            if given.raw is not None:
                parameters["binary_data_size"] = len(given.raw)
                tail += given.raw
            if given.values is not None:
                one["data"] = list(given.values)
            inputs.append({**one, "parameters": parameters})
        outputs = [{"name": name, "parameters": dict(more)} for name, more in self._outputs()]
        body = json.dumps(
            {"inputs": inputs, "outputs": outputs, "parameters": dict(self.parameters)}
        ).encode()
        version = f"/versions/{self.version}" if self.version else ""
        path = f"/v2/models/{self.model}{version}/infer"
        return _http(service, "POST", path, body + tail, {**headers, HEADER_LENGTH: str(len(body))})

    def over_grpc(self, service: Running, headers: Mapping[str, str]) -> Answer:
        message = pb.ModelInferRequest(model_name=self.model, model_version=self.version)
        for given in self.inputs:
            one = message.inputs.add(
                name=given.name, datatype=given.datatype, shape=list(given.shape)
            )
            _fill(one.parameters, given.parameters)
            if given.raw is not None:
                message.raw_input_contents.append(given.raw)
            if given.values is not None:
                getattr(one.contents, given.contents).extend(given.values)
        for name, more in self._outputs():
            _fill(message.outputs.add(name=name).parameters, more)
        _fill(message.parameters, self.parameters)
        return _grpc(service, "ModelInfer", message, headers)

    def _outputs(self) -> list[tuple[str, Mapping[str, Any]]]:
        return [(one, {}) if isinstance(one, str) else one for one in self.outputs]


@dataclass(frozen=True)
class Call:
    """Any other call: its REST form, and the gRPC method with its message as JSON."""

    path: str
    method: str
    message: Mapping[str, Any]
    body: Any = None
    verb: str = "GET"

    def over_http(self, service: Running, headers: Mapping[str, str]) -> Answer:
        content = b"" if self.body is None else json.dumps(self.body).encode()
        return _http(service, self.verb, self.path, content, headers)

    def over_grpc(self, service: Running, headers: Mapping[str, str]) -> Answer:
        message = ParseDict(self.message, getattr(pb, f"{self.method}Request")())
        return _grpc(service, self.method, message, headers)


def _fill(parameters: Any, values: Mapping[str, Any]) -> None:
    kinds = {bool: "bool_param", int: "int64_param", float: "double_param", str: "string_param"}
    for name, value in values.items():
        setattr(parameters[name], kinds[type(value)], value)


def _http(
    service: Running, verb: str, path: str, body: bytes, headers: Mapping[str, str]
) -> Answer:
    url = f"http://{service.addresses['http']}{path}"
    found = httpx.request(verb, url, content=body, headers=dict(headers), timeout=WAIT_S)
    if found.status_code == 200:
        return Answer(200, "", found.headers)
    told = found.json()
    if told == {"ready": False}:
        return Answer(found.status_code, "", found.headers)
    assert list(told) == ["error"], told
    assert isinstance(told["error"], str), told
    return Answer(found.status_code, told["error"], found.headers)


def _grpc(service: Running, method: str, message: Any, headers: Mapping[str, str]) -> Answer:
    with grpc.insecure_channel(service.addresses["grpc"]) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        metadata = [(name.lower(), value) for name, value in headers.items()]
        try:
            getattr(stub, method)(message, timeout=WAIT_S, metadata=metadata)
        except grpc.RpcError as exc:
            return Answer(exc.code(), exc.details(), dict(exc.trailing_metadata() or ()))
    return Answer(grpc.StatusCode.OK, "", {})
