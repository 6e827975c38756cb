"""What runs a model on batches of pixels, so that two of them can be compared."""

from __future__ import annotations

import numpy as np

from sightline.engines.pytorch.engine import named
from sightline.errors import ModelError
from sightline.optimize.export.request import ExportSource, Outputs, Runner
from sightline.optimize.export.tracing import quiet, telling
from sightline.protocols import Engine
from sightline.types import Floats, Normalization, Pixels


def engine_runner(engine: Engine) -> Runner:
    """Runs batches on an engine, which knows the normalisation."""

    def run(batch: Pixels) -> Outputs:
        def fill(pixels: Pixels) -> None:
            pixels[:] = batch

        def read(outputs: list[Floats]) -> list[Floats]:
            return [np.array(output) for output in outputs]

        n, height, width, _ = batch.shape
        found = engine.submit((n, height, width), fill, read).result()  # type: ignore[arg-type]
        names = [output.name for output in engine.info.outputs]
        if len(names) != len(found):
            names = [f"output{i}" for i in range(len(found))]
        return list(zip(names, found, strict=True))

    return run


def network_runner(source: ExportSource, normalization: Normalization) -> Runner:
    """Runs batches through a PyTorch module in float32, just as its author would."""
    import torch

    network = source.network.module() if source.kind == "program" else source.network
    scale = np.array(normalization.scale / np.array(normalization.std), np.float32)
    shift = np.array(-np.array(normalization.mean) / np.array(normalization.std), np.float32)

    def run(batch: Pixels) -> Outputs:
        images = np.ascontiguousarray((batch * scale + shift).transpose(0, 3, 1, 2), np.float32)
        try:
            with torch.inference_mode(), quiet():
                outputs = named(network(torch.from_numpy(images)))
        except Exception as exc:  # a network raises whatever it is written to raise
            n, _, height, width = images.shape
            raise ModelError(
                f"{source.name} does not run on {n} pictures of {width}×{height}: {telling(exc)}"
            ) from exc
        return [(name, output.float().numpy()) for name, output in outputs]

    return run
