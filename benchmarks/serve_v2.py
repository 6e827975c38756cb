"""Ready tensors through gRPC (Open Inference Protocol), over the raw engine in the same run.

The raw engine is OpenVINO's own asynchronous queue on the same network, fed with one constant
picture: no transport, no copies. Clients are a process of their own on the same computer; each has
its own connection and one request in flight. They send 416×416 pictures and take the whole raw
outputs, without reading them. Rounds alternate, and each ratio compares a round of the service with
the mean of the raw rounds before and after it. On a computer that has other work too, the rates
tell little; the processor time of an answer (service and client together) over that of a raw inference
does not depend on it, and is printed beside them.

With ``--native`` the file's own tensors are sent (FP32), by ``tritonclient``, and the raw engine is ONNX
Runtime called directly: one session set up as the service's, with as many inferences in flight. With
``--shared-memory`` the clients put them into POSIX shared memory, and find the outputs there.

    python benchmarks/serve_v2.py --data ../shared
    python benchmarks/serve_v2.py --data ../shared --native
    python benchmarks/serve_v2.py --data ../shared --native --shared-memory
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import grpc
import numpy as np
import onnxruntime
import tritonclient.grpc.aio as triton
import tritonclient.utils.shared_memory as shm
from end_to_end import RawEngine
from tritonclient.grpc import service_pb2 as pb
from tritonclient.utils import InferenceServerException

from sightline import build
from sightline.config import EngineOptions, ModelOptions, SchedulerOptions, ServingOptions
from sightline.engines.native import NativeEngine
from sightline.models.detector import EngineDetector
from sightline.runtime.repository.models import ModelRepository
from sightline.runtime.scheduling.scheduler import Scheduler
from sightline.serving.kserve.grpc_server import GrpcServer
from sightline.serving.kserve.open_inference import OpenInference
from sightline.serving.kserve.shared_memory import Regions

WANTED, WANTED_NATIVE = 0.80, 0.85
SIZE = 416
OUTPUT_BYTES = 3549 * 85 * 4
"""Of the network's FP32 output: its places, and what it says of each."""
METHOD = "/inference.GRPCInferenceService/ModelInfer"


class Load:
    """Clients of a service, each with its own connection and one request in flight."""

    def __init__(self, port: int, seconds: float) -> None:
        self._address, self._seconds = f"127.0.0.1:{port}", seconds
        self._latencies: list[float] = []
        """Of the answers, in ms."""
        self._refused = 0

    async def run(self, clients: int, *, native: bool, shared_memory: bool) -> None:
        """Print answers per second, latencies in ms and the processor time it took."""
        start, before = time.perf_counter(), cpu_s()
        each = (
            self._native(n, shared_memory) if native else self._pixels() for n in range(clients)
        )
        await asyncio.gather(*each)
        wall, used = time.perf_counter() - start, cpu_s() - before
        answers, cut = len(self._latencies), quantiles(self._latencies, n=100)
        found = {"answers": answers, "refused": self._refused, "rate": answers / wall}
        found |= {"p50_ms": cut[49], "p99_ms": cut[98], "client_cpu_ms": used / answers * 1e3}
        print(json.dumps(found))

    async def _native(self, number: int, shared_memory: bool) -> None:
        """The file's own tensors."""
        tensor = triton.InferInput("images", [1, 3, SIZE, SIZE], "FP32")
        output = triton.InferRequestedOutput("output")
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with AsyncExitStack() as stack:
            opened = triton.InferenceServerClient(self._address, channel_args=options)
            server = await stack.enter_async_context(opened)
            if shared_memory:
                await stack.enter_async_context(shared(server, number, tensor, output))
            else:
                tensor.set_data_from_numpy(natural())
            await self._ask(
                lambda: server.infer("default.native", [tensor], outputs=[output]),
                InferenceServerException,
            )

    async def _pixels(self) -> None:
        """A picture of bytes for the network's raw outputs."""
        message = pb.ModelInferRequest(model_name="default")
        message.inputs.add(name="images", datatype="UINT8", shape=[1, SIZE, SIZE, 3])
        picture = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
        message.raw_input_contents.append(picture.tobytes())
        request = message.SerializeToString()
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(self._address, options) as channel:
            infer: Any = channel.unary_unary(METHOD)  # bytes both ways: nothing is parsed here
            await self._ask(lambda: infer(request), grpc.aio.AioRpcError)

    async def _ask(self, infer: Callable[[], Awaitable[Any]], error: type[Exception]) -> None:
        """Ask again and again. A refusal (the request would wait too long) is counted."""
        until = time.perf_counter() + self._seconds
        while (start := time.perf_counter()) < until:
            try:
                await infer()
            except error as refusal:
                if "RESOURCE_EXHAUSTED" not in str(refusal):
                    raise
                self._refused += 1
                await asyncio.sleep(0.01)
                continue
            self._latencies.append((time.perf_counter() - start) * 1e3)


@asynccontextmanager
async def shared(
    server: triton.InferenceServerClient,
    number: int,
    tensor: triton.InferInput,
    output: triton.InferRequestedOutput,
) -> AsyncIterator[None]:
    """The tensor of a client and room for its output in shared memory that the server knows."""
    sent = natural()
    region, size = f"client-{os.getpid()}-{number}", sent.nbytes + OUTPUT_BYTES
    memory = shm.create_shared_memory_region(region, f"/{region}", size)
    try:
        shm.set_shared_memory_region(memory, [sent])
        await server.register_system_shared_memory(region, f"/{region}", size)
        tensor.set_shared_memory(region, sent.nbytes)
        output.set_shared_memory(region, OUTPUT_BYTES, sent.nbytes)
        yield
        await server.unregister_system_shared_memory(region)
    finally:
        shm.destroy_shared_memory_region(memory)


