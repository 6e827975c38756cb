"""Talking to an inference server: the Open Inference Protocol (v2) over gRPC and over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self
from urllib.parse import quote

import numpy as np

from sightline.addresses import decoded, read_address
from sightline.errors import ConfigError, EngineUnavailable
from sightline.redaction import redact_address
from sightline.types import Array

PORTS = {"grpc": 8001, "grpcs": 8001, "http": 8000, "https": 8000}
"""Triton's own, where an address does not say one."""

NUMPY = {
    "BOOL": np.bool_, "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32,
    "UINT64": np.uint64, "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "FP16": np.float16, "FP32": np.float32, "FP64": np.float64,
}  # fmt: skip

LONGEST = 400
"""Characters of a server's message that are kept."""

RECONNECT_MS = (100, 1000)
"""First and longest wait of gRPC's before it tries a lost connection again."""


class ServerGone(Exception):
    """The server does not answer, or not in time."""


class Refused(Exception):
    """The server answers with an error."""


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """A model on a server; ``version`` is empty for the server's choice."""

    scheme: str
    target: str
    model: str
    version: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read ``grpc://host:port/model``. Raises ConfigError where it is none."""
        try:
            read = read_address(url, PORTS)
            names = [decoded(name) for name in read.path.split("/") if name]
            if read.login or read.query or not 1 <= len(names) <= 2:
                raise ValueError("it names no model, or has a login or parameters")
        except ValueError as exc:
            raise ConfigError(
                f"{redact_address(url)} is no address of a model ({exc}): "
                f"grpc://host:{PORTS['grpc']}/model, or http://host:{PORTS['http']}/model"
            ) from None
        target = replace(read, port=read.port or PORTS[read.scheme]).authority
        return cls(read.scheme, target, names[0], "".join(names[1:]))

    def __str__(self) -> str:
        version = f"/{self.version}" if self.version else ""
        return f"{self.scheme}://{self.target}/{self.model}{version}"


class Transport(Protocol):
    """Calls about one model, from any thread. Each raises ServerGone or Refused."""

    def ready(self) -> bool:
        """Whether the server is ready."""

    def model_ready(self) -> bool:
        """Whether the model is ready; False where the server has none of that name."""

    def models(self) -> list[str]:
        """Names of the models that are ready."""

    def metadata(self) -> dict[str, Any]:
        """``inputs`` and ``outputs``: lists of ``name``, ``datatype`` and ``shape``."""

    def max_batch(self) -> int:
        """The most pictures in one inference; 0: as its input's shape says."""

    def infer(self, name: str, tensor: Array, datatype: str) -> dict[str, Array]:
        """Outputs by name, for the one input."""

    def close(self) -> None:
        """Close all connections. Idempotent."""


def connect(address: ModelAddress, timeout_s: float) -> Transport:
    """The transport for an address. Nothing is sent yet."""
    if address.scheme.startswith("grpc"):
        return GrpcTransport(address, timeout_s)
    return HttpTransport(address, timeout_s)


class GrpcTransport:
    """Over gRPC, with tritonclient's stubs. One connection, which gRPC makes again when it is lost."""

    def __init__(self, address: ModelAddress, timeout_s: float) -> None:
        try:
            from tritonclient import grpc
        except ImportError as exc:
            raise EngineUnavailable.not_installed("tritonclient", "triton") from exc
        self._grpc: Any = grpc
        self._address = address
        self._timeout_s = timeout_s
        self._client = grpc.InferenceServerClient(
            address.target,
            ssl=address.scheme == "grpcs",
            channel_args=[
                ("grpc.max_send_message_length", -1),
                ("grpc.max_receive_message_length", -1),
                ("grpc.initial_reconnect_backoff_ms", RECONNECT_MS[0]),
                ("grpc.min_reconnect_backoff_ms", RECONNECT_MS[0]),
                ("grpc.max_reconnect_backoff_ms", RECONNECT_MS[1]),
            ],
        )

    def ready(self) -> bool:
        """Whether the server is ready."""
        return bool(self._call("is_server_ready"))

    def model_ready(self) -> bool:
        """Whether the model is ready; False where the server has none of that name."""
        try:
            return bool(self._call("is_model_ready", self._address.model, self._address.version))
        except Refused:
            return False

    def models(self) -> list[str]:
        """The names of the models that are ready."""
        index = self._call("get_model_repository_index", as_json=True)
        return [m["name"] for m in index.get("models", []) if m.get("state") == "READY"]

    def metadata(self) -> dict[str, Any]:
        """``inputs`` and ``outputs`` of the model, as the Open Inference Protocol describes tensors."""
        model, version = self._address.model, self._address.version
        found = self._call("get_model_metadata", model, version, as_json=True)
        return {"inputs": found.get("inputs", []), "outputs": found.get("outputs", [])}

    def max_batch(self) -> int:
        """Largest batch of the model's configuration; 0: the model has no dimension for batches."""
        model, version = self._address.model, self._address.version
        config = self._call("get_model_config", model, version, as_json=True)["config"]
        return int(config.get("max_batch_size", 0))

    def infer(self, name: str, tensor: Array, datatype: str) -> dict[str, Array]:
        """The outputs of the model by name, for one input tensor."""
        given = self._grpc.InferInput(name, list(tensor.shape), datatype)
        given.set_data_from_numpy(tensor)
        model, version = self._address.model, self._address.version
        result = self._call("infer", model, [given], version)
        names = [output.name for output in result.get_response().outputs]
        return {output: result.as_numpy(output) for output in names}

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._client.close()

    def _call(self, method: str, *args: object, **options: object) -> Any:
        from tritonclient.utils import InferenceServerException

        try:
            return getattr(self._client, method)(*args, client_timeout=self._timeout_s, **options)
        except InferenceServerException as exc:
            gone = str(exc.status()).endswith(("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"))
            raise (ServerGone if gone else Refused)(_shortened(exc.message())) from exc


