"""The Open Inference Protocol without sockets: tensors, messages, bodies, and what the calls do."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from google.protobuf.message import DecodeError as NoMessage
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from tritonclient.grpc import service_pb2 as pb
from tritonclient.utils import serialize_byte_tensor

from sightline.config import LimitOptions
from sightline.errors import (
    ConfigError,
    DeadlineExceeded,
    DecodeError,
    InferenceError,
    InvalidRequest,
    NotFound,
    Overloaded,
    TooLarge,
)
from sightline.models.model_card import ModelCard
from sightline.runtime.repository.models import ModelState
from sightline.runtime.scheduling.executions import Execution
from sightline.runtime.scheduling.items import Terms
from sightline.serving.kserve import endpoints as endpoints_v2
from sightline.serving.kserve import grpc_messages as messages_v2
from sightline.serving.kserve.grpc_messages import (
    parse_request,
    read_request,
    write_response,
    write_stream_response,
)
from sightline.serving.kserve.open_inference import OpenInference, kept
from sightline.serving.kserve.rest import HEADER_LENGTH, parse, router
from sightline.serving.kserve.tensors import (
    InferRequest,
    InputTensor,
    Output,
    Spec,
    encoded,
    pixels,
)
from sightline.types import Detections, EngineInfo, Frame, Pixels, TensorSpec

SPEC = Spec("images", "UINT8", (-1, 2, 3, 3))
BYTES = Spec("image", "BYTES", (-1,))
PICTURE = np.arange(18, dtype=np.uint8).reshape(1, 2, 3, 3)


class Served:
    """Stands in for a model: answers a picture with its sum, in two outputs."""

    native = None
    has_tensors = True

    def __init__(self, name: str = "tiny") -> None:
        self.name = name
        self.canvases = [(32, 32), (64, 32)]
        self.class_names = ("car", "bus")
        self.card = ModelCard(name=name, size=(64, 32), fixed_size=True)
        self.terms: list[Terms] = []
        self.wanted: list[dict[str, Any]] = []
        self.futures: list[Future[Any]] = []
        self.hold = False
        self.refuse_after: int | None = None
        self.rows = 1

    @property
    def info(self) -> EngineInfo:
        outputs = (TensorSpec("sum", (None, 1)), TensorSpec("mean", (None, 1)))
        size = (None, None, None, 3)
        return EngineInfo("fake", "cpu", "fp32", 1, TensorSpec("images", size, "uint8"), outputs)

    def infer(self, tensors: Pixels, terms: Terms, read: Callable[[list[Any]], Any]) -> Future[Any]:
        total, mean = np.float32(tensors.sum()), np.float32(tensors.mean())
        outputs = [np.full((self.rows, 1), total), np.full((self.rows, 1), mean)]
        result = read(outputs)
        for output in outputs:
            output.fill(-1)  # the engine goes on, and this was its memory
        return self._future(terms, result)

    def submit(self, frame: Frame, terms: Terms, **wanted: Any) -> Future[Any]:
        if wanted["classes"] == ("dragon",):
            raise ConfigError("this model has no class 'dragon'")
        self.wanted.append(wanted)
        n = frame.index + 1
        box = np.array([[0, 0, frame.width, frame.height]], np.float32)
        found = Detections(box.repeat(n, 0), np.ones(n, np.float32), np.arange(n))
        return self._future(terms, found)

    def _future(self, terms: Terms, result: Any) -> Future[Any]:
        if self.refuse_after is not None and len(self.futures) >= self.refuse_after:
            raise Overloaded("full")
        self.terms.append(terms)
        assert terms.watch is not None
        terms.watch.executions.append(Execution(1, begun=time.perf_counter_ns()))
        future: Future[Any] = Future()
        self.futures.append(future)
        if not self.hold:
            future.set_result(result)
        return future


class Repository:
    """Stands in for the models of a service."""

    def __init__(self, *served: Served) -> None:
        self._served = {model.name: model for model in served}
        self.names = tuple(self._served)
        self.ready = True
        self.described: frozenset[str] = frozenset()
        self.loaded: list[str] = []

    def get(self, name: str) -> Served:
        if name not in self._served:
            raise NotFound(f"there is no model {name!r}")
        return self._served[name]

    find = get

    def answers(self, name: str) -> bool:
        return bool(self.get(name))

    def state(self, name: str) -> ModelState:
        self.get(name)
        return ModelState(name, "ready")

    def states(self) -> list[ModelState]:
        return [*(ModelState(n, "ready") for n in self.names), ModelState("bad", "failed", "/x/y")]

    def load_for_client(self, name: str) -> None:
        self.get(name)
        self.loaded.append(name)

    def unload(self, name: str) -> None:
        self.loaded.remove(name)


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.fixture
def service(served: Served) -> OpenInference:
    return OpenInference(Repository(served), LimitOptions(parts=3))  # type: ignore[arg-type]


def tensor(picture: Pixels, name: str = "images", datatype: str = "UINT8") -> InputTensor:
    return InputTensor(name, datatype, picture.shape, picture.tobytes())


def blank(n: int = 1, height: int = 32, width: int = 32, value: int = 1) -> InputTensor:
    return tensor(np.full((n, height, width, 3), value, np.uint8))


def ask(
    service: OpenInference, *tensors: InputTensor, model: str = "tiny", **more: Any
) -> list[Output]:
    request = InferRequest(model, tensors, **more)
    return asyncio.run(service.infer(request, "me", kept))[1]


def png(width: int = 20, height: int = 10) -> bytes:
    return cv2.imencode(".png", np.zeros((height, width, 3), np.uint8))[1].tobytes()


class TestPixels:
    def test_raw_bytes_are_not_copied(self) -> None:
        raw = PICTURE.tobytes()
        found = pixels(InputTensor("images", "UINT8", PICTURE.shape, raw), SPEC)
        assert np.shares_memory(found, np.frombuffer(raw, np.uint8))
        assert np.array_equal(found, PICTURE)

    @pytest.mark.parametrize(
        "values",
        [
            pytest.param(PICTURE.ravel().tolist(), id="flat"),
            pytest.param(PICTURE.tolist(), id="nested"),
        ],
    )
    def test_values(self, values: list[Any]) -> None:
        found = pixels(InputTensor("images", "UINT8", PICTURE.shape, values=values), SPEC)
        assert np.array_equal(found, PICTURE)

    @pytest.mark.parametrize(
        ("shape", "datatype", "values", "complaint"),
        [
            pytest.param((1, 2, 3, 3), "FP32", [0] * 18, "datatype must be UINT8", id="datatype"),
            pytest.param((1, 2, 4, 3), "UINT8", [0] * 24, "shape must be", id="fixed side"),
            pytest.param((2, 3, 3), "UINT8", [0] * 18, "shape must be", id="rank"),
            pytest.param((-1, 2, 3, 3), "UINT8", [0] * 18, "shape must be", id="negative side"),
            pytest.param((0, 2, 3, 3), "UINT8", [], "shape must be", id="no picture"),
            pytest.param((2, 2, 3, 3), "UINT8", [0] * 18, "36 elements, not 18", id="too few"),
            pytest.param((2**62, 2, 3, 3), "UINT8", [0] * 18, "not 18", id="huge side"),
            pytest.param((1, 2, 3, 3), "UINT8", [float("nan")] * 18, "0 to 255", id="NaN"),
            pytest.param((1, 2, 3, 3), "UINT8", [float("inf")] * 18, "0 to 255", id="infinity"),
            pytest.param((1, 2, 3, 3), "UINT8", [1.5] * 18, "0 to 255", id="fraction"),
            pytest.param((1, 2, 3, 3), "UINT8", [256] * 18, "0 to 255", id="too large"),
            pytest.param((1, 2, 3, 3), "UINT8", [-1] * 18, "0 to 255", id="negative"),
            pytest.param((1, 2, 3, 3), "UINT8", ["1"] * 18, "0 to 255", id="text"),
            pytest.param((1, 2, 3, 3), "UINT8", [[0] * 18], "not nested", id="nested otherwise"),
            pytest.param((1, 2, 3, 3), "UINT8", [[[[0] * 4] * 3] * 2], "not nested", id="ragged"),
        ],
    )
    def test_refused_by_name(
        self, shape: tuple[int, ...], datatype: str, values: list[Any], complaint: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=complaint) as info:
            pixels(InputTensor("images", datatype, shape, values=values), SPEC)
        assert str(info.value).startswith("input 'images': ")

    @pytest.mark.parametrize("size", [0, 17, 19])
    def test_raw_of_another_size(self, size: int) -> None:
        with pytest.raises(InvalidRequest, match=f"18 elements, not {size}"):
            pixels(InputTensor("images", "UINT8", PICTURE.shape, bytes(size)), SPEC)


class TestEncoded:
    @given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
    def test_reads_what_a_client_writes(self, items: list[bytes]) -> None:
        raw = serialize_byte_tensor(np.array(items, dtype=object)).item()
        assert encoded(InputTensor("image", "BYTES", (len(items),), raw), BYTES) == items
        text = [base64.b64encode(item).decode() for item in items]
        assert encoded(InputTensor("image", "BYTES", (len(items),), values=text), BYTES) == items

    @pytest.mark.parametrize(
        ("raw", "shape", "complaint"),
        [
            pytest.param(b"\5\0\0\0abc", (1,), "5 bytes, but fewer", id="element cut off"),
            pytest.param(b"\5\0", (1,), "within the length", id="length cut off"),
            pytest.param(b"\xff" * 8, (1,), "4294967295 bytes", id="absurd length"),
            pytest.param(b"\1\0\0\0a", (2,), "2 elements, not 1", id="too few"),
            pytest.param(b"\0\0\0\0" * 9, (2,), "2 elements, not 3", id="too many"),
        ],
    )
    def test_refused(self, raw: bytes, shape: tuple[int, ...], complaint: str) -> None:
        with pytest.raises(InvalidRequest, match=complaint):
            encoded(InputTensor("image", "BYTES", shape, raw), BYTES)

    @pytest.mark.parametrize("value", ["no base64!", 5, None, ["aGk="]])
    def test_values_that_are_no_text(self, value: Any) -> None:
        with pytest.raises(InvalidRequest, match=r"input 'image': "):
            encoded(InputTensor("image", "BYTES", (1,), values=[value]), BYTES)


class TestOutput:
    @given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=30))
    def test_json_gives_back_the_same_floats(self, values: list[float]) -> None:
        array = np.array(values, np.float32).reshape(-1, 1)
        read = json.loads("".join(Output("x", array).json()))
        assert np.array_equal(np.array(read, np.float32), array.ravel())

    def test_json_of_many_is_written_in_pieces(self) -> None:
        array = np.arange(10_000, dtype=np.int64)
        pieces = list(Output("x", array).json())
        assert json.loads("".join(pieces)) == array.tolist()
        assert len(pieces) > 3

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_json_has_no_word_for_it(self, value: float) -> None:
        with pytest.raises(InferenceError, match="ask for binary data"):
            list(Output("x", np.array([value], np.float32)).json())

    def test_raw_is_not_copied(self) -> None:
        array = np.arange(4, dtype=np.float32)
        assert np.shares_memory(np.frombuffer(Output("x", array).raw, np.float32), array)


def asked(message: Any) -> InferRequest:
    """What a message asks for, once it went over the wire."""
    return read_request(*parse_request(message.SerializeToString()))


@st.composite
def requests(draw: st.DrawFn) -> Any:
    """ModelInferRequests with raw tensors, as clients may send them."""
    message = pb.ModelInferRequest(model_name=draw(st.text(max_size=5)))
    for name in draw(st.lists(st.text(max_size=3), max_size=3)):
        message.inputs.add(name=name, datatype="UINT8", shape=[1, 2])
        message.parameters[name].int64_param = 300
    message.raw_input_contents.extend(draw(st.lists(st.binary(max_size=200), max_size=3)))
    return message


class TestMessages:
    @given(st.lists(st.integers(0, 300), max_size=3), st.text(max_size=5))
    def test_a_response_is_what_protobuf_reads(self, sizes: list[int], number: str) -> None:
        outputs = [Output(f"o{n}", np.arange(n, dtype=np.float32)) for n in sizes]
        facts = ("tiny", outputs, number, {"triton_final_response": True})
        read = pb.ModelInferResponse.FromString(write_response(*facts))
        assert (read.model_name, read.id) == ("tiny", number)
        assert read.parameters["triton_final_response"].bool_param
        assert [(o.name, o.datatype, list(o.shape)) for o in read.outputs] == [
            (f"o{n}", "FP32", [n]) for n in sizes
        ]
        assert list(read.raw_output_contents) == [bytes(o.raw) for o in outputs]
        stream = pb.ModelStreamInferResponse.FromString(write_stream_response(*facts))
        assert stream.infer_response == read

    @given(requests(), st.data())
    def test_a_request_is_read_as_protobuf_reads_it(
        self, message: Any, data: st.DataObject
    ) -> None:
        whole = message.SerializeToString()
        cut = data.draw(st.integers(0, len(whole)))
        junk = data.draw(st.binary(max_size=6))
        for sent in (whole, whole[:cut], whole[:cut] + junk + whole[cut:]):
            try:
                expected = pb.ModelInferRequest.FromString(sent)
            except NoMessage:
                with pytest.raises(InvalidRequest, match="this is no ModelInferRequest"):
                    parse_request(sent)
                continue
            read, raw = parse_request(sent)
            assert [bytes(r) for r in raw] == list(expected.raw_input_contents)
            read.ClearField("raw_input_contents")
            expected.ClearField("raw_input_contents")
            assert read.SerializeToString(deterministic=True) == expected.SerializeToString(
                deterministic=True
            )

    def test_raw_tensors_are_not_copied(self) -> None:
        message = pb.ModelInferRequest(model_name="tiny", raw_input_contents=[b"abc", b"", b"d"])
        sent = message.SerializeToString()
        _, raw = parse_request(sent)
        assert [bytes(r) for r in raw] == [b"abc", b"", b"d"]
        assert all(isinstance(r, memoryview) and r.obj is sent for r in raw)

    def test_a_message_of_countless_fields_is_left_to_protobuf(self) -> None:
        """Python would take seconds for what protobuf does in milliseconds."""
        sent = b"\x3a\x01x" * 300_000
        begin = time.perf_counter()
        _, raw = parse_request(sent)
        assert len(raw) == 300_000
        assert time.perf_counter() - begin < 1

    def test_a_request(self) -> None:
        message = pb.ModelInferRequest(model_name="tiny", model_version="1", id="7")
        message.inputs.add(name="images", datatype="UINT8", shape=[1, 2])
        message.raw_input_contents.append(b"ab")
        message.outputs.add(name="sum")
        message.parameters["priority"].uint64_param = 1
        assert asked(message) == InferRequest(
            "tiny",
            [InputTensor("images", "UINT8", (1, 2), b"ab")],
            "1",
            "7",
            ["sum"],
            {"priority": 1},
        )

    def test_typed_contents(self) -> None:
        message = pb.ModelInferRequest()
        item = message.inputs.add(name="images", datatype="UINT8", shape=[2])
        item.contents.uint_contents.extend([1, 300])
        (found,) = asked(message).inputs
        with pytest.raises(InvalidRequest, match="0 to 255"):
            pixels(found, Spec("images", "UINT8", (-1,)))

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            pytest.param(
                lambda m: m.raw_input_contents.append(b""), "2 elements for 1 inputs", id="more raw"
            ),
            pytest.param(
                lambda m: m.inputs[0].contents.uint_contents.append(1), "given twice", id="both"
            ),
            pytest.param(
                lambda m: (
                    m.inputs[0]
                    .parameters["shared_memory_region"]
                    .CopyFrom(pb.InferParameter(string_param="x"))
                ),
                "input 'images': shared_memory_region needs shared_memory_byte_size",
                id="shared memory",
            ),
            pytest.param(
                lambda m: (
                    m.outputs.add(name="sum")
                    .parameters["classification"]
                    .CopyFrom(pb.InferParameter(int64_param=3))
                ),
                "output 'sum': parameter 'classification'",
                id="classification",
            ),
            pytest.param(
                lambda m: [m.inputs.add() for _ in range(64)],
                "inputs: it must have at most 64 items",
                id="countless inputs",
            ),
            pytest.param(
                lambda m: [m.outputs.add() for _ in range(65)],
                "outputs: it must",
                id="countless outputs",
            ),
            pytest.param(
                lambda m: [m.parameters[str(n)].SetInParent() for n in range(65)],
                "parameters: it must",
                id="countless parameters",
            ),
            pytest.param(
                lambda m: m.inputs[0].shape.extend([1] * 8),
                "input 'images': its shape must have at most 8 sides",
                id="countless sides",
            ),
            pytest.param(
                lambda m: m.parameters["priority"].SetInParent(),
                "'priority' has no value",
                id="unset",
            ),
        ],
    )
    def test_refused(self, change: Callable[[Any], Any], complaint: str) -> None:
        message = pb.ModelInferRequest()
        message.inputs.add(name="images", datatype="UINT8", shape=[2])
        message.raw_input_contents.append(b"ab")
        change(message)
        with pytest.raises(InvalidRequest, match=complaint):
            asked(message)

    def test_typed_contents_are_counted_before_they_are_read(self) -> None:
        message = pb.ModelInferRequest()
        item = message.inputs.add(name="images", datatype="UINT8", shape=[2])
        item.contents.uint_contents.extend([1] * 1000)
        with pytest.raises(InvalidRequest, match=r"shape \[2\] needs 2 elements, not 1000"):
            asked(message)
        del item.shape[:]
        item.shape.append(messages_v2.MOST_VALUES + 1)
        item.contents.uint_contents.extend([1] * messages_v2.MOST_VALUES)
        with pytest.raises(InvalidRequest, match="use raw_input_contents"):
            asked(message)

    def test_contents_of_another_type(self) -> None:
        message = pb.ModelInferRequest()
        item = message.inputs.add(name="images", datatype="UINT8", shape=[2])
        item.contents.fp32_contents.extend([1.0, float("nan")])
        with pytest.raises(InvalidRequest, match="input 'images': fp32_contents cannot hold"):
            asked(message)


async def turns() -> None:
    """Whatever can go on goes on until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


