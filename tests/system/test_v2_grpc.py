"""tritonclient over gRPC, unchanged, against a real server; and clients that mean no good."""

from __future__ import annotations

import asyncio
import gc
import logging
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.waiting import wait_for
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc
from tritonclient.utils import InferenceServerException

from sightline.config import LimitOptions, ServingOptions
from sightline.errors import ConfigError, InferenceError, NotFound
from sightline.runtime.repository.models import ModelState
from sightline.runtime.scheduling.items import Terms
from sightline.serving.kserve import grpc_calls
from sightline.serving.kserve.grpc_server import GrpcServer
from sightline.serving.kserve.open_inference import OpenInference
from sightline.sources.encoded import EncodedPicture
from sightline.types import EngineInfo, Frame, Pixels, TensorSpec

T = TypeVar("T")
OUTPUT = {"yolox": "output", "street": "output0"}
WAIT_S = 20.0
INFER = "/inference.GRPCInferenceService/ModelInfer"


def picture(seed: int = 0, n: int = 1, height: int = 320, width: int = 320) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), np.uint8)


def tensor(batch: Pixels) -> triton.InferInput:
    found = triton.InferInput("images", list(batch.shape), "UINT8")
    found.set_data_from_numpy(batch)
    return found


@pytest.fixture
def client(open_inference: Any) -> Any:
    with triton.InferenceServerClient(open_inference.grpc) as client:
        yield client


