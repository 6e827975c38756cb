"""Any ONNX model by its own tensors, through tritonclient, against ONNX Runtime called directly."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_grpc_aio
import tritonclient.http as triton_http
from tests import native_models
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from sightline.build.application import Application
from sightline.config import Configuration
from sightline.serving.http.app import create_app
from sightline.serving.http.server import Server
from sightline.serving.kserve.grpc_server import GrpcServer
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.kserve.rest import router

TRANSPORTS = {"http": triton_http, "grpc": triton_grpc}


@dataclass(frozen=True)
class Native:
    application: Application
    files: dict[str, Path]
    addresses: dict[str, str]

    def direct(self, model: str, feed: dict[str, Any]) -> dict[str, Any]:
        """What ONNX Runtime says when it is called without the service."""
        session = onnxruntime.InferenceSession(self.files[model])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, feed), strict=True))


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Native]:
    folder = tmp_path_factory.mktemp("native")
    files = {
        "echoes": native_models.echoes(folder / "echoes.onnx"),
        "mlp": native_models.perceptron(folder / "mlp.onnx"),
        "fixed": native_models.perceptron(folder / "fixed.onnx", rows=2),
        "text": native_models.embedding(folder / "text.onnx"),
        "scalar": native_models.scalar(folder / "scalar.onnx"),
        "yolox": data / "models" / "yolox_nano.onnx",
        "described": data / "models" / "yolox_nano.onnx",
    }
    models: dict[str, Any] = {name: {"model": str(file)} for name, file in files.items()}
    models["described"]["tensors"] = "native"
    for name in ("yolox", "described"):
        models[name] |= {"warm_up": False, "backend": "onnxruntime"}
    configuration = Configuration.model_validate(
        {
            "models": models,
            "scheduler": {"refuse_after": 1000},
            "serving": {"port": 0, "grpc_port": 0},
        }
    )
    application = Application(configuration)
    application.open()
    options = configuration.serving
    assert options is not None
    service = OpenInference(application.repository, options.limits)
    app = create_app(
        application.repository, application.scheduler, None, options, routers=[router(service)]
    )
    grpc = GrpcServer(service, options)
    server = Server(app, options, [grpc])
    server.start()
    http = server.url.removeprefix("http://")
    yield Native(application, files, {"http": http, "grpc": f"127.0.0.1:{grpc.port}"})
    server.stop()
    application.close()


@pytest.fixture(params=TRANSPORTS)
def client(request: pytest.FixtureRequest, native: Native) -> Any:
    with TRANSPORTS[request.param].InferenceServerClient(native.addresses[request.param]) as client:
        yield client


def library(client: Any) -> Any:
    return triton_http if isinstance(client, triton_http.InferenceServerClient) else triton_grpc


def tensors(client: Any, feed: dict[str, Any], **how: Any) -> list[Any]:
    found = []
    for name, array in feed.items():
        given = library(client).InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
        given.set_data_from_numpy(array, **how)
        found.append(given)
    return found


def every_type(rows: int = 3) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    feed = {}
    for datatype in native_models.TYPES:
        if datatype == "BYTES":
            feed["in_BYTES"] = np.array([["", "é", "日本"]] * rows, object)
        elif datatype == "BOOL":
            feed["in_BOOL"] = draw.integers(0, 2, (rows, 3)).astype(bool)
        elif datatype.startswith("FP"):
            feed[f"in_{datatype}"] = draw.normal(size=(rows, 3)).astype(
                f"f{int(datatype[2:]) // 8}"
            )
        else:
            dtype = np.dtype(datatype.lower())
            info = np.iinfo(dtype)
            feed[f"in_{datatype}"] = np.array([[info.min, 1, info.max]] * rows, dtype)
    return {name: array.reshape(rows, 3) for name, array in feed.items()}


@pytest.mark.parametrize("rows", [1, 3, 0])
def test_every_type_comes_back_as_it_went(client: Any, rows: int) -> None:
    feed = every_type(rows)
    result = client.infer("echoes", tensors(client, feed))
    for name, array in feed.items():
        found = result.as_numpy(name.replace("in_", "out_"))
        assert found.shape == array.shape
        if array.dtype == object:
            assert [t.decode() for t in found.reshape(-1)] == array.reshape(-1).tolist()
        else:
            assert (found.dtype, found.tolist()) == (array.dtype, array.tolist())


def test_types_as_json(native: Native) -> None:
    """All but FP16, which has no form in JSON; texts are plain."""
    feed = every_type(2)
    inputs = []
    for name, array in feed.items():
        datatype = name.removeprefix("in_")
        values = array.tolist() if datatype != "FP16" else None
        inputs.append({"name": name, "datatype": datatype, "shape": [2, 3], "data": values})
    half = next(i for i in inputs if i["datatype"] == "FP16")
    raw = feed["in_FP16"].tobytes()
    del half["data"]
    half["parameters"] = {"binary_data_size": len(raw)}
    wanted = [{"name": f"out_{t}"} for t in native_models.TYPES if t != "FP16"]
    answer = post(native, "echoes", {"inputs": inputs, "outputs": wanted}, raw)
    assert answer.status_code == 200, answer.text
    for output in answer.json()["outputs"]:
        assert output["data"] == feed[output["name"].replace("out", "in")].reshape(-1).tolist() or (
            output["datatype"] == "FP32"
        )
    refused = post(native, "echoes", {"inputs": inputs, "outputs": [{"name": "out_FP16"}]}, raw)
    assert (refused.status_code, "FP16" in refused.json()["error"]) == (400, True)


def post(native: Native, model: str, message: Any, tail: bytes = b"") -> httpx.Response:
    import json

    head = json.dumps(message).encode()
    return httpx.post(
        f"http://{native.addresses['http']}/v2/models/{model}/infer",
        content=head + tail,
        headers={"Inference-Header-Content-Length": str(len(head))},
    )


@pytest.mark.parametrize(
    ("model", "feed"),
    [
        pytest.param("mlp", {"features": np.ones((1, 4), np.float32)}, id="one row"),
        pytest.param("mlp", {"features": np.ones((300, 4), np.float32)}, id="many rows"),
        pytest.param("mlp", {"features": np.ones((0, 4), np.float32)}, id="no rows"),
        pytest.param("fixed", {"features": np.ones((2, 4), np.float32)}, id="fixed batch"),
        pytest.param("scalar", {"x": np.array(1.5, np.float32)}, id="scalar"),
        pytest.param(
            "text",
            {"tokens": np.array([[1, 2, 3]] * 2), "mask": np.array([[1, 1, 0]] * 2)},
            id="two inputs",
        ),
    ],
)
def test_answers_are_onnx_runtimes(
    client: Any, native: Native, model: str, feed: dict[str, Any]
) -> None:
    result = client.infer(model, tensors(client, feed))
    for name, expected in native.direct(model, feed).items():
        found = result.as_numpy(name)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("face", ["yolox", "yolox.native", "described"])
def test_a_vision_model_answers_its_files_tensors(client: Any, native: Native, face: str) -> None:
    feed = {"images": np.random.default_rng(1).uniform(0, 255, (1, 3, 416, 416)).astype(np.float32)}
    (expected,) = native.direct("yolox", feed).values()
    found = client.infer(face, tensors(client, feed)).as_numpy("output")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("face", ["yolox", "described"])
def test_and_its_uint8_pictures(client: Any, face: str) -> None:
    pixels = {"images": np.zeros((1, 416, 416, 3), np.uint8)}
    assert client.infer(face, tensors(client, pixels)).as_numpy("output").shape == (1, 3549, 85)


def test_metadata(native: Native) -> None:
    with triton_http.InferenceServerClient(native.addresses["http"]) as client:
        own = [{"name": "images", "datatype": "FP32", "shape": [1, 3, 416, 416]}]
        assert client.get_model_metadata("yolox")["inputs"][0]["datatype"] == "UINT8"
        assert client.get_model_metadata("yolox.native")["inputs"] == own
        assert client.get_model_metadata("described")["inputs"] == own
        names = {m["name"] for m in client.get_model_repository_index()}
        assert {"yolox", "yolox.native", "yolox.detect", "mlp", "mlp.native"} <= names
        assert "mlp.detect" not in names
        mlp = client.get_model_config("mlp")
        assert mlp["max_batch_size"] > 1
        assert mlp["input"] == [{"name": "features", "data_type": "TYPE_FP32", "dims": [4]}]
        fixed = client.get_model_config("fixed")
        assert (fixed["max_batch_size"], fixed["input"][0]["dims"]) == (0, [2, 4])
    with triton_grpc.InferenceServerClient(native.addresses["grpc"]) as client:
        config = client.get_model_config("mlp").config
        assert config.max_batch_size > 1
        assert config.HasField("dynamic_batching")


def test_requests_share_inferences(native: Native) -> None:
    """Each gets its own row, however they are joined. The client's greenlets belong to one thread."""
    with triton_http.InferenceServerClient(native.addresses["http"], concurrency=2) as client:
        feeds = [{"features": np.full((1, 4), i, np.float32)} for i in range(60)]
        asked = [client.async_infer("mlp", tensors(client, feed)) for feed in feeds]
        for i, one in enumerate(asked):
            assert one.get_result().as_numpy("scores").tolist() == [[18 * i, 22 * i, 26 * i]]