HEAD = {"name": "images", "datatype": "UINT8", "shape": [1, 2]}


class TestParse:
    def body(self, *inputs: Any, tail: bytes = b"", **more: Any) -> tuple[bytes, str]:
        head = json.dumps({"inputs": inputs, **more}).encode()
        return head + tail, str(len(head))

    def test_bytes_behind_the_json_are_seen_in_place(self) -> None:
        first = {**HEAD, "parameters": {"binary_data_size": 2}}
        second = {**HEAD, "name": "more", "parameters": {"binary_data_size": 3}}
        body, length = self.body(first, second, tail=b"abcde", outputs=[{"name": "sum"}], id="9")
        request, _ = parse("tiny", "1", body, length)
        assert [bytes(t.raw or b"") for t in request.inputs] == [b"ab", b"cde"]
        assert isinstance(request.inputs[0].raw, memoryview)
        assert request.inputs[0].raw.obj is body
        assert (request.id, list(request.outputs)) == ("9", ["sum"])

    @pytest.mark.parametrize(
        ("parameters", "wish", "expected"),
        [
            pytest.param({}, {}, False, id="JSON by default"),
            pytest.param({"binary_data_output": True}, {}, True, id="all binary"),
            pytest.param(
                {"binary_data_output": True}, {"binary_data": False}, False, id="not this"
            ),
            pytest.param({}, {"binary_data": True}, True, id="this one"),
        ],
    )
    def test_binary_outputs(
        self, parameters: dict[str, Any], wish: dict[str, Any], expected: bool
    ) -> None:
        outputs = [{"name": "sum", "parameters": wish}]
        body, _ = self.body({**HEAD, "data": [1, 2]}, parameters=parameters, outputs=outputs)
        _, binary = parse("tiny", "", body, None)
        assert binary("sum") is expected

    @pytest.mark.parametrize(
        ("body", "error", "complaint"),
        [
            pytest.param(
                b'{"inputs":[' + b"{}," * 4_000 + b"{}]}", InvalidRequest, "name: .*", id="inputs"
            ),
            pytest.param(
                b'{"inputs":[' + b"{}," * 5_000 + b"{}]}", TooLarge, "objects", id="objects"
            ),
            pytest.param(
                json.dumps({"inputs": [{**HEAD, "data": [[]] * 500_000}]}).encode(),
                TooLarge,
                "lists",
                id="lists",
            ),
            pytest.param(
                json.dumps({"inputs": [{**HEAD, "data": [1] * 3_000_000}]}).encode(),
                TooLarge,
                "send tensors as binary data",
                id="numbers",
            ),
            pytest.param(
                json.dumps({"inputs": [{**HEAD, "data": [1, 2]}] * 65}).encode(),
                InvalidRequest,
                "at most 64 items",
                id="whole inputs",
            ),
            pytest.param(
                json.dumps({"inputs": [], "outputs": [{"name": "sum"}] * 65}).encode(),
                InvalidRequest,
                "at most 64 items",
                id="outputs",
            ),
        ],
    )
    def test_json_without_end_is_refused_at_once(
        self, body: bytes, error: type[Exception], complaint: str
    ) -> None:
        """Other clients wait while it is read, and a complaint about each entry takes gigabytes."""
        with pytest.raises(error, match=complaint) as info:
            parse("tiny", "", body, None)
        assert len(str(info.value)) < 500

    @pytest.mark.parametrize(
        ("body", "length", "complaint"),
        [
            pytest.param(b"{", None, "JSON", id="no JSON"),
            pytest.param(b"\xff\xfe", None, "JSON", id="no text"),
            pytest.param(b"[" * 100_000, None, "JSON", id="nested for ever"),
            pytest.param(b"[]", None, "request", id="no object"),
            pytest.param(b"{}", None, "inputs", id="no inputs"),
            pytest.param(b'{"inputs": [], "input": []}', None, "input: there is no such field; did you mean inputs", id="unknown key"),
            pytest.param(b'{"inputs": []}', "15", "is 15, but the body has 14", id="beyond the body"),
            pytest.param(b'{"inputs": []}', "-1", "must be a number", id="negative length"),
            pytest.param(b'{"inputs": []}', "٣", "must be a number", id="other digits"),
            pytest.param(b'{"inputs": []}xyz', "14", "3 bytes follow", id="bytes left over"),
            pytest.param(
                b'{"inputs": [{"name": "a", "datatype": "UINT8", "shape": [1]}]}', None,
                "input 'a': its content is missing", id="no content",
            ),
            pytest.param(
                b'{"inputs": [{"name": "a", "datatype": "UINT8", "shape": [1.5], "data": [1]}]}',
                None, "inputs.0.shape.0", id="fractional side",
            ),
            pytest.param(
                b'{"inputs": [{"name": "a", "datatype": "UINT8", "shape": [9223372036854775808],'
                b' "data": [1]}]}', None, "inputs.0.shape.0", id="side beyond int64",
            ),
            pytest.param(
                b'{"inputs": [{"name": "a", "datatype": "UINT8", "shape": [1], "data": 1}]}', None,
                "inputs.0.data", id="data is no list",
            ),
            pytest.param(
                b'{"inputs": [], "parameters": {"binary_data_output": 1}}', None,
                "true or false", id="flag is no flag",
            ),
            pytest.param(
                b'{"inputs": [], "outputs": [{"name": "s", "parameters": {"classification": 2}}]}',
                None, "output 's': parameter 'classification'", id="classification",
            ),
        ],
    )  # fmt: skip
    def test_refused(self, body: bytes, length: str | None, complaint: str) -> None:
        with pytest.raises(InvalidRequest, match=complaint):
            parse("tiny", "", body, length)

    @pytest.mark.parametrize("size", [-1, 3, True, "2", 10**30])
    def test_binary_size_that_is_not_there(self, size: Any) -> None:
        body, length = self.body({**HEAD, "parameters": {"binary_data_size": size}}, tail=b"ab")
        with pytest.raises(InvalidRequest, match="input 'images': binary_data_size"):
            parse("tiny", "", body, length)

    @given(st.binary(max_size=60), st.none() | st.text(max_size=4))
    def test_anything_else_is_the_clients_fault(self, body: bytes, length: str | None) -> None:
        with pytest.raises(InvalidRequest):
            parse("tiny", "", body, length)