class TestRealModels:
    def test_health_and_descriptions(self, client: Any) -> None:
        assert client.is_server_live()
        assert client.is_model_ready("yolox")
        assert client.is_model_ready("street.detect", "1")
        assert not client.is_model_ready("spare")
        with pytest.raises(InferenceServerException, match="nobody"):
            client.is_model_ready("nobody")
        assert client.get_server_metadata().name == "sightline"
        found = client.get_model_metadata("yolox")
        assert (found.inputs[0].datatype, list(found.inputs[0].shape)) == ("UINT8", [-1, -1, -1, 3])
        assert [o.name for o in found.outputs] == ["output"]
        config = client.get_model_config("yolox").config
        assert "320x320" in config.parameters["sizes"].string_value
        assert config.input[0].data_type == triton.model_config_pb2.TYPE_UINT8
        states = {m.name: m.state for m in client.get_model_repository_index().models}
        assert (states["yolox"], states["spare"]) == ("READY", "UNAVAILABLE")

    @pytest.mark.parametrize("model", ["yolox", "street"])
    def test_outputs_are_the_engines(self, client: Any, open_inference: Any, model: str) -> None:
        batch = picture()
        result = client.infer(
            model, [tensor(batch)], request_id="7", priority=1, timeout=60_000_000
        )
        (expected,) = open_inference.raw(model, batch)
        assert np.array_equal(result.as_numpy(OUTPUT[model]), expected)
        assert result.get_response().id == "7"

    def test_typed_contents(self, open_inference: Any) -> None:
        batch = picture()
        request = pb.ModelInferRequest(model_name="yolox")
        item = request.inputs.add(name="images", datatype="UINT8", shape=batch.shape)
        item.contents.uint_contents.extend(batch.ravel().tolist())
        with grpc.insecure_channel(open_inference.grpc) as channel:
            response = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(request)
        (expected,) = open_inference.raw("yolox", batch)
        assert response.raw_output_contents[0] == expected.tobytes()

    def test_pictures(self, client: Any, open_inference: Any, data: Path) -> None:
        file = (data / "images" / "bus.jpg").read_bytes()
        expected = open_inference.detect("street", Frame("test", 0, 0.0, 0.0, EncodedPicture(file)))
        image = triton.InferInput("image", [1, 1], "BYTES")
        image.set_data_from_numpy(np.array([[file]], dtype=object))
        result = client.infer("street.detect", [image])
        np.testing.assert_allclose(result.as_numpy("boxes"), expected.boxes, rtol=1e-3, atol=1e-2)
        assert result.as_numpy("counts").tolist() == [len(expected)]

    def test_callbacks(self, client: Any, open_inference: Any) -> None:
        answers: queue.Queue[Any] = queue.Queue()
        for seed in range(12):
            client.async_infer(
                "yolox", [tensor(picture(seed))],
                lambda result, error: answers.put((result, error)), request_id=str(seed),
            )  # fmt: skip
        for _ in range(12):
            result, error = answers.get(timeout=WAIT_S)
            assert error is None
            (expected,) = open_inference.raw("yolox", picture(int(result.get_response().id)))
            np.testing.assert_allclose(result.as_numpy("output"), expected, rtol=1e-3, atol=1e-3)

    def test_asyncio(self, open_inference: Any) -> None:
        async def run() -> list[Any]:
            async with triton_aio.InferenceServerClient(open_inference.grpc) as client:
                assert await client.is_server_ready() in {True, False}
                requests = (client.infer("street", [tensor(picture(s))]) for s in range(4))
                return await asyncio.gather(*requests)

        for seed, result in enumerate(asyncio.run(run())):
            (expected,) = open_inference.raw("street", picture(seed))
            np.testing.assert_allclose(result.as_numpy("output0"), expected, rtol=1e-3, atol=1e-3)

    def test_streaming_keeps_the_order_and_goes_on_after_an_error(
        self, client: Any, open_inference: Any
    ) -> None:
        answers: queue.Queue[Any] = queue.Queue()
        client.start_stream(lambda result, error: answers.put((result, error)))
        sizes = [320, 320, 32, 320]
        for i, side in enumerate(sizes):
            client.async_stream_infer(
                "yolox", [tensor(picture(i, height=side))], request_id=str(i),
                enable_empty_final_response=True,
            )  # fmt: skip
        found = [answers.get(timeout=WAIT_S) for _ in sizes]
        client.stop_stream()
        for i in (0, 1, 3):
            response = found[i][0].get_response()
            assert response.id == str(i)
            assert response.parameters["triton_final_response"].bool_param
            (expected,) = open_inference.raw("yolox", picture(i))
            np.testing.assert_allclose(
                found[i][0].as_numpy("output"), expected, rtol=1e-3, atol=1e-3
            )
        assert "input 'images': height and width" in str(found[2][1])

    def test_asyncio_streaming(self, open_inference: Any) -> None:
        async def run() -> list[str]:
            async def requests() -> Any:
                for seed in range(20):
                    given = [tensor(picture(seed))]
                    yield {"model_name": "yolox", "inputs": given, "request_id": str(seed)}

            async with triton_aio.InferenceServerClient(open_inference.grpc) as client:
                stream = client.stream_infer(requests())
                return [result.get_response().id async for result, error in stream if not error]

        assert asyncio.run(run()) == [str(seed) for seed in range(20)]

    def test_statistics(self, client: Any) -> None:
        def count() -> int:
            return int(client.get_inference_statistics("yolox").model_stats[0].inference_count)

        before = count()
        client.infer("yolox", [tensor(picture(n=2))])
        assert count() == before + 2

    def test_models_come_and_go_for_administrators(self, client: Any, open_inference: Any) -> None:
        with pytest.raises(InferenceServerException) as info:
            client.load_model("spare")
        assert info.value.status() == "StatusCode.UNAUTHENTICATED"
        headers = {"authorization": f"Bearer {open_inference.admin}"}
        with pytest.raises(InferenceServerException, match="'config' is not supported"):
            client.load_model("spare", headers=headers, config="{}")
        client.load_model("spare", headers=headers)
        assert client.is_model_ready("spare")
        client.unload_model("spare", headers=headers)
        assert not client.is_model_ready("spare")