def test_wanted_outputs_only(client: Any) -> None:
    feed = {"tokens": np.array([[1]]), "mask": np.array([[1]])}
    wanted = [library(client).InferRequestedOutput("kept")]
    result = client.infer("text", tensors(client, feed), outputs=wanted)
    assert result.as_numpy("kept").tolist() == [1]
    assert result.as_numpy("hidden") is None


F = np.float32


@pytest.mark.parametrize(
    ("model", "feed", "complaint"),
    [
        pytest.param(
            "mlp", {"features": np.ones((1, 5), F)}, r"'features'.*\[-1, 4\].*\[1, 5\]", id="shape"
        ),
        pytest.param("mlp", {"features": np.ones((1, 4))}, "'features'.*FP32.*FP64", id="type"),
        pytest.param("mlp", {"features": np.full((1, 4), np.nan, F)}, "'features'.*NaN", id="NaN"),
        pytest.param("mlp", {"x": np.ones((1, 4), F)}, "'x'.*'features'", id="name"),
        pytest.param("text", {"tokens": np.array([[1]])}, "'mask'.*missing", id="missing"),
        pytest.param(
            "text",
            {"tokens": np.array([[1]]), "mask": np.array([[1], [1]])},
            "batch of",
            id="batches",
        ),
        pytest.param(
            "text", {"tokens": np.array([[99]]), "mask": np.array([[1]])}, "cannot run", id="index"
        ),
        pytest.param("yolox", {"images": np.ones((1, 3, 9, 9), F)}, "'images'.*416", id="size"),
        pytest.param(
            "mlp.detect", {"image": np.array([b"x"], object)}, "no pictures", id="pictures"
        ),
    ],
)
def test_refused(client: Any, model: str, feed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InferenceServerException, match=complaint) as info:
        client.infer(model, tensors(client, feed))
    unknown = {"404", "StatusCode.NOT_FOUND"}
    assert info.value.status() in {"400", "StatusCode.INVALID_ARGUMENT"} | (
        unknown if model == "mlp.detect" else set()
    )