class TestInfer:
    def test_outputs_of_a_network(self, service: OpenInference) -> None:
        found = ask(service, blank(value=2))
        assert [o.name for o in found] == ["sum", "mean"]
        assert found[0].array.item() == 2 * 32 * 32 * 3

    def test_a_batch_is_run_as_single_pictures(
        self, service: OpenInference, served: Served
    ) -> None:
        batch = np.stack([np.full((32, 64, 3), v, np.uint8) for v in (1, 2, 3)])
        total, mean = ask(service, tensor(batch))
        assert mean.array.tolist() == [[1], [2], [3]]
        assert total.array.shape == (3, 1)
        assert len(served.futures) == 3

    def test_outputs_without_a_row_for_each_picture_cannot_be_joined(
        self, service: OpenInference, served: Served
    ) -> None:
        served.rows = 2
        assert ask(service, blank())[0].array.shape == (2, 1)
        with pytest.raises(InvalidRequest, match="send one at a time"):
            ask(service, blank(2))

    def test_chosen_outputs(self, service: OpenInference) -> None:
        assert [o.name for o in ask(service, blank(), outputs=["mean"])] == ["mean"]
        assert [o.name for o in ask(service, blank(), outputs=["mean", "sum"])] == ["mean", "sum"]

    @pytest.mark.parametrize(
        ("tensors", "more", "complaint"),
        [
            pytest.param([], {}, "input 'images': must be given once, not 0", id="none"),
            pytest.param([blank(), blank()], {}, "once, not 2 times", id="twice"),
            pytest.param(
                [tensor(PICTURE, "other")], {}, "input 'other': the model has no such", id="name"
            ),
            pytest.param([blank(4)], {}, "input 'images': a batch has 3 pictures", id="batch"),
            pytest.param([blank(1, 33, 32)], {}, "one of 32x32, 32x64; not 33x32", id="size"),
            pytest.param([blank(1, 64, 32)], {}, "not 64x32", id="sides exchanged"),
            pytest.param([blank()], {"outputs": ["x"]}, "output 'x': the model has no", id="output"),
            pytest.param([blank()], {"parameters": {"priority": 9}}, "'priority' must", id="priority"),
            pytest.param(
                [blank()], {"parameters": {"priority": True}}, "'priority' must", id="priority true"
            ),
            pytest.param([blank()], {"parameters": {"timeout": -1}}, "'timeout' must", id="timeout"),
            pytest.param(
                [blank()], {"parameters": {"timeout": 1.5}}, "'timeout' must", id="half a timeout"
            ),
            pytest.param([blank()], {"parameters": {"client": ""}}, "'client' must", id="no client"),
            pytest.param([blank()], {"parameters": {"client": 5}}, "'client' must", id="client"),
            pytest.param(
                [blank()], {"parameters": {"client": "x" * 65}}, "'client' must", id="long client"
            ),
        ],
    )  # fmt: skip
    def test_refused(
        self,
        service: OpenInference,
        served: Served,
        tensors: Sequence[InputTensor],
        more: dict[str, Any],
        complaint: str,
    ) -> None:
        with pytest.raises(InvalidRequest, match=complaint):
            ask(service, *tensors, **more)
        assert not served.futures

    @pytest.mark.parametrize(("name", "version"), [("other", ""), ("tiny", "2"), ("x.detect", "")])
    def test_no_such_model(self, service: OpenInference, name: str, version: str) -> None:
        with pytest.raises(NotFound):
            ask(service, blank(), model=name, version=version)
        with pytest.raises(NotFound):
            service.model_ready(name, version)

    @pytest.mark.parametrize(
        ("parameters", "client", "priority", "timeout_s"),
        [
            pytest.param({}, "me", "normal", 10.0, id="nothing said"),
            pytest.param({"priority": 0}, "me", "normal", 10.0, id="Triton's default"),
            pytest.param({"priority": 1, "timeout": 2_000_000}, "me", "urgent", 2.0, id="Triton's"),
            pytest.param({"priority": "batch", "client": "you"}, "you", "batch", 10.0, id="ours"),
            pytest.param({"timeout": 10**400}, "me", "normal", 3600.0, id="no end"),
            pytest.param(
                {"sequence_id": 5, "sequence_start": True}, "me", "normal", 10.0, id="other"
            ),
        ],
    )
    def test_terms(
        self,
        service: OpenInference,
        served: Served,
        parameters: dict[str, Any],
        client: str,
        priority: str,
        timeout_s: float,
    ) -> None:
        before = time.monotonic()
        ask(service, blank(), parameters=parameters)
        (terms,) = served.terms
        assert (terms.client, terms.priority) == (client, priority)
        assert terms.deadline is not None
        assert before + timeout_s <= terms.deadline <= time.monotonic() + timeout_s

    def test_the_transports_deadline_counts_too(
        self, service: OpenInference, served: Served
    ) -> None:
        deadline = time.monotonic() + 1
        request = InferRequest("tiny", [blank()], parameters={"timeout": 5_000_000})
        asyncio.run(service.infer(request, "me", kept, deadline))
        assert served.terms[0].deadline == deadline

    def test_cancelling_cancels_the_work(self, service: OpenInference, served: Served) -> None:
        served.hold = True

        async def ask_and_leave() -> None:
            task = asyncio.create_task(service.infer(InferRequest("tiny", [blank(3)]), "me", kept))
            await asyncio.sleep(0)  # the task runs until it waits
            assert len(served.futures) == 3
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(ask_and_leave())
        assert all(f.cancelled() for f in served.futures)

    def test_work_that_does_not_end_is_given_up(
        self, service: OpenInference, served: Served
    ) -> None:
        served.hold = True
        with pytest.raises(DeadlineExceeded):
            ask(service, blank(), parameters={"timeout": 1000})
        assert served.futures[0].cancelled()

    def test_a_batch_waits_for_its_own_pictures_only(
        self, service: OpenInference, served: Served
    ) -> None:
        """The queue takes two at a time; the others go in as these come back."""
        served.hold, served.refuse_after = True, 2

        async def run() -> Any:
            task = asyncio.create_task(service.infer(InferRequest("tiny", [blank(3)]), "me", kept))
            await turns()
            assert len(served.futures) == 2
            served.refuse_after = 3
            served.futures[0].set_result([np.full((1, 1), 0)] * 2)
            await turns()
            assert len(served.futures) == 3
            for index in (2, 1):
                served.futures[index].set_result([np.full((1, 1), index)] * 2)
            return await task

        _, outputs = asyncio.run(run())
        assert outputs[0].array.ravel().tolist() == [0, 1, 2]

    def test_a_batch_is_refused_where_others_fill_the_queue(
        self, service: OpenInference, served: Served
    ) -> None:
        served.refuse_after = 0
        with pytest.raises(Overloaded):
            ask(service, blank(3))

    @pytest.mark.parametrize("twice", [("sum", "sum"), ("sum", "mean", "sum")])
    def test_an_output_is_given_once(self, service: OpenInference, twice: tuple[str, ...]) -> None:
        """Else an answer is a thousand times the request."""
        request = InferRequest("tiny", [blank(1)], outputs=twice)
        with pytest.raises(InvalidRequest, match="asked for twice"):
            asyncio.run(service.infer(request, "me", kept))

    def test_the_first_failure_is_told(self, service: OpenInference, served: Served) -> None:
        served.hold = True

        async def run() -> None:
            task = asyncio.create_task(service.infer(InferRequest("tiny", [blank(2)]), "me", kept))
            await asyncio.sleep(0)  # the task runs until it waits
            served.futures[0].set_exception(InferenceError("broken"))
            await task

        with pytest.raises(InferenceError, match="broken"):
            asyncio.run(run())
        assert served.futures[1].cancelled()