class Served:
    """Stands in for a model; its answers come when ``release`` says so."""

    has_tensors = True
    name = "slow"
    native = None
    card = None
    canvases = ((4, 4),)

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []
        self.answers: list[Any] = []
        self.terms: list[Terms] = []
        self.at_once = False
        self.rows = 1

    @property
    def info(self) -> EngineInfo:
        given = TensorSpec("images", (None, None, None, 3), "uint8")
        return EngineInfo("fake", "cpu", "fp32", 1, given, (TensorSpec("sum", (None, 1)),))

    def infer(self, tensors: Pixels, terms: Terms, read: Callable[[list[Any]], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.answers.append(read([np.ones((self.rows, 1), np.float32)]))
        self.terms.append(terms)
        self.futures.append(future)
        if self.at_once:
            self.release()
        return future

    def submit(self, frame: Frame, terms: Terms, **_: Any) -> Future[Any]:
        raise NotImplementedError("not needed here")

    def release(self) -> None:
        for future, answer in zip(self.futures, self.answers, strict=True):
            if not future.done():
                future.set_result(answer)


class Repository:
    names = ("slow",)
    ready = True
    described: frozenset[str] = frozenset()

    def __init__(self, served: Served) -> None:
        self._served = served

    def get(self, name: str) -> Served:
        if name != "slow":
            raise NotFound(f"there is no model {name!r}")
        return self._served

    find = get

    def answers(self, name: str) -> bool:
        return bool(self.get(name))

    def state(self, name: str) -> ModelState:
        self.get(name)
        return ModelState(name, "ready")

    def states(self) -> list[ModelState]:
        return [ModelState("slow", "ready")]

    def load_for_client(self, name: str) -> None:
        self.get(name)


async def _end_other_tasks() -> None:
    """gRPC's own tasks end after its server has stopped: a loop may not be closed before."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=WAIT_S)


class Loop:
    """An event loop in a thread of its own, for a server."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.begin(work).result(WAIT_S)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        self.run(_end_other_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Running:
    """A server with a slow model."""

    def __init__(self, **options: Any) -> None:
        self.served = Served()
        self.loop = Loop()
        given = ServingOptions(grpc_port=0, **options)
        service = OpenInference(Repository(self.served), given.limits)  # type: ignore[arg-type]
        self.told: list[tuple[str, str]] = []
        self.server = GrpcServer(
            service, given, lambda method, status, seconds: self.told.append((method, status))
        )
        self.loop.run(self.server.start())
        self.address = f"127.0.0.1:{self.server.port}"
        self.channel = grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)])
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.loop.run(self.server.stop(0))
        self.loop.close()


@contextmanager
def running(**options: Any) -> Iterator[Running]:
    found = Running(**options)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def slow() -> Iterator[Running]:
    with running() as found:
        yield found


def asking(side: int = 4) -> Any:
    request = pb.ModelInferRequest(model_name="slow", id="7")
    request.inputs.add(name="images", datatype="UINT8", shape=[1, side, side, 3])
    request.raw_input_contents.append(bytes(side * side * 3))
    return request


def code(call: Callable[[], Any]) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as info:
        call()
    found: grpc.StatusCode = info.value.code()
    return found


def test_cancelling_a_call_cancels_the_work(slow: Running) -> None:
    call = slow.stub.ModelInfer.future(asking())
    wait_for(lambda: slow.served.futures)
    call.cancel()
    wait_for(slow.served.futures[0].cancelled)


def test_leaving_a_stream_cancels_its_work(slow: Running) -> None:
    more = threading.Event()

    def requests() -> Iterator[Any]:
        yield asking()
        yield asking()
        more.wait(WAIT_S)

    call = slow.stub.ModelStreamInfer(requests())
    wait_for(lambda: len(slow.served.futures) == 2)
    call.cancel()
    wait_for(lambda: all(f.cancelled() for f in slow.served.futures))
    more.set()


def test_the_clients_deadline_is_the_works(slow: Running) -> None:
    now = time.monotonic()
    assert code(lambda: slow.stub.ModelInfer(asking(), timeout=0.5)) == (
        grpc.StatusCode.DEADLINE_EXCEEDED
    )
    (terms,) = slow.served.terms
    assert terms.deadline is not None
    assert terms.deadline <= now + 1.5
    assert terms.client == "grpc:ipv4:127.0.0.1"
    wait_for(slow.served.futures[0].cancelled)