def test_pictures_for_a_model_without(native: Native) -> None:
    answer = httpx.post(
        f"http://{native.addresses['http']}/detect?model=mlp",
        content=b"\xff\xd8",
        headers={"content-type": "image/jpeg"},
    )
    assert answer.status_code == 422
    assert "takes no pictures" in answer.text


def test_grpc_asyncio_and_streams(native: Native) -> None:
    feed = {"features": np.ones((1, 4), np.float32)}

    async def run() -> Any:
        async with triton_grpc_aio.InferenceServerClient(native.addresses["grpc"]) as client:
            with triton_grpc.InferenceServerClient(native.addresses["grpc"]) as plain:
                return await client.infer("mlp", tensors(plain, feed))

    assert asyncio.run(run()).as_numpy("scores").tolist() == [[18, 22, 26]]
    answers: queue.Queue[Any] = queue.Queue()
    with triton_grpc.InferenceServerClient(native.addresses["grpc"]) as client:
        client.start_stream(lambda result, error: answers.put((result, error)))
        client.async_stream_infer("mlp", tensors(client, feed))
        result, error = answers.get(timeout=20)
        assert error is None
        assert result.as_numpy("scores").tolist() == [[18, 22, 26]]
        client.stop_stream()


def test_reload_without_a_failed_request(native: Native) -> None:
    native.application.repository.load("mlp")
    native.application.repository.load("yolox")
    with triton_http.InferenceServerClient(native.addresses["http"]) as client:
        feed = {"features": np.ones((1, 4), np.float32)}
        assert client.infer("mlp", tensors(client, feed)).as_numpy("scores").tolist() == [
            [18, 22, 26]
        ]


def test_unknown_parameters_are_accepted(native: Native) -> None:
    message = {
        "parameters": {"content_type": "np", "anything": 1},
        "inputs": [
            {
                "name": "features",
                "datatype": "FP32",
                "shape": [1, 4],
                "data": [[1, 1, 1, 1]],
                "parameters": {"content_type": "np"},
            }
        ],
        "outputs": [{"name": "scores", "parameters": {"content_type": "np"}}],
    }
    answer = post(native, "mlp", message)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == [18, 22, 26]


@pytest.mark.parametrize(
    "rest", ["", "/ready", "/config", "/stats", "/versions/1/ready", "/versions/2"]
)
def test_a_model_that_does_not_exist(native: Native, rest: str) -> None:
    answer = httpx.get(f"http://{native.addresses['http']}/v2/models/nobody{rest}")
    assert (answer.status_code, "nobody" in answer.json()["error"]) == (404, True)


def test_a_model_that_does_not_exist_over_grpc(native: Native) -> None:
    with triton_grpc.InferenceServerClient(native.addresses["grpc"]) as client:
        for ask in (client.is_model_ready, client.get_model_metadata, client.get_model_config):
            with pytest.raises(InferenceServerException, match="nobody") as info:
                ask("nobody")
            assert info.value.status() == "StatusCode.NOT_FOUND"


@pytest.mark.parametrize("path", ["health/live", "health/ready", "models/mlp/ready"])
def test_head_of_health_addresses(native: Native, path: str) -> None:
    answer = httpx.head(f"http://{native.addresses['http']}/v2/{path}")
    assert (answer.status_code, answer.content) == (200, b"")
