"""What every engine must do, whatever its runtime."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from onnx import TensorProto

from sightline.build import ENGINES, decoders, load
from sightline.config import EngineOptions
from sightline.engines.fallback.breaker import Fallback
from sightline.engines.metered import Metered
from sightline.engines.replicas import Replicas
from sightline.errors import EngineError, EngineUnavailable, ModelError
from sightline.models.card import read_card
from sightline.models.file import open_model
from sightline.protocols import Engine
from sightline.types import Floats, Normalization, Pixels

pytest_plugins = ("tests.tensorrt_fixtures", "tests.torch_models", "tests.triton_models")

PLAIN = Normalization()
LOCAL = ("onnxruntime", "openvino")
"""These read ONNX files themselves. The others get the same model in another form."""
TORCH = ("torchscript", "export")
TRITON = ("grpc", "http")
TENSORRT = "tensorrt"
"""An engine file, on a stand-in of TensorRT 10 and of CUDA: their calls are real, and ONNX Runtime computes."""
WRAPPERS = ("replicas", "fallback", "metered")
EXTRAS = {"onnxruntime": "onnxruntime", "openvino": "openvino"}
Make = Callable[..., Engine]
MakeModel = Callable[..., Path]


class SilentMeter:
    """A ``Meter``, as far as an engine knows one."""

    def inferred(self, model: str, batch: int, seconds: float, error: str | None) -> None:
        pass


@pytest.fixture(params=[*LOCAL, *TORCH, *TRITON, TENSORRT, *WRAPPERS])
def backend(request: pytest.FixtureRequest) -> str:
    if request.param in LOCAL:
        pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture(params=LOCAL)
def local(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return str(request.param)


@pytest.fixture
def build(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """A factory of engines by backend, closed at the end; fp32 unless it is told otherwise."""
    engines: list[Engine] = []

    def make_one(
        backend: str, model: Path | bytes, normalization: Normalization, options: EngineOptions
    ) -> Engine:
        if backend in TORCH:
            from sightline.engines.pytorch.engine import TorchEngine

            path = request.getfixturevalue("to_torch")(model, backend)
            return TorchEngine(path, normalization, options)
        if backend in TRITON:
            from sightline.engines.triton.engine import TritonEngine

            server = request.getfixturevalue("triton_server")
            path = tmp_path / "served.onnx"
            path.write_bytes(model.read_bytes() if isinstance(model, Path) else model)
            return TritonEngine(server.url(backend, server.load(path)), normalization, options)
        if backend == TENSORRT:
            request.getfixturevalue("tensorrt_10")
            model = built_by_tensorrt(model, normalization, tmp_path / "built.engine")
        engine: Engine = load(ENGINES[backend])(model, normalization, options)
        return engine

    def make(
        backend: str, model: Path | bytes, normalization: Normalization = PLAIN, **options: Any
    ) -> Engine:
        chosen = EngineOptions(**{"precision": "fp32", "requests": 2, "threads": 2} | options)

        def inner() -> Engine:
            wrapped = "onnxruntime" if backend in WRAPPERS else backend
            return make_one(wrapped, model, normalization, chosen)

        wrap: dict[str, Callable[[], Engine]] = {
            "replicas": lambda: Replicas([inner(), inner()]),
            "fallback": lambda: Fallback([("first", inner), ("second", inner)]),
            "metered": lambda: Metered(inner(), "tested", SilentMeter()),  # type: ignore[arg-type]
        }
        engine = wrap.get(backend, inner)()
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.close()


def built_by_tensorrt(model: Path | bytes, normalization: Normalization, path: Path) -> Path:
    """An engine of TensorRT that takes any of these tests' pictures, as far as the model does."""
    from sightline.engines.tensorrt.builder import Build
    from sightline.engines.tensorrt.cuda import CudaDevice
    from sightline.engines.tensorrt.graph import buildable
    from sightline.engines.tensorrt.options import BuildOptions, OptimizationProfile
    from sightline.engines.tensorrt.records import built_engine
    from sightline.plan_file import with_record

    device = CudaDevice()
    device.use()
    usual = BuildOptions(precision="fp32")
    graph = buildable(model, normalization, usual, 10, path.name)
    if None in graph.shape:
        ends = ((side or least, side or most) for side, least, most in zip(graph.shape, (1, 1, 1), (4, 512, 512), strict=True))  # fmt: skip
        low, high = zip(*ends, strict=True)
        usual = BuildOptions(precision="fp32", profile=OptimizationProfile(low, low, high))
    build = Build(sys.modules["tensorrt"], device, graph, usual)
    path.write_bytes(with_record(*built_engine(build, normalization, command="none")))
    return path


