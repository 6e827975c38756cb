"""How a model is seen through the Open Inference Protocol: as a network, a detector, or as its file is.

Every served model has three endpoints there, each a model of its own to clients:

    NAME          the network: uint8 pixels in, its raw outputs out; the file's own tensors are taken too
    NAME.native   the model as its file is: its own tensors in and out
    NAME.detect   the detector: encoded pictures in; boxes, scores and class ids out

Knows no transport.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from operator import itemgetter
from typing import Any, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np

from sightline.config import LimitOptions
from sightline.errors import ConfigError, InvalidRequest
from sightline.runtime.repository.native_model import NativeModel
from sightline.runtime.repository.served_model import ServedModel, SharedModel
from sightline.runtime.scheduling.items import Terms
from sightline.serving.kserve.found_arrays import found_outputs, found_specs
from sightline.serving.kserve.parameters import class_names, share
from sightline.serving.kserve.tensors import (
    DATATYPES,
    InputTensor,
    Output,
    Parameter,
    TensorMetadata,
    array,
    encoded,
    pixels,
    wrong,
)
from sightline.sources.encoded import EncodedPicture
from sightline.types import Array, Detections, Floats, Frame, TensorSpec

T = TypeVar("T")

DETECT = ".detect"
"""What is put behind a model's name for its endpoint as a detector."""
NATIVE = ".native"
"""And for its endpoint as its file is."""


Write: TypeAlias = Callable[[Sequence[Output]], T]
"""Makes the answer of all outputs. It may be called in an engine's thread, and their arrays are the
engine's memory: they are gone when it returns."""


class InferencePlan(NamedTuple, Generic[T]):
    """What is to be run for a request, and what makes the answer of the results.

    A job raises Overloaded where the queue takes no more. ``rows`` is the batch that the request brings.
    """

    jobs: Sequence[Callable[[], Future[Any]]]
    finish: Callable[[list[Any]], T]
    rows: int


class ModelEndpoint(Protocol):
    """One model of the protocol."""

    @property
    def name(self) -> str:
        """What clients call the model."""

    @property
    def inputs(self) -> tuple[TensorMetadata, ...]:
        """The tensors that the model takes."""

    @property
    def outputs(self) -> tuple[TensorMetadata, ...]:
        """The tensors that the model answers with."""

    @property
    def batched(self) -> bool:
        """Whether the first side of every tensor is the batch's, so that requests are joined."""

    @property
    def facts(self) -> dict[str, str]:
        """What a client should know that the shapes do not say."""

    def unloaded(self, tensors: Sequence[InputTensor], /) -> Callable[[], None] | None:
        """What must be called first, as it takes long: it loads what these tensors need."""

    def work(
        self,
        tensors: Sequence[InputTensor],
        terms: Terms,
        parameters: Mapping[str, Parameter],
        write: Write[T],
        /,
    ) -> InferencePlan[T]:
        """Check a request. Raises InvalidRequest, DecodeError."""


