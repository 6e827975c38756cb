"""Every error of the Open Inference endpoints: REST's status, gRPC's code, and one sentence for both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from grpc import StatusCode
from tests import native_models
from tests.v2_requests import HEADER_LENGTH, Call, Infer, Tensor
from tests.v2_service import Running, running

ADMIN = {"Authorization": "Bearer admin"}
FEATURES = np.arange(12, dtype=np.float32).tobytes()
INVALID = (400, StatusCode.INVALID_ARGUMENT)
UNKNOWN = (404, StatusCode.NOT_FOUND)
REGION, SIZE, OFFSET = (f"shared_memory_{part}" for part in ("region", "byte_size", "offset"))


def features(**more: Any) -> Tensor:
    """The input of the model ``mlp``: FP32 (n, 4)."""
    given: dict[str, Any] = {"name": "features", "datatype": "FP32", "shape": [3, 4]}
    return Tensor(**{**given, "raw": FEATURES, **more})


def asking(*outputs: Any, parameters: Any = {}, **more: Any) -> Infer:  # noqa: B006 - read only
    return Infer("mlp", [features(**more)], outputs=outputs, parameters=parameters)


def placed(**parameters: Any) -> Infer:
    """An inference whose input is in shared memory."""
    return Infer("mlp", [features(raw=None, parameters=parameters)])


def ids(*values: int) -> bytes:
    return np.array(values, np.int64).tobytes()


def text(tokens: Any, mask: Any) -> Infer:
    return Infer("text", [Tensor("tokens", "INT64", *tokens), Tensor("mask", "INT64", *mask)])


def picture(raw: bytes, count: int = 1, **parameters: Any) -> Infer:
    return Infer("street.detect", [Tensor("image", "BYTES", [count], raw)], parameters=parameters)


def about(name: str, method: str, tail: str = "", version: str = "") -> Call:
    between = f"/versions/{version}" if version else ""
    return Call(f"/v2/models/{name}{between}{tail}", method, {"name": name, "version": version})


def change(name: str, what: str, **more: Any) -> Call:
    method = f"RepositoryModel{what.capitalize()}"
    return Call(
        f"/v2/repository/models/{name}/{what}", method, {"modelName": name, **more}, verb="POST"
    )


def registering(name: str, key: str, size: int, offset: int = 0) -> Call:
    body = {"key": key, "byte_size": size, "offset": offset}
    message = {"name": name, "key": key, "byteSize": size, "offset": offset}
    path = f"/v2/systemsharedmemory/region/{name}/register"
    return Call(path, "SystemSharedMemoryRegister", message, body, "POST")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("errors")
    files = {
        "mlp": native_models.perceptron(folder / "mlp.onnx"),
        "text": native_models.embedding(folder / "text.onnx"),
        "spare": native_models.perceptron(folder / "spare.onnx"),
        "broken": native_models.perceptron(folder / "broken.onnx"),
    }
    models: dict[str, Any] = {name: {"model": str(file)} for name, file in files.items()}
    models["street"] = {"model": "street", "warm_up": False, "backend": "onnxruntime"}
    with running(models, shared_memory=True, admin_token="admin", limits={"body_mb": 1}) as found:
        found.application.repository.unload("spare")
        found.application.repository.unload("broken")
        files["broken"].write_bytes(b"no model")
        assert change("broken", "load").over_http(found, ADMIN).status == 409
        yield found


# The request, REST's status and gRPC's code, and what the sentence says.
CASES: dict[str, tuple[Any, tuple[int, StatusCode], str]] = {
    # Models
    "unknown model": (
        Infer("mpl", [features()]), UNKNOWN,
        "there is no model 'mpl'; there are mlp, text, spare, broken, street",
    ),
    "unknown model's native face": (Infer("no.native", [features()]), UNKNOWN, "no model 'no'; there"),
    "unknown model's version": (Infer("mpl", [features()], "7"), UNKNOWN, "there is no model 'mpl'"),
    "unloaded": (
        Infer("spare", [features()]), UNKNOWN,
        r"model 'spare' is not loaded \(unloaded\): an administrator can load it",
    ),
    "failed": (
        Infer("broken", [features()]), UNKNOWN, r"'broken' is not loaded \(failed\): the log says why"
    ),
    "version": (
        Infer("mlp", [features()], "2"), UNKNOWN, "'mlp' has version 1 only, not '2': leave the version"
    ),
    "pictures for a model of tensors": (
        Infer("mlp.detect", [features()]), UNKNOWN, "model 'mlp' takes no pictures: there is no 'mlp.detect'"
    ),
    "metadata": (about("mpl", "ModelMetadata"), UNKNOWN, "no model 'mpl'; there are mlp"),
    "metadata, unloaded": (about("spare", "ModelMetadata"), UNKNOWN, "'spare' is not loaded"),
    "metadata, version": (about("mlp", "ModelMetadata", version="2"), UNKNOWN, "version 1 only"),
    "configuration": (about("mpl", "ModelConfig", "/config"), UNKNOWN, "no model 'mpl'"),
    "configuration, version": (about("mlp", "ModelConfig", "/config", "x"), UNKNOWN, "only, not 'x'"),
    "statistics": (about("mpl", "ModelStatistics", "/stats"), UNKNOWN, "no model 'mpl'"),
    "statistics, unloaded": (about("spare", "ModelStatistics", "/stats"), UNKNOWN, "not loaded"),
    "readiness": (about("mpl", "ModelReady", "/ready"), UNKNOWN, "no model 'mpl'"),
    "readiness, version": (about("mlp", "ModelReady", "/ready", "2"), UNKNOWN, "version 1 only"),
    "readiness, unloaded, version": (about("spare", "ModelReady", "/ready", "2"), UNKNOWN, "1 only"),
    # Inputs and outputs
    "no input": (Infer("mlp"), INVALID, r"input 'features': it is missing; the model takes .*FP32 \[-1, 4\]"),
    "one of two": (
        Infer("text", [Tensor("tokens", "INT64", [1, 1], ids(3))]), INVALID,
        "input 'mask': it is missing; the model takes 'tokens' INT64",
    ),
    "name": (asking(name="featuers"), INVALID, "input 'featuers': .* no such input; it takes 'features'"),
    "twice": (Infer("mlp", [features()] * 2), INVALID, "input 'features': it is given twice"),
    "datatype": (asking(datatype="FP64"), INVALID, "'features': datatype must be FP32, not 'FP64'"),
    "no datatype": (asking(datatype="fp32"), INVALID, "datatype must be FP32, not 'fp32'"),
    "shape": (asking(shape=[4, 3]), INVALID, r"'features': shape must be \[-1, 4\] .* not \[4, 3\]"),
    "rank": (asking(shape=[12]), INVALID, r"shape must be \[-1, 4\] .* not \[12\]"),
    "negative side": (asking(shape=[-1, 4]), INVALID, r"shape must be .* not \[-1, 4\]"),
    "huge side": (asking(shape=[2**62, 4]), INVALID, "needs 73786976294838206464 bytes, not 48"),
    "nine sides": (asking(shape=[1] * 9), INVALID, "'features': its shape must have at most 8 sides"),
    "short": (asking(raw=FEATURES[:-1]), INVALID, r"'features': shape \[3, 4\] of FP32 needs 48 bytes, not 47"),
    "long": (asking(raw=FEATURES + b"more"), INVALID, "needs 48 bytes, not 52"),
    "few values": (asking(raw=None, values=[1.0] * 11), INVALID, "needs 12 elements, not 11"),
    "no content": (asking(raw=None), INVALID, "input 'features': its content is missing: "),
    "no content of the second": (
        text(([1, 1], ids(3)), ([1, 1],)), INVALID, "input 'mask': its content is missing: "
    ),
    "content twice": (asking(values=[1.0] * 12), INVALID, "'features': its content is given twice: leave out"),
    "NaN": (
        asking(raw=np.full(12, np.nan, np.float32).tobytes()), INVALID, "'features': it holds NaN or infinity"
    ),
    "65 inputs": (Infer("mlp", [features()] * 65), INVALID, "inputs: it must have at most 64 items"),
    "batches differ": (
        text(([1, 1], ids(3)), ([2, 1], ids(1, 1))), INVALID,
        "input 'mask': a batch of 2, but input 'tokens' has 1",
    ),
    "what the model cannot run": (
        text(([1, 1], ids(99)), ([1, 1], ids(1))), INVALID,
        "the model cannot run these inputs: .*idx=99 must be within",
    ),
    "output": (asking("scors"), INVALID, "output 'scors': the model has no such output; it has scores"),
    "output twice": (asking("scores", "scores"), INVALID, "output 'scores': it is asked for twice"),
    "classification": (
        asking(("scores", {"classification": 2})), INVALID, "'scores': parameter 'classification' is not supp"
    ),
    # Pictures
    "size": (
        Infer("street", [Tensor("images", "UINT8", [1, 8, 8, 3], bytes(192))]), INVALID,
        "input 'images': height and width must be one of .*640x640; not 8x8",
    ),
    "neither pictures nor the file's": (
        Infer("street", [Tensor("images", "FP16", [1, 8, 8, 3], bytes(384))]), INVALID,
        r"'images': datatype must be FP32, not 'FP16'; or pictures: 'images' UINT8 \[-1, -1, -1, 3\]",
    ),
    "no picture": (
        picture(b"\2\0\0\0hi"), INVALID, "input 'image': picture 0 is no JPEG, .* picture: check what it is"
    ),
    "length of an element": (picture(b"\x09\0\0\0hi"), INVALID, "'image': element 0 has 9 bytes, but fewer"),
    "half a length": (picture(b"\x09\0"), INVALID, "'image': its data end within the length of"),
    "one picture of two": (picture(b"\2\0\0\0hi", 2), INVALID, r"'image': shape \[2\] needs 2 elements, not 1"),
    "two pictures of one": (picture(b"\2\0\0\0hi" * 2), INVALID, "needs 1 elements, not 2"),
    "65 pictures": (picture(b"\0\0\0\0" * 65, 65), INVALID, "'image': a batch has 64 pictures at most"),
    # Parameters
    "priority": (
        asking(parameters={"priority": "high"}), INVALID,
        r"'priority' must be urgent \(1\), normal \(2\) or batch \(3\), not 'high'",
    ),
    "priority number": (asking(parameters={"priority": 9}), INVALID, "'priority' must be .* not 9"),
    "timeout": (asking(parameters={"timeout": -1}), INVALID, "'timeout' must be whole microsec.* not -1"),
    "timeout as text": (asking(parameters={"timeout": "1s"}), INVALID, "'timeout' must .* not '1s'"),
    "client": (asking(parameters={"client": ""}), INVALID, "'client' must be text of 1 to 64"),
    "too late": (
        asking(parameters={"timeout": 1}), (504, StatusCode.DEADLINE_EXCEEDED), "model mlp: .*too late"
    ),
    # The repository
    "load": (change("mpl", "load"), UNKNOWN, "there is no model 'mpl'; there are mlp"),
    "load what is broken": (
        change("broken", "load"), (409, StatusCode.FAILED_PRECONDITION),
        "model broken was not loaded: see the log",
    ),
    "load with a configuration": (
        Call(
            "/v2/repository/models/mlp/load", "RepositoryModelLoad",
            {"modelName": "mlp", "parameters": {"config": {"stringParam": "{}"}}},
            {"parameters": {"config": "{}"}}, "POST",
        ),
        INVALID, "parameter 'config' is not supported",
    ),
    "unload": (change("mpl", "unload"), UNKNOWN, "there is no model 'mpl'"),
    # Shared memory
    "unknown region": (
        placed(**{REGION: "r", SIZE: 48}), INVALID,
        "input 'features': shared memory region 'r' is not registered: register it first",
    ),
    "region without a size": (placed(**{REGION: "r"}), INVALID, f"'features': {REGION} needs {SIZE}"),
    "size without a region": (placed(**{SIZE: 48}), INVALID, f"'features': .* need {REGION}"),
    "negative offset": (
        placed(**{REGION: "r", SIZE: 48, OFFSET: -1}), INVALID, f"'features': {OFFSET} must be .* not -1"
    ),
    "region that is no name": (placed(**{REGION: 3, SIZE: 48}), INVALID, f"{REGION} must be the name of"),
    "in shared memory and sent": (
        Infer("mlp", [features(parameters={REGION: "r", SIZE: 48})]), INVALID,
        "input 'features': its content is given twice: in shared memory and in the request",
    ),
    "output to an unknown region": (
        asking(("scores", {REGION: "r", SIZE: 36})), INVALID, "output 'scores': shared memory region 'r' is not"
    ),
    "status of an unknown region": (
        Call("/v2/systemsharedmemory/region/r/status", "SystemSharedMemoryStatus", {"name": "r"}), UNKNOWN,
        "shared memory region 'r' is not registered",
    ),
    "key": (registering("r", "/a/b", 4), INVALID, "region 'r': the key must be a name .* not '/a/b'"),
    "no such object": (
        registering("r", "/sightline-none", 4), INVALID, "'r': key '/sightline-none' cannot be opened: No such"
    ),
    "size of a region": (registering("r", "/x", 0), INVALID, "'r': offset must be 0 or more, byte_size 1"),
    "CUDA": (
        Call("/v2/cudasharedmemory/status", "CudaSharedMemoryStatus", {}),
        (501, StatusCode.UNIMPLEMENTED), "CUDA shared memory is not offered: use system shared memory",
    ),
}  # fmt: skip

SENTENCES_DIFFER = {"no content", "no content of the second", "content twice"}
"""The remedy names fields, which REST and gRPC have of their own: they agree up to the second colon."""


@pytest.mark.parametrize("name", CASES)
def test_both_transports_say_the_same(service: Running, name: str) -> None:
    request, (status, code), sentence = CASES[name]
    http, grpc = request.over_http(service, ADMIN), request.over_grpc(service, ADMIN)
    assert re.search(sentence, http.text), http.text
    assert (http.status, grpc.status) == (status, code)
    if name in SENTENCES_DIFFER:
        assert http.text.split(": ")[:2] == grpc.text.split(": ")[:2]
    else:
        assert grpc.text == http.text


def test_not_loaded_is_not_ready(service: Running) -> None:
    """An answer to that question, not an error; REST says it by its status too."""
    asked = about("spare", "ModelReady", "/ready")
    assert asked.over_http(service, ADMIN).status == 503
    assert asked.over_grpc(service, ADMIN).status == StatusCode.OK


def test_a_region_that_is_there_already(service: Running) -> None:
    folder = Path("/dev/shm")
    if not folder.is_dir():
        pytest.skip("no POSIX shared memory here")
    (folder / "sightline-errors").write_bytes(bytes(8))
    try:
        asked = registering("taken", "/sightline-errors", 8)
        assert asked.over_http(service, ADMIN).status == 200
        http, grpc = asked.over_http(service, ADMIN), asked.over_grpc(service, ADMIN)
    finally:
        (folder / "sightline-errors").unlink()
    assert (http.status, grpc.status) == (409, StatusCode.ALREADY_EXISTS)
    assert http.text == grpc.text
    assert "region 'taken' is registered already: unregister it first" in http.text


@pytest.mark.parametrize(
    ("asked", "headers", "status", "code"),
    [
        (change("mlp", "load"), {}, 401, StatusCode.UNAUTHENTICATED),
        (change("mlp", "unload"), {"Authorization": "Bearer x"}, 401, StatusCode.UNAUTHENTICATED),
        (registering("r", "/x", 4), {}, 401, StatusCode.UNAUTHENTICATED),
        (change("mlp", "load"), {"Authorization": "Basic x"}, 401, StatusCode.UNAUTHENTICATED),
    ],
)
def test_administrators_only(
    service: Running, asked: Call, headers: dict[str, str], status: int, code: StatusCode
) -> None:
    http, grpc = asked.over_http(service, headers), asked.over_grpc(service, headers)
    assert (http.status, grpc.status) == (status, code)
    assert http.text == grpc.text
    assert http.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "sentence"),
    [
        ("POST", "/infer", {}, b"", 400, "JSON"),
        ("POST", "/infer", {}, b"{", 400, "JSON"),
        ("POST", "/infer", {}, b'{"inputs": NaN}', 400, "JSON|inputs"),
        ("POST", "/infer", {}, b'{"input": []}', 400, "input: .*did you mean inputs"),
        ("POST", "/infer", {HEADER_LENGTH: "99"}, b'{"inputs": []}', 400, "is 99, but the body has 14"),
        ("POST", "/infer", {HEADER_LENGTH: "-1"}, b'{"inputs": []}', 400, "must be a number, not '-1'"),
        ("POST", "/infer", {HEADER_LENGTH: "14"}, b'{"inputs": []}xyz', 400, "3 bytes follow the last"),
        ("POST", "/infer", {"Content-Encoding": "br"}, b"x", 415, "Content-Encoding br is not accepted"),
        ("POST", "/infer", {"Content-Encoding": "gzip"}, b"x", 400, "packed with gzip, breaks off"),
        ("POST", "/infer", {}, bytes(1_000_001), 413, "more than 1000000 bytes, which is the limit"),
        ("GET", "/infer", {}, b"", 405, "GET is not answered here: send POST"),
        ("POST", "/inferr", {}, b"{}", 404, "there is no route '/v2/models/mlp/inferr'"),
    ],
)  # fmt: skip
def test_what_only_rest_can_have_wrong(
    service: Running, method: str, path: str, headers: Any, body: bytes, status: int, sentence: str
) -> None:
    url = f"http://{service.addresses['http']}/v2/models/mlp{path}"
    found = httpx.request(method, url, content=body, headers={**ADMIN, **headers})
    assert found.status_code == status, found.text
    assert list(found.json()) == ["error"]
    assert re.search(sentence, found.json()["error"]), found.text


def test_what_was_sent_in_the_wrong_field(service: Running) -> None:
    """Only gRPC has typed contents."""
    asked = asking(raw=None, values=[1] * 12, contents="int_contents")
    answer = asked.over_grpc(service, ADMIN)
    assert answer.status == StatusCode.INVALID_ARGUMENT
    assert "input 'features': int_contents cannot hold 'FP32'" in answer.text


def test_too_large_and_shared_memory_that_is_off(tmp_path: Path) -> None:
    models = {"mlp": {"model": str(native_models.perceptron(tmp_path / "mlp.onnx"))}}
    with running(models, limits={"body_mb": 1}) as service:
        large = asking(shape=[70_000, 4], raw=bytes(16 * 70_000))
        assert large.over_http(service, {}).status == 413
        # gRPC's own code for it, and its own sentence: the message is never received.
        assert large.over_grpc(service, {}).status == StatusCode.RESOURCE_EXHAUSTED
        off = placed(**{REGION: "r", SIZE: 48})
        http, grpc = off.over_http(service, {}), off.over_grpc(service, {})
        assert (http.status, grpc.status) == (501, StatusCode.UNIMPLEMENTED)
        assert "shared memory is off: set serving.shared_memory to true" in http.text == grpc.text
        # Last, as there is no way back: what is refused for load says when to come again.
        service.application.scheduler.drain(0.0)
        http, grpc = asking().over_http(service, {}), asking().over_grpc(service, {})
        assert (http.status, grpc.status) == (503, StatusCode.RESOURCE_EXHAUSTED)
        assert http.text == grpc.text
        assert http.headers["Retry-After"] == grpc.headers["retry-after"] == "1"


def test_a_model_that_is_being_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there, and answers in a while: 404 would send clients away for good."""
    from sightline.runtime.repository.models import ModelState

    models = {"mlp": {"model": str(native_models.perceptron(tmp_path / "mlp.onnx"))}}
    with running(models) as service:
        repository = service.application.repository
        repository.unload("mlp")
        monkeypatch.setitem(repository._states, "mlp", ModelState("mlp", "loading"))
        http, grpc = asking().over_http(service, {}), asking().over_grpc(service, {})
    assert (http.status, grpc.status) == (503, StatusCode.UNAVAILABLE)
    assert http.text == grpc.text == "model 'mlp' is being loaded: try again in a while"
    assert http.headers["Retry-After"] == grpc.headers["retry-after"] == "1"