class TestPictures:
    def image(self, *data: bytes, column: bool = False) -> InputTensor:
        shape = (len(data), 1) if column else (len(data),)
        raw = b"".join(struct.pack("<I", len(d)) + d for d in data)
        return InputTensor("image", "BYTES", shape, raw)

    @pytest.mark.parametrize("column", [False, True])
    def test_objects_of_two_pictures(self, service: OpenInference, column: bool) -> None:
        image = self.image(png(20, 10), png(8, 6), column=column)
        boxes, scores, ids, counts = ask(service, image, model="tiny.detect")
        assert counts.array.tolist() == [1, 2]
        assert boxes.array.tolist() == [[0, 0, 20, 10], [0, 0, 8, 6], [0, 0, 8, 6]]
        assert (scores.datatype, ids.datatype, counts.datatype) == ("FP32", "INT64", "INT64")

    def test_thresholds(self, service: OpenInference, served: Served) -> None:
        wishes = {"conf": 0.5, "iou": 1, "classes": "car, bus"}
        ask(service, self.image(png()), model="tiny.detect", parameters=wishes)
        assert served.wanted == [{"conf": 0.5, "iou": 1.0, "classes": ("car", "bus")}]

    @pytest.mark.parametrize(
        ("parameters", "complaint"),
        [
            ({"conf": 1.5}, "'conf' must be"),
            ({"conf": float("nan")}, "'conf' must be"),
            ({"iou": "high"}, "'iou' must be"),
            ({"iou": True}, "'iou' must be"),
            ({"classes": 3}, "'classes' must be"),
            ({"classes": "dragon"}, "no class 'dragon'"),
        ],
    )
    def test_refused(
        self, service: OpenInference, parameters: dict[str, Any], complaint: str
    ) -> None:
        with pytest.raises(InvalidRequest, match=complaint):
            ask(service, self.image(png()), model="tiny.detect", parameters=parameters)

    def test_no_picture(self, service: OpenInference) -> None:
        with pytest.raises(DecodeError, match="input 'image': picture 1"):
            ask(service, self.image(png(), b"no picture"), model="tiny.detect")

    def test_too_many(self, service: OpenInference) -> None:
        with pytest.raises(InvalidRequest, match="3 pictures at most"):
            ask(service, self.image(*[png()] * 4), model="tiny.detect")

    def test_a_model_of_that_very_name_comes_first(self) -> None:
        repository = Repository(Served(), Served("tiny.detect"))
        service = OpenInference(repository, LimitOptions())  # type: ignore[arg-type]
        assert isinstance(service.model("tiny.detect"), endpoints_v2.Network)
        assert isinstance(service.model("tiny.detect.detect"), endpoints_v2.Pictures)


