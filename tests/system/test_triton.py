"""Triton's engine against a real Triton server: readiness, errors, a crash, a restart."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from tests.waiting import wait_for

from sightline.config import EngineOptions
from sightline.engines.triton.engine import TritonEngine
from sightline.errors import ConfigError, EngineUnavailable, InferenceError, ModelError
from sightline.types import Floats, Normalization, Pixels

pytest_plugins = ("tests.triton_models",)
PLAIN = Normalization()
MakeModel = Callable[..., Path]
SCHEMES = ("grpc", "http")


def run(engine: TritonEngine, batch: Pixels) -> list[Floats]:
    def fill(pixels: Pixels) -> None:
        pixels[:] = batch

    def copies(outputs: Sequence[Floats]) -> list[Floats]:
        return [np.array(o) for o in outputs]

    return engine.submit(batch.shape[:3], fill, copies).result(timeout=60)


def noise(*shape: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


@pytest.fixture
def connect() -> Iterator[Callable[..., TritonEngine]]:
    engines: list[TritonEngine] = []

    def make(url: str, normalization: Normalization = PLAIN, **options: Any) -> TritonEngine:
        how = EngineOptions(requests=2)
        engines.append(TritonEngine(url, normalization, how, **options))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_server_says_what_the_model_is(
    triton_server: Any, connect: Any, scheme: str, data: Path
) -> None:
    name = triton_server.load(data / "models" / "yolox_nano.onnx")
    info = connect(triton_server.url(scheme, name)).info
    port = triton_server.grpc if scheme == "grpc" else triton_server.http
    assert (info.backend, info.device, info.requests) == ("triton", f"127.0.0.1:{port}", 2)
    assert info.input.shape == (1, 416, 416, 3)
    assert [(o.name, o.shape) for o in info.outputs] == [("output", (1, 3549, 85))]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_real_model_answers_as_it_does_here(
    triton_server: Any, connect: Any, scheme: str, data: Path, bus: Pixels
) -> None:
    from sightline.engines.onnxruntime_ import OnnxRuntimeEngine

    path = data / "models" / "yolox_nano.onnx"
    batch = np.ascontiguousarray(bus[None, :416, :416])
    here = OnnxRuntimeEngine(path, PLAIN, EngineOptions(requests=1))
    (expected,) = run(here, batch)  # type: ignore[arg-type]
    here.close()
    (got,) = run(connect(triton_server.url(scheme, triton_server.load(path))), batch)
    assert np.abs(got - expected).max() < 1e-3
    assert expected.max() > 1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_model_that_takes_pixels_gets_them_as_they_are(
    triton_server: Any, connect: Any, scheme: str, identity_model: MakeModel
) -> None:
    name = triton_server.load(identity_model(), "pixels")
    pixels = noise(2, 8, 12)
    (seen,) = run(connect(triton_server.url(scheme, name), Normalization(1 / 255)), pixels)
    assert np.array_equal(seen, pixels.transpose(0, 3, 1, 2))  # the model normalises, or does not


@pytest.mark.parametrize("scheme", SCHEMES)
def test_half_precision_is_sent_as_such(
    triton_server: Any, connect: Any, scheme: str, identity_model: MakeModel
) -> None:
    name = triton_server.load(identity_model(dtype=TensorProto.FLOAT16))
    norm = Normalization(1 / 255, (0.5, 0.4, 0.3), (0.25, 0.2, 0.1))
    pixels = noise(1, 8, 12)
    (seen,) = run(connect(triton_server.url(scheme, name), norm), pixels)
    exact = (pixels / 255 - norm.mean) / norm.std
    assert seen.dtype == np.float32
    assert 0 < np.abs(seen - exact.transpose(0, 3, 1, 2)).max() < 5e-3


@pytest.mark.parametrize("scheme", SCHEMES)
def test_more_pictures_than_the_server_joins_are_refused(
    triton_server: Any, connect: Any, scheme: str, identity_model: MakeModel
) -> None:
    engine = connect(triton_server.url(scheme, triton_server.load(identity_model(), "batched")))
    pixels = noise(4, 8, 8)
    assert np.array_equal(run(engine, pixels)[0], pixels.transpose(0, 3, 1, 2))
    with pytest.raises(ModelError, match="5 pictures of 8×8: 4 at a time"):
        run(engine, noise(5, 8, 8))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_failing_model_is_an_inference_error_with_the_server_s_words(
    triton_server: Any, connect: Any, scheme: str, pyramid_model: MakeModel
) -> None:
    baked = pyramid_model(8, baked=True, shape=("n", 3, "height", "width"), name="baked")
    engine = connect(triton_server.url(scheme, triton_server.load(baked)))
    for _ in range(3):
        with pytest.raises(
            InferenceError, match=rf"{scheme}://.*baked.* refuses: .*cannot be reshaped"
        ) as e:
            run(engine, noise(1, 96, 96))
        assert len(str(e.value)) < 700
    assert run(engine, noise(1, 128, 128))[0].shape == (1, 336, 8)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_unknown_model_is_a_model_error(triton_server: Any, scheme: str) -> None:
    with pytest.raises(ModelError, match=rf"{scheme}://.*/gone/7: the model is not ready"):
        TritonEngine(f"{triton_server.url(scheme, 'gone')}/7", PLAIN)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nobody_at_the_address(scheme: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        url = f"{scheme}://127.0.0.1:{taken.getsockname()[1]}/m"
        with pytest.raises(EngineUnavailable, match=f"{url} does not answer"):
            TritonEngine(url, PLAIN)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_server_that_never_answers(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/m"
        start = time.monotonic()
        with pytest.raises(EngineUnavailable, match=f"{url} does not answer"):
            TritonEngine(url, PLAIN, timeout_s=0.5)
        assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host:1/m",
        "grpc://host:8001",
        "grpc://host:x/m",
        "http:///m",
        "model",
        "http://h/a/1/b",
    ],
)
def test_what_is_no_address_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"no address of a model .*: grpc://host:8001/model, or"):
        TritonEngine(url, PLAIN)


def test_a_missing_client_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tritonclient", None)
    with pytest.raises(EngineUnavailable, match=r"tritonclient.*sightline\[triton\]"):
        TritonEngine("grpc://127.0.0.1:1/m", PLAIN)


def test_a_crash_fails_what_was_in_flight_and_the_engine_finds_the_server_again(
    own_triton_server: Any, connect: Any, identity_model: MakeModel
) -> None:
    server, model = own_triton_server, identity_model()
    name = server.load(model)
    engines = [connect(server.url(scheme, name), timeout_s=5) for scheme in SCHEMES]
    pixels = noise(1, 8, 8)
    for engine in engines:
        run(engine, pixels)
    server.kill()
    for engine in engines:
        for _ in range(3):
            with pytest.raises(InferenceError, match=r"127\.0\.0\.1.* does not answer"):
                run(engine, pixels)
    server.restart()
    assert server.load(model) == name
    for engine in engines:
        deadline = time.monotonic() + 20
        while True:
            try:
                (seen,) = run(engine, pixels)
            except InferenceError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                break
        assert np.array_equal(seen, pixels.transpose(0, 3, 1, 2))


class Proxy:
    """Passes bytes on to a port; while it is held, takes them and passes on nothing."""

    def __init__(self, port: int) -> None:
        self.flowing = threading.Event()
        self.flowing.set()
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._sockets = [self._server]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.flowing.set()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [client, server]
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while content := one.recv(65536):
                self.flowing.wait()
                other.sendall(content)
            other.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_server_that_stops_answering_is_an_inference_error_in_time(
    triton_server: Any, connect: Any, identity_model: MakeModel, scheme: str
) -> None:
    name = triton_server.load(identity_model())
    proxy = Proxy(triton_server.grpc if scheme == "grpc" else triton_server.http)
    try:
        engine = connect(f"{scheme}://127.0.0.1:{proxy.port}/{name}", timeout_s=1)
        pixels = noise(1, 8, 8)
        run(engine, pixels)
        proxy.flowing.clear()
        with pytest.raises(InferenceError, match="does not answer"):
            run(engine, pixels)
        proxy.flowing.set()
        assert np.array_equal(run(engine, pixels)[0], pixels.transpose(0, 3, 1, 2))
        engine.close()
    finally:
        proxy.close()


def test_engines_leave_no_thread_and_no_descriptor(
    triton_server: Any, identity_model: MakeModel
) -> None:
    name = triton_server.load(identity_model())

    def rounds(count: int) -> None:
        for _ in range(count):
            for scheme in SCHEMES:
                url = triton_server.url(scheme, name)
                engine = TritonEngine(url, PLAIN, EngineOptions(requests=2))
                run(engine, noise(1, 8, 8))
                engine.close()

    def open_now() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    rounds(3)  # gRPC's own threads and pollers start, and stay
    threads, descriptors = open_now()
    rounds(5)
    # gRPC closes its sockets a moment later: what is left behind for good stays above.
    wait_for(lambda: open_now()[0] <= threads, "threads are left behind")
    wait_for(lambda: open_now()[1] < descriptors + 5, "descriptors are left behind")