class Network:
    """A model's raw tensors: (N, H, W, 3) uint8 in, float32 out, under the graph's own names.

    Tensors of another kind are those of the model's file, and are answered by ``Tensors``.

    Args:
        served: the model.
        limits: what a request may be.
        described: describes the model by its file's own tensors.
    """

    def __init__(
        self, served: ServedModel, limits: LimitOptions, described: NativeModel | None = None
    ) -> None:
        self._served = served
        self._limits = limits
        self._described = described
        self.name = served.name

    @property
    def inputs(self) -> tuple[TensorMetadata, ...]:
        """The tensors that the model takes."""
        if self._described is not None:
            return tuple(map(_spec, self._described.engine.inputs))
        return (_spec(self._served.info.input),)

    @property
    def outputs(self) -> tuple[TensorMetadata, ...]:
        """The tensors that the model answers with."""
        if self._described is not None:
            return tuple(map(_spec, self._described.engine.outputs))
        return tuple(map(_spec, self._served.info.outputs))

    @property
    def batched(self) -> bool:
        """Whether the first dimension counts the items of a batch."""
        return self._described is not None and self._described.engine.batched

    @property
    def facts(self) -> dict[str, str]:
        """The sizes that it takes, height by width."""
        return {"sizes": ", ".join(f"{h}x{w}" for w, h in self._served.canvases)}

    def work(
        self,
        tensors: Sequence[InputTensor],
        terms: Terms,
        _: Mapping[str, Parameter],
        write: Write[T],
    ) -> InferencePlan[T]:
        """The jobs of a request, and what writes its answer. Raises InvalidRequest: a tensor does not fit."""
        if (own := self._own(tensors)) is not None:
            try:
                return Tensors(self.name, own).work(tensors, terms, _, write)
            except InvalidRequest as exc:
                pictures = _spec(self._served.info.input)
                raise InvalidRequest(f"{exc}; or pictures: {_told(pictures)}") from exc
        return self._pixels(tensors, terms, write)

    def unloaded(self, tensors: Sequence[InputTensor]) -> Callable[[], None] | None:
        """What loads the model, where it is not loaded; else None."""
        own = self._own(tensors) if tensors else self._described
        return None if own is None or own.loaded else own.load

    def _own(self, tensors: Sequence[InputTensor]) -> NativeModel | None:
        """What answers these tensors, where they are no uint8 pictures."""
        if not tensors:
            return self._described
        if len(tensors) == 1 and tensors[0].datatype == "UINT8":
            shape = tensors[0].shape
            if len(shape) != 4 or shape[3] == 3 or shape[1] != 3:
                return None
        return self._served.native

    def _pixels(
        self, tensors: Sequence[InputTensor], terms: Terms, write: Write[T]
    ) -> InferencePlan[T]:
        """Pictures of a batch go to the scheduler one by one: it makes batches of sizes that the
        engine is ready for, and of several clients' pictures."""
        spec = _spec(self._served.info.input)
        tensor = only(tensors, spec)
        batch = pixels(tensor, spec)
        self._check_size(tensor)
        if spec.shape[0] != -1 or len(batch) == 1:
            # Megabytes that are written where they are, and by the engine's thread.
            job = partial(
                self._served.infer, batch, terms, lambda arrays: write(self._named(arrays))
            )
            return InferencePlan([job], itemgetter(0), len(batch))
        jobs = [partial(self._served.infer, one[None], terms, _copied) for one in batch]
        return InferencePlan(jobs, lambda results: write(self._joined(results)), len(batch))

    def _named(self, arrays: Sequence[Floats]) -> list[Output]:
        names = [output.name for output in self._served.info.outputs]
        return [Output(name, a) for name, a in zip(names, arrays, strict=True)]

    def _joined(self, results: Sequence[list[Floats]]) -> list[Output]:
        if any(len(array) != 1 for result in results for array in result):
            raise InvalidRequest(
                f"input {self._served.info.input.name!r}: the outputs of this model have not one row "
                "for each picture: send one at a time"
            )
        return self._named([np.concatenate(rows) for rows in zip(*results, strict=True)])

    def _check_size(self, tensor: InputTensor) -> None:
        """Engines compile a network for every size, so clients have those that are ready."""
        n, height, width, _ = tensor.shape
        if n > self._limits.parts:
            raise wrong(tensor, f"a batch has {self._limits.parts} pictures at most, not {n}")
        if (width, height) not in self._served.canvases:
            sizes = self.facts["sizes"]
            raise wrong(tensor, f"height and width must be one of {sizes}; not {height}x{width}")


class Tensors:
    """A model as its file is: the inputs and outputs that it declares, of any type.

    Args:
        name: of the endpoint.
        native: runs it. ``inputs``, ``outputs`` and ``work`` need it to be loaded.
    """

    def __init__(self, name: str, native: NativeModel) -> None:
        self.name = name
        self._native = native

    @property
    def inputs(self) -> tuple[TensorMetadata, ...]:
        """The tensors that the model takes."""
        return tuple(map(_spec, self._native.engine.inputs))

    @property
    def outputs(self) -> tuple[TensorMetadata, ...]:
        """The tensors that the model answers with."""
        return tuple(map(_spec, self._native.engine.outputs))

    @property
    def batched(self) -> bool:
        """Whether the first dimension counts the items of a batch."""
        return self._native.engine.batched

    @property
    def facts(self) -> dict[str, str]:
        """Further parameters of the model's metadata; there are none."""
        return {}

    def unloaded(self, _: Sequence[InputTensor]) -> Callable[[], None] | None:
        """What loads the model, where it is not loaded; else None."""
        return None if self._native.loaded else self._native.load

    def work(
        self,
        tensors: Sequence[InputTensor],
        terms: Terms,
        _: Mapping[str, Parameter],
        write: Write[T],
    ) -> InferencePlan[T]:
        """The jobs of a request, and what writes its answer. Raises InvalidRequest: a tensor does not fit."""
        specs = {spec.name: spec for spec in self.inputs}
        feed: dict[str, Array] = {}
        for tensor in tensors:
            if tensor.name not in specs:
                raise wrong(tensor, f"the model has no such input; it takes {_listed(specs)}")
            if tensor.name in feed:
                raise wrong(tensor, "it is given twice")
            feed[tensor.name] = array(tensor, specs[tensor.name])
        for name in specs:
            if name not in feed:
                raise InvalidRequest(
                    f"input {name!r}: it is missing; the model takes {_listed(specs)}"
                )
        rows = self._rows(feed)
        outputs = self._native.engine.outputs

        def read(arrays: Sequence[Array]) -> T:
            return write([Output(s.name, a) for s, a in zip(outputs, arrays, strict=True)])

        job = partial(self._native.infer, feed, rows, terms, read)
        return InferencePlan([job], itemgetter(0), rows)

    def _rows(self, feed: Mapping[str, Array]) -> int:
        """Rows of a batch, 1 where the model knows none. Raises InvalidRequest: inputs differ in it."""
        if not self.batched:
            return 1
        counts = {name: len(given) for name, given in feed.items()}
        first, rows = next(iter(counts.items()))
        for name, count in counts.items():
            if count != rows:
                raise InvalidRequest(
                    f"input {name!r}: a batch of {count}, but input {first!r} has {rows}"
                )
        return rows


