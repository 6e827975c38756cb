"""The Open Inference Protocol's gRPC messages, to and from the words of ``tensors_v2``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.message import DecodeError as NoMessage
from tritonclient.grpc import service_pb2 as pb

from sightline.errors import InvalidRequest
from sightline.serving.kserve.endpoint_names import VERSION
from sightline.serving.kserve.tensors import (
    MISSING,
    PLACE,
    TWICE,
    InferRequest,
    InputTensor,
    Output,
    Parameter,
    Place,
    check_parameters,
    check_sides,
    place_of,
    wrong,
)

CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Where typed elements stand; FP16 comes as raw bytes only."""


RAW_INPUTS = pb.ModelInferRequest.RAW_INPUT_CONTENTS_FIELD_NUMBER
MOST_FIELDS = 64
"""Most fields of a message that is looked at: names and tensors of every real request are fewer."""
LONGEST_VARINT = 10
MOST_TENSORS = 64
"""In or out, and parameters of each: real models have a few, and a message of megabytes has room for a
million."""
MOST_VALUES = 4_000_000
"""Most values of an input that does not come as bytes: each becomes an object in Python."""


def parse(kind: Any, data: bytes) -> Any:
    """A message of a kind. Raises InvalidRequest."""
    try:
        return kind.FromString(data)
    except NoMessage as exc:
        raise InvalidRequest(f"this is no {kind.DESCRIPTOR.name}") from exc


def parse_request(data: bytes) -> tuple[Any, Sequence[bytes | memoryview]]:
    """A ModelInferRequest, and its raw tensors as views of ``data``: protobuf would copy them twice.

    Raises InvalidRequest.
    """
    rest, raw = _without(RAW_INPUTS, data)
    message = parse(pb.ModelInferRequest, rest)
    return message, raw or message.raw_input_contents


def read_request(message: Any, raw: Sequence[bytes | memoryview]) -> InferRequest:
    """A ModelInferRequest and its raw tensors in our words. Raises InvalidRequest."""
    for name in ("inputs", "outputs", "parameters"):
        _few(message, name)
    inputs = [_place(t) for t in message.inputs]
    sent = inputs.count(None)  # those in shared memory have no content in the message
    if raw and len(raw) != sent:
        raise InvalidRequest(_uneven(message, inputs, len(raw)))
    contents = iter(raw)
    return InferRequest(
        message.model_name,
        [
            _input(t, place, next(contents, None) if place is None else None)
            for t, place in zip(message.inputs, inputs, strict=True)
        ],
        message.model_version,
        message.id,
        [_output(t) for t in message.outputs],
        _parameters(message),
        {
            t.name: place
            for t in message.outputs
            if (place := place_of(f"output {t.name!r:.80}", _places(t)))
        },
    )


def write_response(
    model: str, outputs: Sequence[Output], request_id: str, parameters: dict[str, bool]
) -> bytes:
    """A ModelInferResponse as it goes over the wire."""
    return b"".join(_response(model, outputs, request_id, parameters))


def write_stream_response(
    model: str, outputs: Sequence[Output], request_id: str, parameters: dict[str, bool]
) -> bytes:
    """A ModelStreamInferResponse around a response, as it goes over the wire."""
    response = _response(model, outputs, request_id, parameters)
    return b"".join(_field(pb.ModelStreamInferResponse.INFER_RESPONSE_FIELD_NUMBER, response))


def _response(
    model: str, outputs: Sequence[Output], request_id: str, parameters: dict[str, bool]
) -> list[bytes | memoryview]:
    """A ModelInferResponse in pieces.

    The outputs' bytes are put behind the rest here, and not by protobuf, which would copy these
    megabytes twice more.
    """
    head = pb.ModelInferResponse(model_name=model, model_version=VERSION, id=request_id)
    for name, value in parameters.items():
        head.parameters[name].bool_param = value
    for output in outputs:
        told = head.outputs.add(
            name=output.name, datatype=output.datatype, shape=output.array.shape
        )
        for key, where in (output.place.parameters if output.place else {}).items():
            kind = "string_param" if isinstance(where, str) else "int64_param"
            setattr(told.parameters[key], kind, where)
    pieces: list[bytes | memoryview] = [head.SerializeToString()]
    for output in outputs:
        # Clients count through these, so what is in shared memory has an empty one.
        raw = b"" if output.place else output.raw
        pieces += _field(pb.ModelInferResponse.RAW_OUTPUT_CONTENTS_FIELD_NUMBER, [raw])
    return pieces


