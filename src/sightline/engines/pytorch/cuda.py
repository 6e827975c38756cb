"""The CUDA part of PyTorch's engine: a stream, pinned memory and a CUDA graph for each request.

Written against PyTorch's documentation of CUDA graphs and streams; it has not run on a device yet.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from sightline.engines.requests import Shape
from sightline.errors import InferenceError
from sightline.types import Floats, Pixels

if TYPE_CHECKING:
    import torch as pytorch
    from torch import Tensor

log = logging.getLogger(__name__)

Outputs: TypeAlias = list[tuple[str, "Tensor"]]
"""A network's tensors in order, by name."""

WARM_UPS = 3
"""Runs before a capture: libraries choose their algorithms and take their memory in them."""


class CudaRequest:
    """One inference on a stream of its own, for one shape.

    The way of a batch: pinned memory, where ``fill`` writes, to the device; normalised and inferred
    there; outputs as float32 back to pinned memory, where ``read`` looks. All of it is captured into
    one CUDA graph, so that an inference is one launch. A model that cannot be captured (it asks for
    values on the way) runs without a graph.

    Args:
        capturing: held while a graph is captured, since other requests must not capture meanwhile.
    """

    def __init__(
        self,
        torch: Any,
        device: pytorch.device,
        dtype: pytorch.dtype,
        shape: Shape,
        normalize: Callable[[Tensor, Tensor], Tensor],
        infer: Callable[[Tensor], Outputs],
        capturing: threading.Lock,
    ) -> None:
        self._torch, self._device = torch, device
        self._normalize, self._infer = normalize, infer
        self._pinned = torch.zeros((*shape, 3), dtype=torch.uint8, pin_memory=True)
        self.input: Pixels = self._pinned.numpy()
        self._pixels = torch.empty((*shape, 3), dtype=torch.uint8, device=device)
        self._images = self._pixels.permute(0, 3, 1, 2)
        self._floats = torch.empty_like(self._images, dtype=dtype)
        self._outputs: list[Tensor] = []
        self._graph: Any = None
        with torch.cuda.device(device):
            self._stream = torch.cuda.Stream(device)
            with capturing:
                self._prepare()

    def run(self) -> Sequence[Floats]:
        """Run the batch in ``input``; the outputs as float32 arrays. Raises InferenceError."""
        torch = self._torch
        try:
            with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
                if self._graph is not None:
                    self._graph.replay()
                else:
                    self._launch()
                self._stream.synchronize()
        except Exception as exc:  # a network raises whatever it is written to raise
            raise InferenceError(f"PyTorch failed on {self._device}: {exc}") from exc
        return [output.numpy() for output in self._outputs]

    def _prepare(self) -> None:
        torch = self._torch
        # What earlier work on the default stream has set up must be there.
        self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._stream):
            for _ in range(WARM_UPS):
                self._launch()
        self._stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            # Other requests go on meanwhile: only what this thread does may disturb the capture.
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                self._launch()
        except RuntimeError as exc:
            log.warning("the model runs without a CUDA graph: %s", exc)
            self._stream.synchronize()
        else:
            self._graph = graph

    def _launch(self) -> None:
        """Put one inference on the current stream; returns before it has run."""
        torch = self._torch
        with torch.inference_mode():
            self._pixels.copy_(self._pinned, non_blocking=True)
            outputs = self._infer(self._normalize(self._images, self._floats))
            if [o.shape for o in self._outputs] != [o.shape for _, o in outputs]:
                self._outputs = [
                    torch.empty(o.shape, dtype=torch.float32, pin_memory=True) for _, o in outputs
                ]
            for (_, output), pinned in zip(outputs, self._outputs, strict=True):
                pinned.copy_(output.to(torch.float32), non_blocking=True)
