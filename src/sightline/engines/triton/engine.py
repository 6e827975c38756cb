"""A model on a Triton Inference Server, over gRPC or HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from sightline.config import EngineOptions
from sightline.engines.host_normalization import HostNormalization
from sightline.engines.requests import Shape, Workers, WorkersEngine, as_floats
from sightline.engines.triton.transport import ModelAddress, Refused, ServerGone, Transport, connect
from sightline.errors import EngineUnavailable, InferenceError, ModelError
from sightline.types import Array, EngineInfo, Floats, Normalization, Pixels, TensorSpec

T = TypeVar("T")

DTYPES: dict[str, Any] = {"UINT8": np.uint8, "FP32": np.float32, "FP16": np.float16}
"""Data types that pictures can be sent as."""

REQUESTS = {"throughput": 8, "latency": 2}
"""Inferences in flight: the server joins them to batches, and the network is busy meanwhile."""


class TritonEngine(WorkersEngine):
    """Runs a model on a Triton server, several requests at a time; reconnects by itself.

    A model that takes UINT8 NHWC gets the pixels as they are: normalising them is its own affair.
    Any other gets what ``normalization`` makes of them, as FP32 or FP16 and channels first if it
    wants so, which makes a request four times or twice as large.

    Args:
        url: ``grpc://host:port/model``, ``grpcs://``, ``http://`` or ``https://``; a version may
            follow: ``/model/2``.
        normalization: computed here, for models that do not take UINT8 NHWC.
        options: ``requests`` and ``hint``. Device and precision are the server's affair.
        timeout_s: for one answer of the server's.

    Raises:
        ConfigError: it is no such address.
        EngineUnavailable: the server does not answer or is not ready, or ``tritonclient`` is not
            installed.
        ModelError: it has no such model, or the model takes no pictures.
    """

    def __init__(
        self,
        url: str,
        normalization: Normalization,
        options: EngineOptions | None = None,
        *,
        timeout_s: float = 30.0,
    ) -> None:
        options = options or EngineOptions()
        self._address = address = ModelAddress.parse(url)
        self._transport = connect(address, timeout_s)
        try:
            self._model = _find(self._transport, address)
        except BaseException as exc:  # re-raised once the connection is closed
            self._transport.close()
            if isinstance(exc, ServerGone):
                raise EngineUnavailable(f"Triton at {address} does not answer: {exc}") from exc
            if isinstance(exc, Refused):
                raise ModelError(f"Triton at {address} refuses: {exc}") from exc
            raise
        requests = options.requests or REQUESTS[options.hint]
        self._info = EngineInfo(
            backend="triton",
            device=address.target,
            precision="server",
            requests=requests,
            input=TensorSpec(self._model.input, self._model.shape, "uint8"),
            outputs=self._model.outputs,
        )
        self._normalization = normalization
        # A transport may try twice; only then does the watchdog come in.
        self._workers = Workers("triton", requests, self._request, hang_s=2 * timeout_s + 10)

    def close(self) -> None:
        """See ``Engine.close``; connections to the server are closed."""
        super().close()
        self._transport.close()

    def _request(self, shape: Shape) -> _Request:
        n, height, width = shape
        model = self._model
        refusal = f"the model cannot take {n} pictures of {width}×{height}"
        if any(own not in {None, asked} for own, asked in zip(model.shape, shape, strict=False)):
            raise ModelError(f"{refusal}: its input is {model.shape}")
        if model.max_batch and n > model.max_batch:
            raise ModelError(f"{refusal}: {model.max_batch} at a time are the most")
        return _Request(model, self._normalization, shape, self._infer)

    def _infer(self, tensor: Array) -> list[Floats]:
        model, address = self._model, self._address
        try:
            found = self._transport.infer(model.input, tensor, model.datatype)
        except ServerGone as exc:
            raise InferenceError(f"Triton at {address} does not answer: {exc}") from exc
        except Refused as exc:
            raise InferenceError(f"Triton at {address} refuses: {exc}") from exc
        missing = [output.name for output in model.outputs if output.name not in found]
        if missing:
            raise InferenceError(f"Triton at {address} answers without {', '.join(missing)}")
        return as_floats([found[output.name] for output in model.outputs])


@dataclass(frozen=True, slots=True)
class _Model:
    """What a server says of a model. ``shape`` is (N, H, W, 3); open dimensions are None."""

    input: str
    datatype: str
    channels_last: bool
    shape: tuple[int | None, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch: int

    @property
    def takes_pixels(self) -> bool:
        """Whether uint8 NHWC goes to the model as it is."""
        return self.datatype == "UINT8" and self.channels_last


class _Request:
    """One worker's input memory, and the tensor that is made of it where the model wants another."""

    def __init__(
        self,
        model: _Model,
        normalization: Normalization,
        shape: Shape,
        infer: Callable[[Array], list[Floats]],
    ) -> None:
        self.input: Pixels = np.empty((*shape, 3), np.uint8)
        self._infer = infer
        self._tensor: Array = self.input
        self._planes: Array | None = None
        if not model.takes_pixels:
            n, height, width = shape
            sides = (n, height, width, 3) if model.channels_last else (n, 3, height, width)
            self._tensor = np.empty(sides, DTYPES[model.datatype])
            last = model.channels_last
            self._planes = self._tensor.transpose(0, 3, 1, 2) if last else self._tensor
        self._normalization = HostNormalization(normalization)

    def run(self) -> Sequence[Floats]:
        """Send the batch in ``input``; the outputs as float32 arrays. Raises InferenceError."""
        if self._planes is not None:
            self._normalization.apply(self.input, self._planes)
        return self._infer(self._tensor)


def _find(transport: Transport, address: ModelAddress) -> _Model:
    """Ask the server for the model."""
    if not transport.ready():
        raise EngineUnavailable(f"Triton at {address} is not ready")
    if not transport.model_ready():
        try:
            there = ", ".join(sorted(transport.models())) or "none"
        except (Refused, ServerGone):  # a server need not let everybody look through its models
            there = "not told"
        raise ModelError(f"Triton at {address}: the model is not ready; ready are: {there}")
    metadata = transport.metadata()
    inputs = metadata["inputs"]
    wrong = f"the model at {address} takes " + ", ".join(
        f"{i['name']} {i['datatype']} {_dims(i)}" for i in inputs
    )
    if len(inputs) != 1 or len(inputs[0]["shape"]) != 4 or inputs[0]["datatype"] not in DTYPES:
        raise ModelError(f"{wrong}; one input of 4 dimensions, {' or '.join(DTYPES)}, is needed")
    n, *sides = _dims(inputs[0])
    first_is, last_is = sides[0] == 3, sides[2] == 3
    # Where the shape does not tell: pixels come as they lie, floats as networks want them.
    last = last_is if first_is != last_is else inputs[0]["datatype"] == "UINT8"
    channels, height, width = (sides[2], *sides[:2]) if last else sides
    if channels not in {3, None}:
        raise ModelError(f"{wrong}: no input with three channels")
    return _Model(
        inputs[0]["name"],
        inputs[0]["datatype"],
        last,
        (n, height, width, 3),
        tuple(TensorSpec(o["name"], _dims(o)) for o in metadata["outputs"]),
        transport.max_batch(),
    )


def _dims(tensor: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(None if int(side) < 0 else int(side) for side in tensor["shape"])
