"""A real Triton server for tests; run by the Python of its own virtual environment.

    python triton_server.py HTTP_PORT GRPC_PORT DESCRIPTOR

Models are ONNX files, run by ONNX Runtime in the server's Python backend. A line ``NAME PATH KIND``
on standard input loads one and is answered with ``loaded NAME`` on the descriptor. With KIND ``plain`` the model takes
what its graph takes; with ``pixels`` UINT8 NHWC; with ``batched`` the server joins requests to batches
of four at most. At the end of the input the server stops.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import onnxruntime
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


def tensor(name: str, dtype: str, shape: Any, kind: str) -> Tensor:
    sides = tuple(d if isinstance(d, int) else -1 for d in shape)
    if kind == "batched":
        sides = sides[1:]  # the server adds the first dimension
    return Tensor(name=name, dtype=DTYPES[dtype], shape=sides)


def bind(triton: Triton, name: str, path: str, kind: str) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given, outputs = session.get_inputs()[0], session.get_outputs()
    takes = tensor(given.name, given.type, given.shape, kind)
    if kind == "pixels":
        n, _, height, width = given.shape
        takes = tensor(given.name, "tensor(uint8)", (n, height, width, 3), kind)

    def run(images: Any) -> list[Any]:
        if kind == "pixels":
            images = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32)
        return session.run(None, {given.name: images})

    def infer(requests: Any) -> Any:
        for request in requests:
            (images,) = request.data.values()
            yield dict(zip([o.name for o in outputs], run(images), strict=True))

    @batch
    def infer_batch(**inputs: Any) -> list[Any]:
        (images,) = inputs.values()
        return run(images)

    batched = kind == "batched"
    triton.bind(
        model_name=name,
        infer_func=infer_batch if batched else lambda requests: list(infer(requests)),
        inputs=[takes],
        outputs=[tensor(o.name, o.type, o.shape, kind) for o in outputs],
        config=ModelConfig(batching=batched, max_batch_size=4 if batched else 0),
    )


def main() -> None:
    http, grpc, told = (int(number) for number in sys.argv[1:4])
    config = TritonConfig(
        http_port=http,
        grpc_port=grpc,
        http_address="127.0.0.1",
        grpc_address="127.0.0.1",
        allow_metrics=False,
        exit_timeout_secs=5,
    )
    with open(told, "w", buffering=1) as answers, Triton(config=config) as triton:  # noqa: PTH123
        triton.run()
        answers.write("ready\n")
        for line in sys.stdin:
            name, path, kind = line.split()
            bind(triton, name, path, kind)
            answers.write(f"loaded {name}\n")


if __name__ == "__main__":
    main()