class HttpTransport:
    """Over HTTP/1.1 with the protocol's extension for binary tensors; a connection per thread."""

    def __init__(self, address: ModelAddress, timeout_s: float) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._local = threading.local()
        self._connections: set[http.client.HTTPConnection] = set()
        version = f"/versions/{quote(address.version)}" if address.version else ""
        self._path = f"/v2/models/{quote(address.model, safe='')}{version}"

    def ready(self) -> bool:
        """Whether the server is ready."""
        return self._is_ok("/v2/health/ready")

    def model_ready(self) -> bool:
        """Whether the model is ready; False where the server has none of that name."""
        return self._is_ok(f"{self._path}/ready")

    def models(self) -> list[str]:
        """The names of the models that are ready."""
        content = self._call("POST", "/v2/repository/index", [b"{}"])[1]
        with _understood():
            return [str(m["name"]) for m in json.loads(content) if m.get("state") == "READY"]

    def metadata(self) -> dict[str, Any]:
        """``inputs`` and ``outputs`` of the model, as the Open Inference Protocol describes tensors."""
        content = self._call("GET", self._path)[1]
        with _understood():
            found = json.loads(content)
            return {key: [_tensor(one) for one in found[key]] for key in ("inputs", "outputs")}

    def max_batch(self) -> int:
        """Largest batch of the model's configuration; 0: the model has no dimension for batches."""
        content = self._call("GET", f"{self._path}/config")[1]
        with _understood():
            return int(json.loads(content).get("max_batch_size", 0))

    def infer(self, name: str, tensor: Array, datatype: str) -> dict[str, Array]:
        """The outputs of the model by name, for one input tensor."""
        sizes = {"binary_data_size": tensor.nbytes}
        given = {"name": name, "shape": tensor.shape, "datatype": datatype, "parameters": sizes}
        asked = {"inputs": [given], "parameters": {"binary_data_output": True}}
        header = json.dumps(asked).encode()
        headers, body = self._call(
            "POST",
            f"{self._path}/infer",
            [header, np.ascontiguousarray(tensor).data.cast("B")],
            {"Inference-Header-Content-Length": str(len(header))},
        )
        with _understood():
            return _outputs(headers, body)

    def _is_ok(self, path: str) -> bool:
        try:
            self._call("GET", path)
        except Refused:
            return False
        return True

    def close(self) -> None:
        """Close all connections. Idempotent."""
        while self._connections:
            self._connections.pop().close()

    def _call(
        self, method: str, path: str, body: list[Any] | None = None, headers: Any = None
    ) -> tuple[Any, bytes]:
        """Headers and body of the answer; a connection that was kept open too long is made again."""
        used = getattr(self._local, "connection", None) is not None
        try:
            return self._once(method, path, body, headers or {})
        except TimeoutError as exc:
            raise ServerGone(f"no answer within {self._timeout_s:g} s") from exc
        except (OSError, http.client.HTTPException) as exc:
            if not used:
                raise ServerGone(str(exc) or type(exc).__name__) from exc
        return self._call(method, path, body, headers)

    def _once(
        self, method: str, path: str, body: list[Any] | None, headers: dict[str, str]
    ) -> tuple[Any, bytes]:
        connection = getattr(self._local, "connection", None)
        try:
            if connection is None:
                kind = (
                    http.client.HTTPSConnection
                    if self._address.scheme == "https"
                    else http.client.HTTPConnection
                )
                connection = kind(self._address.target, timeout=self._timeout_s)
                self._local.connection = connection
                self._connections.add(connection)
            if body is not None:
                headers = headers | {"Content-Length": str(sum(len(part) for part in body))}
            connection.request(method, path, iter(body) if body else None, headers)
            response = connection.getresponse()
            content = response.read()
        except BaseException:  # re-raised; the connection is in no known state
            self._local.connection = None
            if connection is not None:
                connection.close()
                self._connections.discard(connection)
            raise
        if response.status != http.client.OK:
            text = content.decode(errors="replace").strip()
            raise Refused(f"{response.status} {_message(text) or response.reason}")
        return response.headers, content


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """What is wrong with an answer is one error: behind an address there may be any server. Raises Refused."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as exc:
        raise Refused(
            f"its answer is none of the Open Inference Protocol ({type(exc).__name__}: {str(exc)[:80]}): is the "
            "address that of such a server?"
        ) from exc


def _tensor(told: dict[str, Any]) -> dict[str, Any]:
    """One input or output as a server tells of it."""
    sides = [int(side) for side in told["shape"]]
    return {"name": str(told["name"]), "datatype": str(told["datatype"]), "shape": sides}


def _outputs(headers: Any, body: bytes) -> dict[str, Array]:
    """The arrays of an answer: as JSON, or behind it as bytes."""
    length = int(headers.get("Inference-Header-Content-Length", len(body)))
    outputs: dict[str, Array] = {}
    at = length
    for output in json.loads(body[:length])["outputs"]:
        dtype, shape = NUMPY[output["datatype"]], output["shape"]
        size = output.get("parameters", {}).get("binary_data_size")
        if size is None:
            outputs[output["name"]] = np.array(output["data"], dtype).reshape(shape)
            continue
        array: Array = np.frombuffer(body, dtype, math.prod(shape), at)
        outputs[output["name"]] = array.reshape(shape)
        at += size
    return outputs


def _message(text: str) -> str:
    """What the server says in its error: {"error": ...}, or the text itself."""
    try:
        return _shortened(str(json.loads(text)["error"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return _shortened(text)


def _shortened(text: str) -> str:
    """A server's error without its tracebacks: the beginning, and the end where that is far off."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
