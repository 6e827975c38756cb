"""Images per second of a YOLO11n graph in PyTorch's engine, fp16, on a CUDA device.

    python benchmarks/torch_cuda.py --data ../shared [--size 640] [--seconds 5] [--json FILE]

For each batch size (1, 8, 32, 128) the engine is kept as busy as it takes work, with an empty
`fill` and a `read` that looks at nothing, so that this is the engine's own rate: pixels from pinned
memory to the device, normalisation, network, outputs back. p99 is from submit to read, with one
batch in flight.

The graph has random weights, which take as long as trained ones. It is made a PyTorch program here
(`sightline.optimize.export.onnx_network`), and traced at each batch size. Where there is no CUDA device, the script says so
and measures nothing; `--device cpu` tries it out.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
import warnings
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sightline.config import EngineOptions
from sightline.engines.pytorch.engine import TorchEngine
from sightline.optimize.export.onnx_network import OnnxNetwork
from sightline.types import Floats, Normalization, Pixels

GOAL = 10_000
BATCHES = (1, 8, 32, 128)


def traced(model: Path, batch: int, size: int, device: str, precision: str) -> bytes:
    """The graph as TorchScript, for one shape; made where it will run, as constants stay there."""
    dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[precision]
    module = OnnxNetwork(model).eval().to(device=device, dtype=dtype)
    example = torch.zeros(batch, 3, size, size, device=device, dtype=dtype)
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # sizes become numbers, as they are meant to
        torch.jit.save(torch.jit.trace(module, example, check_trace=False), buffer)
    return buffer.getvalue()


def measure(engine: TorchEngine, shape: tuple[int, int, int], seconds: float) -> dict[str, float]:
    def fill(_: Pixels) -> None:
        """The pixels are those of the batch before: they cost the same."""

    def read(_: Sequence[Floats]) -> None:
        """Outputs lie in memory; what a decoder makes of them is not the engine's."""

    for _ in range(10):
        engine.submit(shape, fill, read).result()
    waits, end = [], time.perf_counter() + seconds / 2
    while time.perf_counter() < end:
        start = time.perf_counter()
        engine.submit(shape, fill, read).result()
        waits.append(time.perf_counter() - start)
    flying: deque[Future[None]] = deque()
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        flying.append(engine.submit(shape, fill, read))
        while flying and flying[0].done():
            flying.popleft().result()
            done += 1
    for future in flying:
        future.result()
        done += 1
    rate = done * shape[0] / (time.perf_counter() - start)
    p50, p99 = np.percentile(waits, [50, 99]) * 1000
    return {"batch": shape[0], "images_per_s": rate, "p50_ms": float(p50), "p99_ms": float(p99)}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with models/")
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each batch size")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--requests", type=int, default=0, help="streams; 0: the engine's own")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    cuda = options.device.startswith("cuda")
    if cuda and not torch.cuda.is_available():
        print("not measured: no CUDA device")
        return
    precision = "fp16" if cuda else "fp32"
    name = torch.cuda.get_device_name(options.device) if cuda else "the processor"
    print(f"YOLO11n graph, {options.size}×{options.size}, {precision}, PyTorch {torch.__version__}")
    print(f"on {name}; goal {GOAL} images/s")
    results: list[dict[str, Any]] = []
    model = options.data / "models" / "yolo11n_random.onnx"
    for batch in options.batches:
        program = traced(model, batch, options.size, options.device, precision)
        how = EngineOptions(device=options.device, precision=precision, requests=options.requests)
        engine = TorchEngine(program, Normalization(1 / 255), how)
        try:
            shape = (batch, options.size, options.size)
            results.append(measure(engine, shape, options.seconds))
        finally:
            engine.close()
        print("batch {batch:4d}  {images_per_s:9.1f} images/s  p50 {p50_ms:8.2f} ms  p99 {p99_ms:8.2f} ms"
              .format(**results[-1]), flush=True)  # fmt: skip
    if options.json is not None:
        options.json.write_text(json.dumps({"device": name, "results": results}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
