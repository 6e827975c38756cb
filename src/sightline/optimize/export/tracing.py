"""PyTorch modules as programs: traced on an example."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

from sightline.engines.pytorch.engine import named
from sightline.errors import ConfigError, EngineUnavailable, ModelError
from sightline.optimize.export.request import ExportRequest

INPUT = "images"
"""What the input is called where nothing says otherwise."""

_OPERATOR = re.compile(r"(?:aten|prim|torchvision)::\w+")


def traced(request: ExportRequest) -> Any:
    """The TorchScript of a request's network. Raises ModelError: it cannot be traced."""
    import torch

    network = request.source.network
    if isinstance(network, torch.jit.ScriptModule):
        return network
    try:
        with quiet():
            return torch.jit.trace(network, example(request), strict=False, check_trace=False)
    except Exception as exc:  # a network raises whatever it is written to raise
        raise ModelError(
            f"{request.source.name} does not run on an input of {shown(request)}: {telling(exc)}"
        ) from exc


def exported(request: ExportRequest) -> Any:
    """The ``torch.export.ExportedProgram`` of a request. Raises ModelError: it cannot be made."""
    import torch

    if request.source.kind == "program":
        return request.source.network
    if isinstance(request.source.network, torch.jit.ScriptModule):
        raise ConfigError(
            f"{request.source.name} is TorchScript, which PyTorch does not turn into .pt2: export the "
            "module that it was made from (`package.module:factory`)"
        )
    given = example(request)
    if "batch" in request.dynamic and given.shape[0] == 1:
        given = given.repeat(2, 1, 1, 1)  # an example of one would fix the batch
    try:
        with quiet():
            return torch.export.export(
                request.source.network, (given,), dynamic_shapes=_dynamic_sides(request)
            )
    except Exception as exc:  # whatever the network and the exporter raise
        raise ModelError(f"{request.source.name} cannot be made a program: {telling(exc)}") from exc


def output_names(request: ExportRequest) -> list[str]:
    """Names of the network's outputs, in order. Raises ConfigError, ModelError."""
    import torch

    network = request.source.network
    run = network.module() if request.source.kind == "program" else network
    try:
        with torch.inference_mode(), quiet():
            own = [name for name, _ in named(run(example(request)))]
    except Exception as exc:  # a network raises whatever it is written to raise
        raise ModelError(
            f"{request.source.name} does not run on an input of {shown(request)}: {telling(exc)}"
        ) from exc
    return chosen_names(own, request.output_names)


def chosen_names(own: list[str], wanted: tuple[str, ...]) -> list[str]:
    """The outputs' names that are wanted, or their own. Raises ConfigError: there are others."""
    if wanted and len(wanted) != len(own):
        raise ConfigError(
            f"--output-names: {len(wanted)} names are given, and the model has {len(own)} outputs: "
            f"{', '.join(own)}"
        )
    return list(wanted or own)


def unsupported(
    request: ExportRequest, program: object, error: Exception, target: str
) -> ModelError:
    """What to raise where a converter has no rule for an operator: its name and its layer."""
    found = _OPERATOR.search(str(error))
    if found is None:
        return ModelError(
            f"{request.source.name} cannot be converted to {target}: {telling(error)}"
        )
    graph = getattr(program, "inlined_graph", None)
    nodes = graph.findAllNodes(found[0]) if graph is not None else []
    scope = nodes[0].scopeName() if nodes else ""
    layer = scope.rpartition("::")[2].removeprefix("__module.") or "of its outermost module"
    return ModelError(
        f"{request.source.name} cannot be converted to {target}, which has no operator for "
        f"{found[0]}, in the layer {layer}"
    )


def example(request: ExportRequest) -> Any:
    """A float tensor of the request's shape."""
    try:
        import torch
    except ImportError as exc:
        raise EngineUnavailable.not_installed("PyTorch", "torch") from exc
    return torch.rand(request.shape, generator=torch.Generator().manual_seed(0))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what PyTorch prints and warns of: what tracing leaves out shows in the comparison."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def telling(error: BaseException) -> str:
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def shown(request: ExportRequest) -> str:
    """The shape of the example, for messages."""
    return "×".join(map(str, request.shape))


def _dynamic_sides(request: ExportRequest) -> Any:
    import torch

    sides = [(0, "batch"), (2, "size"), (3, "size")]
    return ({axis: torch.export.Dim.AUTO for axis, what in sides if what in request.dynamic},)