@pytest.mark.parametrize(
    ("proxies", "client"), [(("127.0.0.0/8",), "grpc:10.1.2.3"), ((), "grpc:ipv4:127.0.0.1")]
)
def test_a_proxy_that_is_trusted_says_who_calls(proxies: tuple[str, ...], client: str) -> None:
    with running(trusted_proxies=proxies) as slow:
        slow.served.at_once = True
        slow.stub.ModelInfer(asking(), metadata=[("x-forwarded-for", "10.9.9.9, 10.1.2.3")])
        assert [terms.client for terms in slow.served.terms] == [client]


def test_the_requests_own_timeout(slow: Running) -> None:
    request = asking()
    request.parameters["timeout"].int64_param = 1000
    assert code(lambda: slow.stub.ModelInfer(request)) == grpc.StatusCode.DEADLINE_EXCEEDED


def test_too_many_at_a_time_are_refused_with_a_time_to_come_back() -> None:
    with running(limits=LimitOptions(in_flight=2)) as slow:
        # gRPC's own limit is per connection: a second one reaches ours.
        first = [slow.stub.ModelInfer.future(asking()) for _ in range(2)]
        wait_for(lambda: len(slow.served.futures) == 2)
        with grpc.insecure_channel(
            slow.address, [("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            with pytest.raises(grpc.RpcError) as info:
                stub.ModelInfer(asking())
            assert info.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            trailer = dict(info.value.trailing_metadata())
            assert trailer["retry-after"] == "1"
            assert trailer["grpc-retry-pushback-ms"] == "1000"
            assert stub.ServerLive(pb.ServerLiveRequest()).live
            slow.served.release()
            assert all(call.result(WAIT_S).id == "7" for call in first)
            slow.served.at_once = True
            assert stub.ModelInfer(asking()).id == "7"


def test_too_many_streams_are_refused() -> None:
    with running(limits=LimitOptions(in_flight=1)) as slow:
        more = threading.Event()

        def requests() -> Iterator[Any]:
            yield asking()
            more.wait(WAIT_S)

        first = slow.stub.ModelStreamInfer(requests())
        wait_for(lambda: slow.served.futures)
        with grpc.insecure_channel(
            slow.address, [("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            second = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(iter(()))
            assert code(lambda: next(second)) == grpc.StatusCode.RESOURCE_EXHAUSTED
        slow.served.release()
        assert next(first).infer_response.id == "7"
        more.set()


@contextmanager
def silent(address: str, method: str, count: int) -> Iterator[list[Any]]:
    """Calls that send no message, over connections of their own."""
    over = threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait(WAIT_S)
        yield from ()

    channels = [
        grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1), ("number", i)])
        for i in range(count)
    ]
    calls = []
    for channel in channels:
        if method == "ModelInfer":
            calls.append(channel.stream_unary(INFER).future(nothing()))
        else:
            calls.append(
                service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(nothing())
            )
    try:
        yield calls
    finally:
        over.set()
        for channel in channels:
            channel.close()


def test_calls_that_send_nothing_take_nobodys_place() -> None:
    with running(limits=LimitOptions(in_flight=2, arriving_per_address=6)) as slow:
        slow.served.at_once = True
        arriving = slow.server._calls._seam._arrivals
        with silent(slow.address, "ModelInfer", 6):
            wait_for(lambda: len(arriving) == 6)
            time.sleep(1.1)  # those who have sent nothing for so long make room
            for _ in range(5):
                assert slow.stub.ModelInfer(asking()).id == "7"


def test_streams_that_are_silent_give_their_places_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(grpc_calls, "SILENT_STREAM_S", 0.2)
    with running(limits=LimitOptions(in_flight=2)) as slow:
        slow.served.at_once = True
        with silent(slow.address, "ModelStreamInfer", 2) as streams:
            wait_for(lambda: len(slow.server._calls._readers) == 2)
            time.sleep(0.3)
            found = list(slow.stub.ModelStreamInfer(iter([asking(), asking()])))
            assert [one.infer_response.id for one in found] == ["7", "7"]
            wait_for(lambda: any(stream.done() for stream in streams))
            ended = [stream.code() for stream in streams if stream.done()]
            assert ended == [grpc.StatusCode.RESOURCE_EXHAUSTED]


def test_calls_that_have_sent_nothing_hear_that_the_service_ends() -> None:
    slow = Running()
    with silent(slow.address, "ModelInfer", 2) as calls:
        wait_for(lambda: len(slow.server._calls._seam._arrivals) == 2)
        begin = time.monotonic()
        slow.loop.run(slow.server.stop(10.0))
        assert time.monotonic() - begin < 5
        assert [code(call.result) for call in calls] == [grpc.StatusCode.UNAVAILABLE] * 2
    slow.close()


def test_messages_that_wait_take_no_more_memory_than_is_set_apart() -> None:
    with running(limits=LimitOptions(body_mb=0.001)) as slow:
        # Sixteen times 1,000 bytes; a request has about 90.
        calls = [slow.stub.ModelInfer.future(asking()) for _ in range(250)]
        wait_for(lambda: any(call.done() for call in calls))
        refused = [call for call in calls if call.done()]
        assert {call.code() for call in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        wait_for(lambda: len(slow.served.futures) + sum(call.done() for call in calls) == 250)
        assert 100 < len(slow.served.futures) < 200
        slow.served.release()
        assert sum(call.exception(WAIT_S) is None for call in calls) == len(slow.served.futures)
        slow.served.at_once = True  # and what was answered takes none
        assert all(slow.stub.ModelInfer(asking()).id == "7" for _ in range(200))


@pytest.mark.parametrize("method", ["ModelInfer", "ModelStreamInfer"])
def test_answers_that_nobody_reads_take_no_more_memory_than_is_set_apart(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    with running(limits=LimitOptions(body_mb=5)) as slow:
        slow.served.at_once, slow.served.rows = True, 8_000_000  # more than a connection keeps
        memory = slow.server._calls._memory
        options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        request = asking().SerializeToString()
        with grpc.insecure_channel(slow.address, options) as channel:
            # A stub would read on behind our back: of a stream nobody asks for the answer.
            ask = channel.stream_stream(f"/inference.GRPCInferenceService/{method}")
            calls = [ask(iter([request])) for _ in range(6)]
            wait_for(lambda: len(slow.served.futures) == 6)
            wait_for(lambda: memory.held > memory.limit - 32_000_000)
            assert memory.held <= memory.limit
            for call in calls:
                call.cancel()
            wait_for(lambda: memory.held == 0)
        # Who leaves has done nothing wrong, and neither have we.
        assert "INTERNAL" not in {status for _, status in slow.told}
        assert not [r for r in caplog.records if r.name.startswith("sightline")]
        slow.served.rows = 1
        assert slow.stub.ModelInfer(asking()).id == "7"


def test_a_fault_of_ours_is_not_explained(slow: Running, caplog: pytest.LogCaptureFixture) -> None:
    call = slow.stub.ModelInfer.future(asking())
    wait_for(lambda: slow.served.futures)
    slow.served.futures[0].set_exception(InferenceError("secret: /root/model.onnx"))
    error = call.exception(WAIT_S)
    assert error.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in error.details()
    assert "secret" in caplog.text


def test_too_large_a_message() -> None:
    with running(limits=LimitOptions(body_mb=0.1)) as slow:
        assert code(lambda: slow.stub.ModelInfer(asking(200))) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED
        )
        assert not slow.served.futures


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param([b"\xff\xff\xff"], grpc.StatusCode.INVALID_ARGUMENT, id="no message"),
        pytest.param([b"\n\xff\xff\xff\xff\x0f"], grpc.StatusCode.INVALID_ARGUMENT, id="cut off"),
        pytest.param([], grpc.StatusCode.INVALID_ARGUMENT, id="nothing"),
        pytest.param([b""], grpc.StatusCode.NOT_FOUND, id="empty message"),
    ],
)
@pytest.mark.parametrize("method", ["ModelInfer", "ModelMetadata"])
def test_what_is_no_request(
    slow: Running, method: str, message: list[bytes], expected: grpc.StatusCode
) -> None:
    call = slow.channel.stream_unary(f"/inference.GRPCInferenceService/{method}")
    assert code(lambda: call(iter(message))) == expected


def test_a_client_that_does_not_send() -> None:
    with running(limits=LimitOptions(body_timeout_s=0.2)) as slow:
        never = threading.Event()

        def nothing() -> Iterator[bytes]:
            never.wait(WAIT_S)
            yield from ()

        call = slow.channel.stream_unary(INFER)
        assert code(lambda: call(nothing())) == grpc.StatusCode.DEADLINE_EXCEEDED
        never.set()


def test_tokens() -> None:
    secrets = {"token": SecretStr("client"), "admin_token": SecretStr("admin")}
    with running(**secrets) as slow:
        slow.served.at_once = True

        def bearer(token: str) -> list[tuple[str, str]]:
            return [("authorization", f"Bearer {token}")]

        twice = [bearer("client") + bearer(other) for other in ("client", "wrong")]
        for refused in (None, bearer("wrong"), [("authorization", "client")], *twice):
            assert code(lambda m=refused: slow.stub.ModelInfer(asking(), metadata=m)) == (
                grpc.StatusCode.UNAUTHENTICATED
            )
            stream = slow.stub.ModelStreamInfer(iter([asking()]), metadata=refused)
            assert code(lambda s=stream: next(s)) == grpc.StatusCode.UNAUTHENTICATED
        index = pb.RepositoryIndexRequest()
        assert code(lambda: slow.stub.RepositoryIndex(index)) == grpc.StatusCode.UNAUTHENTICATED
        assert not slow.served.futures
        assert slow.stub.ServerReady(pb.ServerReadyRequest()).ready
        assert slow.stub.ModelInfer(asking(), metadata=bearer("client")).id == "7"
        load = pb.RepositoryModelLoadRequest(model_name="slow")
        for token, expected in (
            ("client", grpc.StatusCode.PERMISSION_DENIED),
            ("wrong", grpc.StatusCode.UNAUTHENTICATED),
        ):
            metadata = bearer(token)
            assert code(lambda m=metadata: slow.stub.RepositoryModelLoad(load, metadata=m)) == (
                expected
            )
        slow.stub.RepositoryModelLoad(load, metadata=bearer("admin"))


def test_every_method_but_health_asks_for_the_token() -> None:
    """Of all that the protocol has, so that a method that is added later is not forgotten."""
    with running(token=SecretStr("client")) as slow:
        methods = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
        for method in methods:
            call = slow.channel.stream_unary(
                f"/{method.containing_service.full_name}/{method.name}"
            )
            if method.name in {"ServerLive", "ServerReady"}:
                assert call(iter([b""]))
            else:
                assert code(lambda c=call: c(iter([b""]))) in {
                    grpc.StatusCode.UNAUTHENTICATED,
                    grpc.StatusCode.UNIMPLEMENTED,
                }


def test_calls_are_told(slow: Running) -> None:
    slow.served.at_once = True
    slow.stub.ModelInfer(asking())
    code(lambda: slow.stub.ModelInfer(pb.ModelInferRequest(model_name="none")))
    list(slow.stub.ModelStreamInfer(iter([asking(), pb.ModelInferRequest()])))
    slow.served.at_once = False
    call = slow.stub.ModelInfer.future(asking())
    wait_for(lambda: len(slow.served.futures) == 3)
    call.cancel()
    wait_for(lambda: len(slow.told) == 6)
    assert slow.told[:2] == [("ModelInfer", "OK"), ("ModelInfer", "NOT_FOUND")]
    assert sorted(slow.told[2:4]) == [
        ("ModelStreamInfer/request", "NOT_FOUND"),
        ("ModelStreamInfer/request", "OK"),
    ]
    assert slow.told[4:] == [("ModelStreamInfer", "OK"), ("ModelInfer", "CANCELLED")]


def test_health_as_orchestrators_ask_it(slow: Running) -> None:
    check = slow.channel.unary_unary("/grpc.health.v1.Health/Check")
    assert check(b"") == b"\x08\x01"


def test_stopping_finishes_what_was_accepted(slow: Running) -> None:
    more = threading.Event()

    def requests() -> Iterator[Any]:
        yield asking()
        more.wait(2 * WAIT_S)

    call = slow.stub.ModelInfer.future(asking())
    stream = slow.stub.ModelStreamInfer(requests(), timeout=WAIT_S)
    wait_for(lambda: len(slow.served.futures) == 2)
    stopping = slow.loop.begin(slow.server.stop(3 * WAIT_S))
    wait_for(lambda: not slow.stub.ServerReady(pb.ServerReadyRequest()).ready)
    assert code(lambda: slow.stub.ModelInfer(asking())) == grpc.StatusCode.UNAVAILABLE

    def refused() -> bool:
        with grpc.insecure_channel(slow.address, [("grpc.use_local_subchannel_pool", 1)]) as other:
            live = service_pb2_grpc.GRPCInferenceServiceStub(other).ServerLive
            try:
                live(pb.ServerLiveRequest(), timeout=1)
            except grpc.RpcError as error:
                return bool(error.code() == grpc.StatusCode.UNAVAILABLE)
        return False

    wait_for(refused)
    slow.served.release()
    assert call.result(WAIT_S).id == "7"
    assert next(stream).infer_response.id == "7"
    assert code(lambda: next(stream)) == grpc.StatusCode.UNAVAILABLE
    more.set()
    stopping.result(WAIT_S)


def test_stopping_under_load_breaks_no_call_off(slow: Running) -> None:
    slow.served.at_once = True
    outcomes: list[list[grpc.StatusCode]] = [[] for _ in range(8)]

    def load(seen: list[grpc.StatusCode]) -> None:
        with grpc.insecure_channel(
            slow.address, [("grpc.use_local_subchannel_pool", 1)]
        ) as channel:
            infer = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer
            while not seen or seen[-1] == grpc.StatusCode.OK:
                error = infer.future(asking()).exception(WAIT_S)
                seen.append(grpc.StatusCode.OK if error is None else error.code())

    threads = [threading.Thread(target=load, args=(seen,)) for seen in outcomes]
    for thread in threads:
        thread.start()
    wait_for(lambda: all(len(seen) > 20 for seen in outcomes))
    slow.loop.run(slow.server.stop(WAIT_S))
    for thread in threads:
        thread.join(WAIT_S)
    assert [seen[-1] for seen in outcomes] == [grpc.StatusCode.UNAVAILABLE] * 8


def test_stopping_does_not_wait_for_ever(slow: Running) -> None:
    call = slow.stub.ModelInfer.future(asking())
    wait_for(lambda: slow.served.futures)
    slow.loop.run(slow.server.stop(0.1))
    assert call.exception(WAIT_S) is not None
    wait_for(slow.served.futures[0].cancelled)


def test_a_port_that_is_taken(slow: Running) -> None:
    second = GrpcServer(
        OpenInference(Repository(Served()), LimitOptions()),  # type: ignore[arg-type]
        ServingOptions(grpc_port=slow.server.port),
    )
    with pytest.raises(ConfigError, match=r"choose another serving\.grpc_port"):
        slow.loop.run(second.start())


def test_no_record_keeps_a_server_that_is_freed(
    slow: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """gRPC's own would; the process crashes when such a record goes."""
    with caplog.at_level(logging.DEBUG):
        test_a_port_that_is_taken(slow)
        gc.collect()
    assert not [record for record in caplog.records if record.args and "grpc" in record.name]


def test_nobody_elses_network_without_a_token() -> None:
    with pytest.raises(ConfigError, match=r"serving\.token"):
        GrpcServer(
            OpenInference(Repository(Served()), LimitOptions()),  # type: ignore[arg-type]
            ServingOptions(host="0.0.0.0"),
        )


# A fuzzer: requests that are nearly right, so that they come far.

SIDES = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 4, 5, 2**31, 2**32 + 1, 2**63 - 1])
SHAPES = st.just([1, 4, 4, 3]) | st.lists(SIDES, max_size=6)
NAMES = st.sampled_from(["images", "image", "sum", "slow", "slow.detect", "default", ""]) | st.text(
    max_size=9
)
DATATYPES = st.sampled_from(["UINT8", "FP32", "BYTES", "INT64", "BF16", ""]) | st.text(max_size=5)
RAW = st.sampled_from([b"", bytes(48), bytes(47), bytes(96), b"\xff" * 48]) | st.binary(max_size=99)
PARAMETERS = st.dictionaries(
    st.sampled_from(["priority", "timeout", "client", "conf", "classes", "sequence_id"])
    | st.text(max_size=9),
    st.one_of(
        st.builds(lambda v: pb.InferParameter(bool_param=v), st.booleans()),
        st.builds(lambda v: pb.InferParameter(int64_param=v), st.integers(-(2**63), 2**63 - 1)),
        st.builds(lambda v: pb.InferParameter(uint64_param=v), st.integers(0, 2**64 - 1)),
        st.builds(lambda v: pb.InferParameter(double_param=v), st.floats()),
        st.builds(lambda v: pb.InferParameter(string_param=v), st.text(max_size=70)),
        st.just(pb.InferParameter()),
    ),
    max_size=2,
)
CONTENTS = st.one_of(
    st.just(pb.InferTensorContents()),
    st.builds(
        lambda v: pb.InferTensorContents(uint_contents=v),
        st.just([1] * 48) | st.lists(st.integers(0, 2**32 - 1), max_size=50),
    ),
    st.builds(
        lambda v: pb.InferTensorContents(fp32_contents=v), st.lists(st.floats(width=32), max_size=5)
    ),
    st.builds(
        lambda v: pb.InferTensorContents(bytes_contents=v), st.lists(st.binary(), max_size=3)
    ),
    st.builds(lambda v: pb.InferTensorContents(int64_contents=[v], bool_contents=[True]),
              st.integers(-5, 5)),
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A ModelInferRequest as bytes, sometimes cut off or with bytes changed."""
    message = pb.ModelInferRequest(
        model_name=draw(NAMES), model_version=draw(st.sampled_from(["", "1", "2", "x"])),
        id=draw(st.text(max_size=9)),
    )  # fmt: skip
    for _ in range(draw(st.integers(0, 2))):
        tensor = message.inputs.add(name=draw(NAMES), datatype=draw(DATATYPES), shape=draw(SHAPES))
        tensor.contents.CopyFrom(draw(CONTENTS))
        for name, value in draw(PARAMETERS).items():
            tensor.parameters[name].CopyFrom(value)
    for raw in draw(st.lists(RAW, max_size=2)):
        message.raw_input_contents.append(raw)
    for name in draw(st.lists(NAMES, max_size=2)):
        message.outputs.add(name=name)
    for name, value in draw(PARAMETERS).items():
        message.parameters[name].CopyFrom(value)
    data = bytearray(message.SerializeToString())
    if data and draw(st.integers(0, 9)) == 0:
        del data[draw(st.integers(0, len(data) - 1)) :]
    elif data and draw(st.integers(0, 9)) == 0:
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data)


CLIENTS_FAULT = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}


def attack(target: Running, examples: int) -> None:
    call = target.channel.unary_unary(INFER)
    seen: set[grpc.StatusCode] = set()

    @settings(
        max_examples=examples, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(requests())
    def once(data: bytes) -> None:
        error = call.future(data).exception(WAIT_S)
        found = grpc.StatusCode.OK if error is None else error.code()
        assert found in CLIENTS_FAULT, (found, error)
        seen.add(found)

    once()
    target.served.at_once = True
    assert target.stub.ModelInfer(asking()).id == "7"
    assert grpc.StatusCode.INVALID_ARGUMENT in seen


def test_hostile_requests(slow: Running) -> None:
    slow.served.at_once = True
    attack(slow, 200)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_hostile_requests(slow: Running) -> None:
    slow.served.at_once = True
    attack(slow, 10_000)
