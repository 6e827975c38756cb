"""An INT8 form of a graph that is accepted: scales, and as few layers in floats as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightline.errors import InferenceError, ModelError
from sightline.optimize.export.runners import engine_runner
from sightline.optimize.variants.gate import Verdict
from sightline.optimize.variants.graphs import prepared
from sightline.optimize.variants.int8 import Ranges, quantized
from sightline.optimize.variants.layer_choice import FloatLayer, LayerSearch
from sightline.optimize.variants.original import Judge, Original, TellProgress
from sightline.types import Floats

if TYPE_CHECKING:
    from onnx import GraphProto


@dataclass(frozen=True)
class Int8Graph:
    """A serialised graph, the runtime that it was judged on, the verdict, and what it keeps in floats."""

    content: bytes
    backend: str
    verdict: Verdict
    in_floats: tuple[FloatLayer, ...]


@dataclass(frozen=True)
class Int8Search:
    """Makes INT8 graphs of the original, or of networks that were trained from it.

    Args:
        original: whose pictures tell the scales.
        judge: tells what a graph has kept.
        ranges: see ``int8.quantized``.
        seconds: for the search of layers that stay in floats.
        backend: tells the runtime that a graph is judged on.
        progress: is told what is being done.
    """

    original: Original
    judge: Judge
    ranges: Ranges
    seconds: float
    backend: Callable[[bytes], str]
    progress: TellProgress

    def run(self, graph: GraphProto, *, corrected: bool = True) -> Int8Graph:
        """The best that is found.

        Args:
            graph: an ``onnx.ModelProto`` that takes what the original takes.
            corrected: see ``int8.quantized``.

        Raises:
            ConfigError: a package is missing.
            ModelError: the graph cannot be quantised.
        """
        if any(node.op_type == "QuantizeLinear" for node in graph.graph.node):
            raise ModelError("its layers are in INT8 already: give the model that it was made of")
        count = len(self.original.places)
        self.progress(f"int8: calibration on {count} pictures")
        made = quantized(
            prepared(graph), self.original.inputs, count, ranges=self.ranges, corrected=corrected
        )
        backend = self.backend(made.quantized.SerializeToString())

        def judged(content: bytes) -> Verdict:
            engine = self.original.make_engine(content, backend, "auto")
            try:
                return self.judge(engine)
            except InferenceError as exc:  # with other layers in floats it may do
                return Verdict(0.0, str(exc))
            finally:
                engine.close()

        deadline = time.monotonic() + self.seconds
        search = LayerSearch(made, judged, self._raw_outputs, deadline, self.progress)
        chosen = search.choose()
        content = made.with_floats(chosen.names).SerializeToString()
        return Int8Graph(content, backend, chosen.verdict, chosen.in_floats)

    def _raw_outputs(self, content: bytes) -> list[list[Floats]]:
        """The outputs of a graph for some pictures, run where every graph runs."""
        engine = self.original.make_engine(content, "onnxruntime", "fp32")
        try:
            run = engine_runner(engine)
            return [[array for _, array in run(pixels)] for pixels in self.original.shown()]
        finally:
            engine.close()
