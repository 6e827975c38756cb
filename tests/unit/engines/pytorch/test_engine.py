"""PyTorch's engine: what it loads, what it refuses to load, and what it makes of a device."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.engines.pytorch.small_programs import Small, exported, scripted

from sightline.config import EngineOptions
from sightline.engines.pytorch.cuda import CudaRequest
from sightline.engines.pytorch.engine import TorchEngine
from sightline.errors import EngineError, EngineUnavailable, InferenceError, ModelError
from sightline.types import Floats, Normalization, Pixels

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

PLAIN = Normalization()
ONE = EngineOptions(requests=1, threads=1)


def run(engine: TorchEngine, batch: Pixels) -> list[Floats]:
    def fill(pixels: Pixels) -> None:
        pixels[:] = batch

    def copies(outputs: Sequence[Floats]) -> list[Floats]:
        return [np.array(o) for o in outputs]

    return engine.submit(batch.shape[:3], fill, copies).result(timeout=60)


def noise(*shape: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


# What is in a file


# What comes out


def nested(x: Any) -> Any:
    return {"boxes": x, "rest": (x + 1, x + 2)}


@pytest.mark.parametrize("save", [scripted, exported])
@pytest.mark.parametrize(
    ("answer", "names"),
    [
        pytest.param(lambda x: x, ["output"], id="tensor"),
        pytest.param(lambda x: (x, x + 1), ["output0", "output1"], id="tuple"),
        pytest.param(lambda x: {"a": x, "b": x + 1}, ["a", "b"], id="dict"),
    ],
)
def test_outputs_in_every_form(tmp_path: Path, save: Any, answer: Any, names: list[str]) -> None:
    engine = TorchEngine(save(tmp_path / "m.pt2", Small(answer).eval()), PLAIN, ONE)
    assert [o.name for o in engine.info.outputs] == names
    outputs = run(engine, noise(*engine_shape(engine)))
    engine.close()
    for i, output in enumerate(outputs):
        assert output.dtype == np.float32
        assert np.allclose(output, outputs[0] + i, atol=1e-4)


def engine_shape(engine: TorchEngine) -> tuple[int, ...]:
    return tuple(
        own or side for own, side in zip(engine.info.input.shape, (1, 64, 64), strict=False)
    )


def test_outputs_in_each_other(tmp_path: Path) -> None:
    engine = TorchEngine(exported(tmp_path / "m.pt2", Small(nested).eval()), PLAIN, ONE)
    assert [o.name for o in engine.info.outputs] == ["boxes", "rest0", "rest1"]
    engine.close()


def test_an_exported_program_says_what_it_takes(tmp_path: Path) -> None:
    engine = TorchEngine(exported(tmp_path / "m.pt2"), PLAIN, ONE)
    assert engine.info.input.shape == (2, 64, 64, 3)
    assert engine.info.outputs[0].shape == (2, 4, 62, 62)
    with pytest.raises(ModelError, match="1 pictures of 64×64: its input is"):
        run(engine, noise(1, 64, 64))
    engine.close()


def test_a_program_without_one_picture_input_is_refused(tmp_path: Path) -> None:
    class Two(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, one: Any) -> Any:
            return one * 2

    path = tmp_path / "m.pt2"
    torch.export.save(torch.export.export(Two(), (torch.zeros(4, 5),)), path)
    with pytest.raises(ModelError, match=r"m\.pt2.*\(4, 5\)"):
        TorchEngine(path, PLAIN)


def test_bytes_and_files_give_the_same(tmp_path: Path) -> None:
    pixels = noise(1, 32, 32)
    answers = []
    for save in (scripted, exported):
        path = save(tmp_path / f"{save.__name__}.pt2")
        shape = (1, 32, 32) if save is scripted else (2, 64, 64)
        for model in (path, path.read_bytes()):
            engine = TorchEngine(model, Normalization(1 / 255), ONE)
            answers.append(run(engine, np.resize(pixels, (*shape, 3)))[0])
            engine.close()
    assert np.array_equal(answers[0], answers[1])
    assert np.array_equal(answers[2], answers[3])


@pytest.mark.parametrize("save", [scripted, exported])
def test_bf16_is_close_to_fp32(tmp_path: Path, save: Any) -> None:
    path = save(tmp_path / "m.pt2")
    norm = Normalization(1 / 255, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    answers = []
    for precision in ("fp32", "bf16"):
        engine = TorchEngine(path, norm, EngineOptions(precision=precision, requests=1))  # type: ignore[arg-type]
        assert engine.info.precision == precision
        answers.append(run(engine, noise(2, 64, 64))[0])
        engine.close()
    assert answers[1].dtype == np.float32
    difference = np.abs(answers[0] - answers[1]).max()
    assert 0 < difference < 0.1


def test_a_model_that_fails_is_an_inference_error_and_the_engine_goes_on(tmp_path: Path) -> None:
    class Moody(torch.nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, images: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
            if float(images.max()) > 200:
                raise RuntimeError("too bright")
            return images

    path = tmp_path / "moody.torchscript"
    torch.jit.script(Moody()).save(str(path))
    engine = TorchEngine(path, PLAIN, ONE)
    with pytest.raises(InferenceError, match=r"PyTorch failed: .*too bright"):
        run(engine, np.full((1, 8, 8, 3), 255, np.uint8))
    assert run(engine, np.full((1, 8, 8, 3), 5, np.uint8))[0].max() == 5
    engine.close()


def test_weights_and_input_lie_channels_last(tmp_path: Path) -> None:
    engine = TorchEngine(exported(tmp_path / "m.pt2"), PLAIN, ONE)
    weights = [p for p in engine._network.parameters() if p.ndim == 4]  # type: ignore[attr-defined]
    images = engine._prepared((2, 64, 64))()
    for tensor in (*weights, images):
        assert tensor.is_contiguous(memory_format=torch.channels_last)
    engine.close()


# Where it runs


@pytest.mark.parametrize("device", ["tpu", "cuda:99", "gpu:99"])
def test_an_unknown_device_names_those_that_are_here(tmp_path: Path, device: str) -> None:
    with pytest.raises(EngineUnavailable, match=f"no device '{device}' here; it has cpu"):
        TorchEngine(tmp_path / "any.pt2", PLAIN, EngineOptions(device=device))


def test_a_precision_that_the_processor_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="on cpu runs fp32, bf16 here, not fp16"):
        TorchEngine(tmp_path / "any.pt2", PLAIN, EngineOptions(device="cpu", precision="fp16"))


def test_a_missing_runtime_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EngineUnavailable, match=r"PyTorch is not .*sightline\[torch\]"):
        TorchEngine(tmp_path / "any.pt2", PLAIN)


class StandInCuda:
    """``torch`` with its CUDA calls written down and done on the processor.

    A graph replays what was launched while it was captured.
    """

    def __init__(self, *, captures: bool = True) -> None:
        self.calls: list[str] = []
        self.request: CudaRequest | None = None
        self.cuda = self
        self._captures = captures

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def zeros(self, shape: Any, *, dtype: Any, pin_memory: bool) -> Any:
        assert pin_memory
        return torch.zeros(shape, dtype=dtype)

    def empty(self, shape: Any, *, dtype: Any, pin_memory: bool = False, device: Any = None) -> Any:
        assert pin_memory or device is not None
        return torch.empty(shape, dtype=dtype)

    def CUDAGraph(self) -> Any:  # noqa: N802 - PyTorch's name
        return self

    def replay(self) -> None:
        self.calls.append("replay")
        assert self.request is not None
        self.request._launch()

    @contextmanager
    def graph(self, graph: Any, *, stream: Any, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        self.calls.append("capture")
        if not self._captures:
            raise RuntimeError("operation not permitted when stream is capturing")
        yield

    @contextmanager
    def device(self, _: Any) -> Iterator[None]:
        yield

    @contextmanager
    def stream(self, _: Any) -> Iterator[None]:
        yield

    def Stream(self, _: Any) -> Any:  # noqa: N802 - PyTorch's name
        return self

    def current_stream(self, _: Any) -> Any:
        return self

    def wait_stream(self, _: Any) -> None:
        self.calls.append("wait")

    def synchronize(self) -> None:
        self.calls.append("synchronize")


@pytest.mark.parametrize("captures", [True, False])
def test_the_cuda_request_goes_through_pinned_memory_and_one_graph(captures: bool) -> None:
    stand_in = StandInCuda(captures=captures)
    seen: list[Any] = []

    def infer(images: Any) -> Any:
        seen.append(images)
        return [("mean", images.mean(dim=(2, 3))), ("double", images * 2)]

    def normalize(images: Any, out: Any) -> Any:
        return out.copy_(images)

    request = CudaRequest(
        stand_in, torch.device("cpu"), torch.float16, (2, 4, 6), normalize, infer, threading.Lock()
    )
    stand_in.request = request
    assert stand_in.calls == ["wait", "synchronize", "capture", *["synchronize"] * (not captures)]
    assert len(seen) == 3 + captures
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    assert seen[0].dtype == torch.float16
    memory = request.input.ctypes.data
    for value in (3, 7):
        stand_in.calls.clear()
        request.input[:] = value
        mean, double = request.run()
        assert stand_in.calls == (["replay"] if captures else []) + ["synchronize"]
        assert mean.dtype == double.dtype == np.float32
        assert (mean == value).all()
        assert (double == 2 * value).all()
        assert double.shape == (2, 3, 4, 6)
    assert request.input.ctypes.data == memory
    assert seen[-1].data_ptr() == seen[0].data_ptr()


def test_a_failing_launch_is_an_inference_error() -> None:
    stand_in = StandInCuda(captures=False)
    healthy = True

    def infer(images: Any) -> Any:
        if not healthy:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [("output", images)]

    request = CudaRequest(
        stand_in,
        torch.device("cpu"),
        torch.float32,
        (1, 4, 4),
        lambda images, out: out.copy_(images),
        infer,
        threading.Lock(),
    )
    healthy = False
    with pytest.raises(InferenceError, match="PyTorch failed on cpu: CUDA out of memory"):
        request.run()