class Pictures:
    """A model as a detector of objects in JPEG, PNG, WebP, BMP or TIFF pictures.

    ``counts`` says how many rows of the other outputs belong to each picture, in their order. Models
    that tell more than boxes have ``masks``, ``keypoints`` or ``angles`` besides.
    """

    inputs = (TensorMetadata("image", "BYTES", (-1,)),)
    batched = False

    def __init__(self, served: SharedModel, limits: LimitOptions) -> None:
        self._served = served
        self._limits = limits
        self.name = served.name + DETECT
        self.outputs = found_specs(served.card)

    @property
    def facts(self) -> dict[str, str]:
        """The names of the class ids, in their order."""
        return {"classes": ", ".join(self._served.class_names)}

    def unloaded(self, _: Sequence[InputTensor]) -> Callable[[], None] | None:
        """What loads the model, where it is not loaded; else None."""
        return None

    def work(
        self,
        tensors: Sequence[InputTensor],
        terms: Terms,
        parameters: Mapping[str, Parameter],
        write: Write[T],
    ) -> InferencePlan[T]:
        """The jobs of a request, and what writes its answer. Raises InvalidRequest: a tensor does not fit."""
        spec = self.inputs[0]
        tensor = only(tensors, spec)
        if len(tensor.shape) == 2 and tensor.shape[1] == 1:  # as clients with a batch side send it
            spec = TensorMetadata(spec.name, spec.datatype, (-1, 1))
        if math.prod(tensor.shape) > self._limits.parts:
            raise wrong(tensor, f"a batch has {self._limits.parts} pictures at most")
        frames = [self._frame(data, i) for i, data in enumerate(encoded(tensor, spec))]
        conf, iou = share(parameters, "conf"), share(parameters, "iou")
        classes = class_names(parameters)

        def run(frame: Frame) -> Future[Detections]:
            try:
                return self._served.submit(frame, terms, conf=conf, iou=iou, classes=classes)
            except ConfigError as exc:  # the model has no such class
                raise InvalidRequest(f"parameter 'classes': {exc}") from exc

        jobs = [partial(run, frame) for frame in frames]
        return InferencePlan(
            jobs, lambda results: write(found_outputs(results, self.outputs)), len(frames)
        )

    def _frame(self, data: bytes, index: int) -> Frame:
        picture = EncodedPicture(data, self._limits.pixels, f"input 'image': picture {index}")
        return Frame(self.name, index, 0.0, time.monotonic(), picture)


def only(tensors: Sequence[InputTensor], spec: TensorMetadata) -> InputTensor:
    """The one input of a request. Raises InvalidRequest where there is another, or none."""
    for tensor in tensors:
        if tensor.name != spec.name:
            raise wrong(tensor, f"the model has no such input; it takes {spec.name!r}")
    if len(tensors) != 1:
        raise InvalidRequest(f"input {spec.name!r}: must be given once, not {len(tensors)} times")
    return tensors[0]


def _copied(arrays: Sequence[Floats]) -> list[Floats]:
    return [array.copy() for array in arrays]


def _listed(specs: Mapping[str, TensorMetadata]) -> str:
    return ", ".join(map(_told, specs.values()))


def _told(spec: TensorMetadata) -> str:
    return f"{spec.name!r} {spec.datatype} {list(spec.shape)}"


def _spec(tensor: TensorSpec) -> TensorMetadata:
    shape = tuple(-1 if side is None else side for side in tensor.shape)
    return TensorMetadata(tensor.name, DATATYPES[tensor.dtype], shape)