def cpu_s() -> float:
    """Processor time of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def natural() -> np.ndarray[Any, np.dtype[np.float32]]:
    """A tensor as the file of YOLOX takes it."""
    drawn = np.random.default_rng(0).integers(0, 256, (1, 3, SIZE, SIZE), np.uint8)
    return drawn.astype(np.float32)


class Direct:
    """ONNX Runtime alone: so many threads that run one session."""

    def __init__(self, model: Path, requests: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, len(os.sched_getaffinity(0)) // requests)
        self._requests = requests
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    def fps(self, seconds: float) -> float:
        """Inferences per second."""
        start = time.perf_counter()

        def run(_: int) -> int:
            feed, done = {"images": natural()}, 0
            while time.perf_counter() < start + seconds:
                self._session.run(None, feed)
                done += 1
            return done

        with ThreadPoolExecutor(self._requests) as pool:
            done = sum(pool.map(run, range(self._requests)))
        return done / (time.perf_counter() - start)


def run_raw(raw: RawEngine | Direct, seconds: float) -> tuple[float, float]:
    """Inferences per second, and the milliseconds of processor time that each took."""
    before = cpu_s()
    rate = raw.fps(seconds)
    return rate, (cpu_s() - before) / (rate * seconds) * 1e3


class Service:
    """The gRPC server with one model, in a thread of this process."""

    def __init__(self, model: Path, *, native: bool, shared_memory: bool) -> None:
        self._native, self._shared_memory = native, shared_memory

        def make(_: str) -> EngineDetector:
            detector = build.detector(ModelOptions(model=str(model)))
            assert isinstance(detector, EngineDetector)
            return detector

        self.scheduler = Scheduler(SchedulerOptions())
        self.repository = ModelRepository(
            self.scheduler,
            make,
            ["default"],
            native=lambda _: NativeEngine(model, EngineOptions()),
            described=["default"] if native else [],
        )
        self.repository.load_all()
        options = ServingOptions(grpc_port=0, shared_memory=shared_memory)
        regions = Regions() if shared_memory else None
        protocol = OpenInference(self.repository, options.limits, regions=regions)
        self.server = GrpcServer(protocol, options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="grpc")
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self._loop).result()

    @property
    def requests(self) -> int:
        """Inferences of the file's own tensors that may run at a time."""
        native = self.repository.find().native
        assert native is not None
        return native.engine.info.requests

    def round(self, clients: int, seconds: float) -> dict[str, float]:
        load = ["--client", str(self.server.port), "--clients", str(clients)]
        load += ["--native"] if self._native else []
        load += ["--shared-memory"] if self._shared_memory else []
        command = [sys.executable, __file__, *load, "--seconds", str(seconds)]
        before = cpu_s()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = dict(json.loads(done.stdout))
        return {**found, "server_cpu_ms": (cpu_s() - before) / found["answers"] * 1e3}

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(1.0), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.scheduler.close()
        self.repository.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("../shared"))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--native", action="store_true", help="the file's own tensors")
    parser.add_argument("--shared-memory", action="store_true", help="with --native")
    parser.add_argument("--client", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client is not None:
        load = Load(options.client, options.seconds)
        asyncio.run(
            load.run(options.clients, native=options.native, shared_memory=options.shared_memory)
        )
        return
    model = options.data / "models" / "yolox_nano.onnx"
    service = Service(model, native=options.native, shared_memory=options.shared_memory)
    raw: RawEngine | Direct
    if options.native:
        raw = Direct(model, service.requests)
        raw.fps(1.0)
    else:
        raw = RawEngine(model, (SIZE, SIZE), 1.0)
    try:
        service.round(options.clients, 1.0)
        before, rounds = run_raw(raw, options.seconds), []
        for _ in range(options.rounds):
            found = service.round(options.clients, options.seconds)
            after = run_raw(raw, options.seconds)
            rate, cpu_ms = np.mean([before, after], axis=0)
            before = after
            taken_ms = found["server_cpu_ms"] + found["client_cpu_ms"]
            rounds.append(
                {
                    **found,
                    "raw": rate,
                    "raw_cpu_ms": cpu_ms,
                    "ratio": found["rate"] / rate,
                    "cpu_ratio": cpu_ms / taken_ms,
                }
            )
            print({name: round(float(v), 3) for name, v in rounds[-1].items()}, file=sys.stderr)
    finally:
        service.close()
    middle = {name: float(median(r[name] for r in rounds)) for name in rounds[0]}
    print(
        f"{os.cpu_count()} cores, {options.clients} clients: {middle['rate']:.1f}/s, "
        f"p99 {middle['p99_ms']:.1f} ms; raw engine {middle['raw']:.1f}/s\n"
        f"over the raw engine: {middle['ratio']:.3f} of its rate (wanted {WANTED_NATIVE if options.native else WANTED}); "
        f"by processor time {middle['cpu_ratio']:.3f}"
    )


if __name__ == "__main__":
    main()
