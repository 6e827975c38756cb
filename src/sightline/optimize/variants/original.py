"""The model that variants are made of, and how it and its variants are run and judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sightline.optimize.variants.gate import Verdict
from sightline.optimize.variants.pictures import NetworkPictures, network_input
from sightline.protocols import Engine
from sightline.types import Floats, Normalization, Pixels

if TYPE_CHECKING:
    from onnx import GraphProto

COMPARED = 4
"""Pictures on which outputs themselves are compared."""

MakeEngine = Callable[[bytes, str, str], Engine]
"""Makes the engine of a serialised graph on a backend, in a precision. Raises EngineError, ModelError."""

Judge = Callable[[Engine], Verdict]
"""What a variant has kept of the original's accuracy, looked at through its engine."""

TellProgress = Callable[[str], None]
"""Is told what is being done, for a line of progress."""


@dataclass(frozen=True)
class Original:
    """The model that variants are made of, and how it is run.

    Args:
        graph: its ``onnx.ModelProto``, with one picture as input.
        size_bytes: of its file.
        normalization: what is done to pixels before it.
        backends: the runtimes that are tried, by name.
        make_engine: makes engines for graphs.
        shape: the batch (N, H, W) whose speed counts.
        calibration: pictures that the original was given.
        places: those of them that scales are found on.
    """

    graph: GraphProto
    size_bytes: int
    normalization: Normalization
    backends: tuple[str, ...]
    make_engine: MakeEngine
    shape: tuple[int, int, int]
    calibration: NetworkPictures
    places: tuple[int, ...]

    def inputs(self, most: int | None = None) -> Iterator[Floats]:
        """What the model itself takes, (1, 3, H, W), for the pictures of the calibration."""
        import onnx

        code = self.graph.graph.input[0].type.tensor_type.elem_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(code).name
        for place in self.places[:most]:
            yield network_input(self.calibration[place], self.normalization, dtype)

    def shown(self) -> list[Pixels]:
        """Some pictures of the calibration, (1, H, W, 3) each, on which outputs themselves are compared."""
        return [self.calibration[place][None] for place in self.places[:COMPARED]]