def _without(number: int, data: bytes) -> tuple[bytes, list[memoryview]]:
    """A message without its fields of one number, and their contents, in place.

    What has too many fields or breaks off stays whole: protobuf will say what is wrong with it.
    """
    rest: list[memoryview] = []
    found: list[memoryview] = []
    whole, at = memoryview(data), 0
    for _ in range(MOST_FIELDS):
        if at == len(data):
            return b"".join(rest), found
        begin = at
        tag, at = _read_varint(data, at)
        if tag & 7 != 2:
            break
        size, at = _read_varint(data, at)
        end = at + size
        if end > len(data):
            break
        if tag >> 3 == number:
            found.append(whole[at:end])
        else:
            rest.append(whole[begin:end])
        at = end
    return data, []


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends: past the data if they break off."""
    value = shift = 0
    for byte in data[at : at + LONGEST_VARINT]:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            return value, at
    return 0, len(data) + 1


def _field(number: int, pieces: Sequence[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """A field of wire type 2: tag, length, content (protobuf's encoding guide)."""
    yield _varint(number << 3 | 2) + _varint(sum(len(piece) for piece in pieces))
    yield from pieces


def _varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _input(message: Any, place: Place | None, raw: bytes | memoryview | None) -> InputTensor:
    check_sides(message.name, message.shape)
    check_parameters(f"input {message.name!r:.80}", message.parameters)
    tensor = InputTensor(message.name, message.datatype, tuple(message.shape), raw, place=place)
    filled = [field.name for field, _ in message.contents.ListFields()]
    if place is not None:
        if filled:
            raise wrong(tensor, f"{TWICE}: in shared memory and in the request")
        return tensor
    if raw is not None:
        if filled:
            raise wrong(tensor, f"{TWICE}: leave out `contents` or raw_input_contents")
        return tensor
    if filled and filled != [CONTENTS.get(tensor.datatype)]:
        raise wrong(tensor, f"{', '.join(filled)} cannot hold {tensor.datatype!r:.40}")
    given = getattr(message.contents, filled[0]) if filled else []
    if len(given) > MOST_VALUES:
        raise wrong(tensor, f"it has more than {MOST_VALUES} elements: use raw_input_contents")
    wanted = math.prod(tensor.shape)
    if wanted and not filled:
        raise wrong(tensor, f"{MISSING}: fill `contents` or raw_input_contents")
    if len(given) != wanted:
        raise wrong(tensor, f"shape {list(tensor.shape)} needs {wanted} elements, not {len(given)}")
    values = list(given)
    return InputTensor(tensor.name, tensor.datatype, tensor.shape, values=values)


def _few(message: object, name: str) -> None:
    """Raises InvalidRequest where a request has countless entries of a kind."""
    count = len(getattr(message, name))
    if count > MOST_TENSORS:
        raise InvalidRequest(f"{name}: it must have at most {MOST_TENSORS} items")


def _uneven(message: Any, places: Sequence[Place | None], count: int) -> str:
    """What is wrong where raw contents are not one for each input that is in the message."""
    sent = [t.name for t, place in zip(message.inputs, places, strict=True) if place is None]
    placed = next((t.name for t, p in zip(message.inputs, places, strict=True) if p), None)
    if count > len(sent) and placed is not None:
        return f"input {placed!r:.80}: {TWICE}: in shared memory and in the request"
    told = f"raw_input_contents has {count} elements for {len(sent)} inputs"
    return f"input {sent[count]!r:.80}: {MISSING}: {told}" if count < len(sent) else told


def _output(message: Any) -> str:
    check_parameters(f"output {message.name!r:.80}", message.parameters)
    return str(message.name)


def _place(message: Any) -> Place | None:
    return place_of(f"input {message.name!r:.80}", _places(message))


def _places(message: Any) -> dict[str, Parameter]:
    """The parameters of a tensor that name its place; all others may be of any kind."""
    return {
        name: _parameter(name, message.parameters[name])
        for name in PLACE
        if name in message.parameters
    }


def _parameters(message: Any) -> dict[str, Parameter]:
    return {name: _parameter(name, value) for name, value in message.parameters.items()}


def _parameter(name: str, value: Any) -> Parameter:
    kind = value.WhichOneof("parameter_choice")
    if kind is None:
        raise InvalidRequest(f"parameter {name!r:.80} has no value")
    found: Parameter = getattr(value, kind)
    return found
