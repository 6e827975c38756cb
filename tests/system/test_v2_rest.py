"""tritonclient over HTTP, unchanged, against a real service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from sightline.sources.encoded import EncodedPicture
from sightline.types import Frame, Pixels

OUTPUT = {"yolox": "output", "street": "output0"}


def picture(seed: int = 0, n: int = 1, height: int = 320, width: int = 320) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), np.uint8)


def tensor(batch: Pixels, *, binary: bool = True) -> triton.InferInput:
    found = triton.InferInput("images", list(batch.shape), "UINT8")
    found.set_data_from_numpy(batch, binary_data=binary)
    return found


def encoded(*files: bytes) -> triton.InferInput:
    found = triton.InferInput("image", [len(files)], "BYTES")
    found.set_data_from_numpy(np.array(files, dtype=object))
    return found


@pytest.fixture
def client(open_inference: Any) -> Any:
    with triton.InferenceServerClient(open_inference.http, concurrency=4) as client:
        yield client


def test_health_and_descriptions(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_model_ready("yolox")
    assert client.is_model_ready("street.detect", "1")
    assert not client.is_model_ready("spare")
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata()["name"] == "sightline"
    found = client.get_model_metadata("yolox")
    assert found["inputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}]
    assert [o["name"] for o in found["outputs"]] == ["output"]
    assert client.get_model_config("yolox")["input"][0]["data_type"] == "TYPE_UINT8"
    states = {m["name"]: m["state"] for m in client.get_model_repository_index()}
    assert (states["yolox"], states["spare"]) == ("READY", "UNAVAILABLE")


@pytest.mark.parametrize("model", ["yolox", "street"])
@pytest.mark.parametrize("sent_binary", [True, False], ids=["bytes in", "JSON in"])
@pytest.mark.parametrize("read_binary", [True, False], ids=["bytes out", "JSON out"])
def test_outputs_are_the_engines(
    client: Any, open_inference: Any, model: str, sent_binary: bool, read_binary: bool
) -> None:
    batch = picture()
    wanted = triton.InferRequestedOutput(OUTPUT[model], binary_data=read_binary)
    result = client.infer(model, [tensor(batch, binary=sent_binary)], outputs=[wanted])
    (expected,) = open_inference.raw(model, batch)
    assert np.array_equal(result.as_numpy(OUTPUT[model]), expected)


def test_a_batch(client: Any, open_inference: Any) -> None:
    batch = picture(n=3)
    result = client.infer("yolox", [tensor(batch)], request_id="7", priority=1, timeout=60_000_000)
    expected = np.concatenate([open_inference.raw("yolox", one[None])[0] for one in batch])
    np.testing.assert_allclose(result.as_numpy("output"), expected, rtol=1e-3, atol=1e-3)
    assert result.get_response()["id"] == "7"


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_packed(client: Any, open_inference: Any, algorithm: str) -> None:
    batch = picture()
    result = client.infer(
        "yolox",
        [tensor(batch)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert np.array_equal(result.as_numpy("output"), open_inference.raw("yolox", batch)[0])


def test_many_at_a_time(client: Any, open_inference: Any) -> None:
    batches = [picture(seed) for seed in range(12)]
    pending = [client.async_infer("yolox", [tensor(batch)]) for batch in batches]
    for batch, request in zip(batches, pending, strict=True):
        found = request.get_result().as_numpy("output")
        expected = open_inference.raw("yolox", batch)[0]
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_asyncio(open_inference: Any) -> None:
    async def run() -> list[Any]:
        async with triton_aio.InferenceServerClient(open_inference.http) as client:
            assert await client.is_server_live()
            requests = (client.infer("street", [tensor(picture(seed))]) for seed in range(4))
            return await asyncio.gather(*requests)

    for seed, result in enumerate(asyncio.run(run())):
        expected = open_inference.raw("street", picture(seed))[0]
        np.testing.assert_allclose(result.as_numpy("output0"), expected, rtol=1e-3, atol=1e-3)


def test_pictures(client: Any, open_inference: Any, data: Path) -> None:
    file = (data / "images" / "bus.jpg").read_bytes()
    frame = Frame("test", 0, 0.0, 0.0, EncodedPicture(file))
    expected = open_inference.detect("yolox", frame)
    assert len(expected) > 2
    result = client.infer("yolox.detect", [encoded(file, file)])
    assert result.as_numpy("counts").tolist() == [len(expected)] * 2
    np.testing.assert_allclose(
        result.as_numpy("boxes"), np.tile(expected.boxes, (2, 1)), rtol=1e-3, atol=1e-2
    )
    assert result.as_numpy("class_ids").tolist() == expected.class_ids.tolist() * 2


@pytest.mark.parametrize(
    ("make", "status", "complaint"),
    [
        pytest.param(lambda: ("yolox", tensor(picture(height=32))), "400", "'images'", id="size"),
        pytest.param(lambda: ("yolox", tensor(picture(n=65))), "400", "'images'", id="batch"),
        pytest.param(lambda: ("yolox", encoded(b"x")), "400", "'image'", id="input"),
        pytest.param(lambda: ("nobody", tensor(picture())), "404", "nobody", id="model"),
        pytest.param(lambda: ("spare", tensor(picture())), "404", "spare", id="not loaded"),
        pytest.param(lambda: ("yolox.detect", encoded(b"no")), "400", "picture 0", id="picture"),
    ],
)
def test_refused(client: Any, make: Any, status: str, complaint: str) -> None:
    model, given = make()
    with pytest.raises(InferenceServerException, match=complaint) as info:
        client.infer(model, [given])
    assert info.value.status() == status


def test_statistics(client: Any) -> None:
    def count() -> int:
        (found,) = client.get_inference_statistics("yolox")["model_stats"]
        return int(found["inference_count"])

    before = count()
    client.infer("yolox", [tensor(picture(n=2))])
    assert count() == before + 2


def test_models_come_and_go_for_administrators(client: Any, open_inference: Any) -> None:
    with pytest.raises(InferenceServerException):
        client.load_model("spare")
    headers = {"Authorization": f"Bearer {open_inference.admin}"}
    with pytest.raises(InferenceServerException, match="'config' is not supported"):
        client.load_model("spare", headers=headers, config="{}")
    client.load_model("spare", headers=headers)
    assert client.is_model_ready("spare")
    assert client.infer("spare", [tensor(picture())]).as_numpy("output0") is not None
    client.unload_model("spare", headers=headers)
    assert not client.is_model_ready("spare")


def test_the_apps_own_headers_and_limits_hold_here_too(open_inference: Any) -> None:
    url = f"http://{open_inference.http}/v2/models/yolox/infer"
    too_large = httpx.post(url, content=bytes(20_000_001))
    assert too_large.status_code == 413
    assert httpx.post(url, content=b"{}").headers["x-content-type-options"] == "nosniff"