@pytest.fixture
def make(backend: str, build: Make) -> Make:
    return lambda *args, **options: build(backend, *args, **options)


@pytest.fixture
def make_local(local: str, build: Make) -> Make:
    return lambda *args, **options: build(local, *args, **options)


@pytest.fixture
def go() -> Iterator[threading.Event]:
    """What a held-up inference waits for; asked for last, so that a failed test lets it go."""
    event = threading.Event()
    yield event
    event.set()


def copies(outputs: Sequence[Floats]) -> list[Floats]:
    return [np.array(o) for o in outputs]


def submit(engine: Engine, batch: Pixels) -> Future[list[Floats]]:
    def fill(pixels: Pixels) -> None:
        pixels[:] = batch

    return engine.submit(batch.shape[:3], fill, copies)


def run(engine: Engine, batch: Pixels) -> list[Floats]:
    return submit(engine, batch).result(timeout=60)


def noise(*shape: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def nchw(batch: Pixels) -> Floats:
    return batch.transpose(0, 3, 1, 2).astype(np.float32)


def real_model(data: Path, name: str) -> Path | bytes:
    """A real model, opened to other sizes as far as it allows."""
    return read_card(open_model(data / "models" / name), decoders()).file.content


def test_info_is_right(make_local: Make, local: str, data: Path) -> None:
    info = make_local(data / "models" / "yolox_nano.onnx").info
    assert (info.backend, info.precision, info.requests) == (local, "fp32", 2)
    assert info.device.lower() == "cpu"
    assert info.input.shape == (1, 416, 416, 3)
    assert info.input.dtype == "uint8"
    assert [o.shape for o in info.outputs] == [(1, 3549, 85)]


def test_open_dimensions_are_none(make: Make, identity_model: MakeModel) -> None:
    info = make(identity_model()).info
    assert info.input.shape == (None, None, None, 3)
    ((name, shape),) = [(o.name, o.shape) for o in info.outputs]
    assert name == "seen"
    assert shape in {(None, 3, None, None), (None,) * 4}  # TorchScript knows no shapes


@pytest.mark.parametrize("batch", [1, 2, 3, 4])
def test_the_network_gets_the_pixels_channels_first(
    make: Make, identity_model: MakeModel, batch: int
) -> None:
    pixels = noise(batch, 6, 10)
    (seen,) = run(make(identity_model()), pixels)
    assert seen.dtype == np.float32
    assert np.array_equal(seen, nchw(pixels))


@pytest.mark.parametrize(
    "normalization",
    [
        pytest.param(Normalization(scale=1 / 255), id="scale"),
        pytest.param(Normalization(mean=(103.5, 116.3, 123.7)), id="mean"),
        pytest.param(Normalization(std=(57.4, 57.1, 58.4)), id="std"),
        pytest.param(Normalization(mean=(100.0, 0.0, 0.0), std=(2.0, 3.0, 4.0)), id="both"),
        pytest.param(
            Normalization(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), id="all three"
        ),
    ],
)
def test_normalisation_is_folded_in_as_it_is_written(
    make: Make, identity_model: MakeModel, normalization: Normalization
) -> None:
    pixels = noise(2, 8, 8)
    (seen,) = run(make(identity_model(), normalization), pixels)
    exact = (pixels * normalization.scale - normalization.mean) / normalization.std
    assert np.abs(seen - exact.transpose(0, 3, 1, 2)).max() < 1e-4 * np.abs(exact).max()


def test_a_half_precision_model_takes_pixels_and_answers_in_float32(
    make: Make, identity_model: MakeModel, backend: str
) -> None:
    if backend in TORCH:
        pytest.skip("PyTorch's engine makes the precision itself")
    model = identity_model((1, 3, 8, 8), dtype=TensorProto.FLOAT16)
    pixels = noise(1, 8, 8)
    (seen,) = run(make(model, Normalization(1 / 255, (0.5,) * 3, (0.25,) * 3)), pixels)
    assert seen.dtype == np.float32
    assert np.abs(seen - (nchw(pixels) / 255 - 0.5) / 0.25).max() < 5e-3


def test_a_model_of_whole_numbers_takes_pixels_as_they_are(
    make: Make, identity_model: MakeModel, backend: str
) -> None:
    if backend in TORCH:
        pytest.skip("PyTorch's engine makes the precision itself")
    pixels = noise(2, 8, 8)
    (seen,) = run(make(identity_model(dtype=TensorProto.UINT8)), pixels)
    assert seen.dtype == np.float32
    assert np.array_equal(seen, nchw(pixels))


def test_a_model_may_come_as_bytes(make_local: Make, identity_model: MakeModel) -> None:
    pixels = noise(1, 8, 8)
    (seen,) = run(make_local(identity_model().read_bytes()), pixels)
    assert np.array_equal(seen, nchw(pixels))


def test_sizes_may_change_from_call_to_call(make: Make, identity_model: MakeModel) -> None:
    engine = make(identity_model())
    for round_ in range(2):  # more sizes than are kept ready, twice
        for n in range(1, 13):
            pixels = noise(1 + n % 3, 8 * n, 8, seed=n + round_)
            (seen,) = run(engine, pixels)
            assert np.array_equal(seen, nchw(pixels))


@pytest.mark.parametrize("name", ["yolox_nano.onnx", "yolo11n_random.onnx"])
def test_engines_agree(build: Make, data: Path, name: str, bus: Pixels) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    model = real_model(data, name)
    batch = np.stack([bus[:320, :320], bus[400:720, 200:520]])
    norm = PLAIN if name.startswith("yolox") else Normalization(1 / 255)
    (one,), (other,) = (run(build(b, model, norm), batch) for b in ("onnxruntime", "openvino"))
    assert one.shape == other.shape
    assert one.shape[0] == 2
    if name.startswith("yolox"):  # random weights answer every picture alike
        assert np.abs(one[0] - one[1]).max() > 0.1
    # Both compute in float32; they add in another order.
    assert np.abs(one - other).max() < 2e-3 * max(1.0, float(np.abs(one).max()))


def test_batches_give_what_single_pictures_give(
    make: Make, data: Path, bus: Pixels, backend: str
) -> None:
    if backend == "export":
        pytest.skip("exporting a real model takes too long here; TorchScript shows the same")
    engine = make(real_model(data, "yolox_nano.onnx"))
    batch = np.stack([bus[i * 100 :, i * 50 :][:192, :192] for i in range(4)])
    (together,) = run(engine, batch)
    for i in range(4):
        (alone,) = run(engine, batch[i : i + 1])
        assert np.abs(together[i] - alone[0]).max() < 1e-3


def test_several_in_flight_get_each_its_own_result(make: Make, pyramid_model: MakeModel) -> None:
    engine = make(pyramid_model(8), requests=3)
    inputs = [noise(1, 128, 128, seed=i) for i in range(40)]
    alone = [run(engine, pixels)[0] for pixels in inputs]
    futures = [submit(engine, pixels) for pixels in inputs]
    for expected, future in zip(alone, futures, strict=True):
        (got,) = future.result(timeout=60)
        assert np.abs(got - expected).max() < 1e-4 * np.abs(expected).max()
    assert np.abs(alone[0] - alone[1]).max() > 0.1


def test_many_threads_may_submit(make: Make, identity_model: MakeModel) -> None:
    engine = make(identity_model())
    wrong: list[int] = []

    def work(seed: int) -> None:
        for i in range(20):
            pixels = noise(1, 8 + 8 * (i % 2), 16, seed=seed * 100 + i)
            if not np.array_equal(run(engine, pixels)[0], nchw(pixels)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong


@pytest.mark.parametrize("where", ["fill", "read"])
def test_a_failure_of_the_caller_s_is_in_the_future_and_the_engine_goes_on(
    make: Make, identity_model: MakeModel, where: str
) -> None:
    engine = make(identity_model(), requests=1)

    def broken(_: object) -> None:
        raise LookupError(f"{where} broke")

    def fine(_: object) -> None:
        return None

    for _ in range(5):  # more often than the engine has room: each gives its place back
        fill, read = (broken, fine) if where == "fill" else (fine, broken)
        with pytest.raises(LookupError, match=f"{where} broke"):
            engine.submit((1, 8, 8), fill, read).result(timeout=60)
    pixels = noise(1, 8, 8)
    assert np.array_equal(run(engine, pixels)[0], nchw(pixels))


def test_a_size_baked_into_the_graph_is_refused(make: Make, pyramid_model: MakeModel) -> None:
    engine = make(pyramid_model(8, baked=True), requests=1)
    for _ in range(5):
        error = submit(engine, noise(1, 96, 128)).exception(timeout=60)
        assert isinstance(error, ModelError)
        assert "128×96" in str(error)
    assert run(engine, noise(1, 128, 128))[0].shape == (1, 336, 8)


def test_close_finishes_what_is_in_flight(
    make: Make, identity_model: MakeModel, go: threading.Event
) -> None:
    engine = make(identity_model(), requests=1)

    def fill(pixels: Pixels) -> None:
        assert go.wait(timeout=30)
        pixels[:] = 7

    futures = [engine.submit((1, 8, 8), fill, copies) for _ in range(2)]
    closing = threading.Thread(target=engine.close, daemon=True)
    closing.start()
    assert not any(future.done() for future in futures)
    go.set()
    closing.join(timeout=30)
    assert not closing.is_alive()
    assert all(future.done() for future in futures)
    assert all((future.result()[0] == 7).all() for future in futures)


def test_a_closed_engine_takes_nothing_and_closes_again(
    make: Make, identity_model: MakeModel
) -> None:
    engine = make(identity_model(), requests=1)
    run(engine, noise(1, 8, 8))
    engine.close()
    engine.close()
    for _ in range(5):  # refusals give their place back too
        with pytest.raises(EngineError, match="closed"):
            submit(engine, noise(1, 8, 8))


def test_a_submit_that_waits_for_room_ends_when_the_engine_closes(
    make: Make, identity_model: MakeModel, go: threading.Event
) -> None:
    engine = make(identity_model(), requests=1)
    failed: list[EngineError] = []
    accepted: list[Future[list[Floats]]] = []

    def fill(pixels: Pixels) -> None:
        assert go.wait(timeout=30)
        pixels[:] = 0

    def fill_up() -> None:
        try:
            accepted.extend(engine.submit((1, 8, 8), fill, copies) for _ in range(10))
        except EngineError as exc:
            failed.append(exc)

    waiting = threading.Thread(target=fill_up, daemon=True)
    waiting.start()
    deadline = time.monotonic() + 10
    room = 2 * engine.info.requests  # one runs, one waits: no more is accepted
    while len(accepted) < room and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(accepted) == room
    closing = threading.Thread(target=engine.close, daemon=True)
    closing.start()
    while not is_closing(engine) and time.monotonic() < deadline:
        time.sleep(0.005)
    go.set()
    for thread in (waiting, closing):
        thread.join(timeout=30)
        assert not thread.is_alive()
    assert len(failed) == 1
    assert all(future.done() for future in accepted)


def is_closing(engine: Any) -> bool:
    """It has begun to close, or the engine that it only passes work on to has."""
    engine = getattr(engine, "engine", engine)
    return bool(getattr(engine, "_workers", engine)._closed)


def test_a_cancelled_job_is_not_run(
    make: Make, identity_model: MakeModel, go: threading.Event
) -> None:
    engine = make(identity_model(), requests=1)
    filled: list[Pixels] = []

    def slow(pixels: Pixels) -> None:
        assert go.wait(timeout=30)

    first = [engine.submit((1, 8, 8), slow, copies) for _ in range(engine.info.requests)]
    second = engine.submit((1, 8, 8), filled.append, copies)
    assert second.cancel()
    go.set()
    for future in first:
        future.result(timeout=30)
    run(engine, noise(1, 8, 8))
    assert filled == []


def test_memory_of_a_job_is_free_when_it_is_done(make: Make, identity_model: MakeModel) -> None:
    import gc
    import weakref

    engine = make(identity_model(), requests=1)

    class Fill:
        def __call__(self, pixels: Pixels) -> None:
            pixels[:] = 0

    fill = Fill()
    gone = weakref.ref(fill)
    engine.submit((1, 8, 8), fill, copies).result(timeout=30)
    del fill
    deadline = time.monotonic() + 10
    while gone() is not None and time.monotonic() < deadline:
        time.sleep(0.005)  # the worker lets go just after the future has its result
    assert gone() is None, gc.get_referrers(gone())


@pytest.mark.parametrize(
    "content", [pytest.param(b"", id="empty"), pytest.param(b"no model" * 50, id="text")]
)
def test_a_broken_model_is_a_model_error(make_local: Make, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        make_local(path)
    with pytest.raises(ModelError):
        make_local(content)


def test_a_missing_model_is_a_model_error(make_local: Make, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.onnx"):
        make_local(tmp_path / "gone.onnx")


@pytest.mark.parametrize("device", ["tpu", "cuda", "gpu:7"])
def test_an_unknown_device_names_those_that_are_here(
    make_local: Make, identity_model: MakeModel, device: str, local: str
) -> None:
    if local == "onnxruntime":
        import onnxruntime

        if device != "tpu" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(EngineUnavailable, match=r"(?i)cpu|no CUDA") as caught:
        make_local(identity_model(), device=device)
    assert device in str(caught.value)


def test_a_missing_runtime_names_the_extra(
    local: str, identity_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = load(ENGINES[local])
    monkeypatch.setitem(sys.modules, local, None)
    with pytest.raises(EngineUnavailable, match=rf"sightline\[{EXTRAS[local]}\]"):
        engine(identity_model(), PLAIN)


def test_a_precision_that_is_not_there_is_an_engine_error(
    make_local: Make, local: str, identity_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"sightline.engines.{local}_")
    if local == "openvino":
        monkeypatch.setattr(module, "precisions", lambda core, device: ["fp32"])
    with pytest.raises(EngineError, match="bf16") as caught:
        make_local(identity_model(), precision="bf16")
    assert not isinstance(caught.value, EngineUnavailable)


def test_bf16_is_close_to_fp32(build: Make, data: Path, bus: Pixels) -> None:
    openvino = pytest.importorskip("openvino")
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no bf16")
    model = real_model(data, "yolox_nano.onnx")
    batch = cv2.resize(bus, (416, 416))[None]
    exact, coarse = (build("openvino", model, precision=p) for p in ("fp32", "bf16"))
    assert coarse.info.precision == "bf16"
    (one,), (other,) = run(exact, batch), run(coarse, batch)
    assert np.abs(one - other).max() > 0  # it is not fp32 under another name
    scores, coarse_scores = (o[0, :, 4:5] * o[0, :, 5:] for o in (one, other))
    sure = scores.max(1) > 0.3
    assert sure.sum() >= 5
    assert (scores[sure].argmax(1) == coarse_scores[sure].argmax(1)).all()
    assert np.abs(scores - coarse_scores).max() < 0.15
    assert np.abs(scores - coarse_scores).mean() < 1e-3