def test_statistics(service: OpenInference, served: Served) -> None:
    ask(service, blank(2))
    served.refuse_after = 0
    with pytest.raises(Overloaded):
        ask(service, blank())
    (found,) = service.statistics("tiny")["model_stats"]
    assert (found["inference_count"], found["execution_count"]) == (2, 2)  # one by one
    assert found["inference_stats"]["success"]["count"] == 1
    assert found["inference_stats"]["fail"]["count"] == 1
    assert abs(found["last_inference"] / 1e3 - time.time()) < 60
    assert [m["name"] for m in service.statistics()["model_stats"]] == ["tiny", "tiny.detect"]


class Client:
    """Calls the routes as an app would, without a socket."""

    def __init__(self, service: OpenInference) -> None:
        self.app = FastAPI()
        self.app.include_router(router(service))

    def __call__(self, method: str, path: str, **request: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **request)

        return asyncio.run(call())


@pytest.fixture
def call(service: OpenInference) -> Client:
    return Client(service)


def asking(**more: Any) -> dict[str, Any]:
    data = [1] * (32 * 32 * 3)
    tensor = {"name": "images", "datatype": "UINT8", "shape": [1, 32, 32, 3], "data": data}
    return {"inputs": [{**tensor, **more}]}


class TestRoutes:
    def test_json_both_ways(self, call: Client) -> None:
        for path in ("/v2/models/tiny/infer", "/v2/models/tiny/versions/1/infer"):
            response = call("POST", path, json={**asking(), "id": "7"})
            assert response.status_code == 200
            assert response.json() == {
                "model_name": "tiny",
                "model_version": "1",
                "id": "7",
                "outputs": [
                    {"name": "sum", "datatype": "FP32", "shape": [1, 1], "data": [3072]},
                    {"name": "mean", "datatype": "FP32", "shape": [1, 1], "data": [1]},
                ],
            }

    def test_one_output_in_json_and_one_as_bytes(self, call: Client) -> None:
        outputs = [{"name": "sum", "parameters": {"binary_data": True}}, {"name": "mean"}]
        response = call("POST", "/v2/models/tiny/infer", json={**asking(), "outputs": outputs})
        cut = int(response.headers[HEADER_LENGTH])
        head = json.loads(response.content[:cut])
        assert head["outputs"][0]["parameters"] == {"binary_data_size": 4}
        assert head["outputs"][1]["data"] == [1]
        assert np.frombuffer(response.content[cut:], np.float32) == 3072

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            pytest.param("/v2/models/none/infer", asking(), 404, id="model"),
            pytest.param("/v2/models/tiny/versions/3/infer", asking(), 404, id="version"),
            pytest.param("/v2/models/tiny/infer", asking(datatype="FP32"), 400, id="datatype"),
            pytest.param("/v2/models/tiny/infer", asking(shape=[-1, 32, 32, 3]), 400, id="shape"),
            pytest.param("/v2/models/tiny/infer", {"inputs": "x"}, 400, id="JSON"),
            pytest.param("/v2/repository/index", {"redy": True}, 400, id="unknown key"),
            pytest.param(
                "/v2/repository/models/tiny/load",
                {"parameters": {"config": "{}"}},
                400,
                id="config",
            ),
            pytest.param("/v2/repository/models/none/load", {}, 404, id="load"),
        ],
    )
    def test_errors_have_the_protocols_form(
        self, call: Client, path: str, body: Any, status: int
    ) -> None:
        response = call("POST", path, json=body)
        assert response.status_code == status
        assert set(response.json()) == {"error"}
        assert isinstance(response.json()["error"], str)

    def test_a_fault_of_ours_is_not_explained(
        self, call: Client, served: Served, caplog: pytest.LogCaptureFixture
    ) -> None:
        served.hold = True
        served.futures = Failing(InferenceError("secret: /root/model.onnx"))  # type: ignore[assignment]
        response = call("POST", "/v2/models/tiny/infer", json=asking())
        assert response.status_code == 500
        assert "secret" not in response.text
        assert "secret" in caplog.text

    def test_overload_says_when_to_come_back(self, call: Client, served: Served) -> None:
        served.refuse_after = 0
        response = call("POST", "/v2/models/tiny/infer", json=asking())
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "1"

    def test_a_client_that_leaves_takes_its_work_along(self, call: Client, served: Served) -> None:
        served.hold = True
        body = json.dumps(asking()).encode()
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        path = "/v2/models/tiny/infer"
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
            "query_string": b"", "headers": [], "client": ("here", 1), "server": ("test", 80),
            "scheme": "http", "root_path": "", "http_version": "1.1",
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop()
            while not served.futures:  # noqa: ASYNC110 - the stand-in has no event
                await asyncio.sleep(0)
            return {"type": "http.disconnect"}

        async def send(_: Any) -> None:
            """Nobody is left to answer to."""

        async def ask_and_leave() -> None:
            with pytest.raises(ClientDisconnect):
                await call.app(scope, receive, send)
            for _ in range(5):  # the cancellation goes through a few tasks
                await asyncio.sleep(0)
            assert served.futures[0].cancelled()

        asyncio.run(ask_and_leave())

    def test_readiness(self, call: Client, service: OpenInference) -> None:
        assert call("GET", "/v2/health/live").status_code == 200
        assert call("GET", "/v2/health/ready").status_code == 200
        assert call("GET", "/v2/models/tiny/ready").status_code == 200
        assert call("GET", "/v2/models/none/ready").status_code == 404
        service.ready_too = lambda: False
        assert call("GET", "/v2/health/ready").status_code == 503
        assert call("GET", "/v2/health/live").status_code == 200

    def test_descriptions(self, call: Client) -> None:
        assert call("GET", "/v2").json()["name"] == "sightline"
        for path in ("/v2/models/tiny", "/v2/models/tiny/versions/1"):
            found = call("GET", path).json()
            assert found["versions"] == ["1"]
            assert found["inputs"] == [
                {"name": "images", "datatype": "UINT8", "shape": [-1, -1, -1, 3]}
            ]
            assert [o["name"] for o in found["outputs"]] == ["sum", "mean"]
        config = call("GET", "/v2/models/tiny.detect/config").json()
        assert config["input"] == [{"name": "image", "data_type": "TYPE_STRING", "dims": [-1]}]
        assert config["parameters"] == {"classes": {"string_value": "car, bus"}}
        config = call("GET", "/v2/models/tiny/config").json()
        assert config["parameters"] == {"sizes": {"string_value": "32x32, 32x64"}}
        assert call("GET", "/v2/models/none").status_code == 404

    def test_repository(self, call: Client, service: OpenInference) -> None:
        index = call("POST", "/v2/repository/index").json()
        states = {m["name"]: (m["state"], m["reason"]) for m in index}
        assert states["tiny"] == states["tiny.detect"] == ("READY", "")
        assert states["bad"] == ("UNAVAILABLE", "failed")
        ready = call("POST", "/v2/repository/index", json={"ready": True}).json()
        assert {m["name"] for m in ready} == {"tiny", "tiny.detect"}
        assert call("POST", "/v2/repository/models/tiny/load", json={}).status_code == 200
        assert service.repository.loaded == ["tiny"]  # type: ignore[attr-defined]
        assert call("POST", "/v2/repository/models/tiny/unload").status_code == 200
        assert not service.repository.loaded  # type: ignore[attr-defined]

    def test_statistics(self, call: Client) -> None:
        call("POST", "/v2/models/tiny/infer", json=asking())
        for path in ("/v2/models/tiny/stats", "/v2/models/tiny/versions/1/stats"):
            (found,) = call("GET", path).json()["model_stats"]
            assert found["inference_count"] == 1
        assert len(call("GET", "/v2/models/stats").json()["model_stats"]) == 2


class Failing(list[Future[Any]]):
    """A list in which futures fail as soon as they are put into it."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def append(self, future: Future[Any]) -> None:
        super().append(future)
        future.set_exception(self._error)
