"""Messages of the protocol over gRPC, without a socket."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError as NoMessage
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as pb

from sightline.errors import (
    InvalidRequest,
)
from sightline.serving.kserve import grpc_messages as messages_v2
from sightline.serving.kserve.grpc_messages import (
    parse_request,
    read_request,
    write_response,
    write_stream_response,
)
from sightline.serving.kserve.tensors import (
    InferRequest,
    InputTensor,
    Output,
    TensorMetadata,
    pixels,
)


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
            pixels(found, TensorMetadata("images", "UINT8", (-1,)))

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
