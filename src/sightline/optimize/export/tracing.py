"""PyTorch modules as programs: traced on an example."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sightline.engines.pytorch.engine import named
from sightline.errors import ConfigError, EngineUnavailable, ModelError
from sightline.optimize.export.flat_outputs import flattened, is_plain
from sightline.optimize.export.request import ExportRequest

log = logging.getLogger(__name__)

INPUT = "images"
"""What the input is called where nothing says otherwise."""

_LOUD = (
    "torch",
    "torch.onnx",
    "torch.export",
    "torch.fx.experimental.symbolic_shapes",
    "coremltools",
)
"""Loggers that tell of what an error says as well."""

_DECIDES = re.compile(r"Converting a tensor to a Python (?:boolean|integer|float|index)")
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')
_OPERATOR = re.compile(r"(?:aten|prim|torchvision)::\w+")
_NEWER = re.compile(r"was added in version (\d+)")
"""How PyTorch tells the opset that has an operator."""


def traced(request: ExportRequest, *, keep_names: bool = False) -> Any:
    """The TorchScript of a request's network, which answers with a tensor or a flat row of them.

    What the network decides by its input's values or size is decided once, for the example: it is warned of.

    Args:
        request: what is exported.
        keep_names: tensors of a dict stay in a dict, else in a tuple.

    Raises ModelError: it cannot be traced.
    """
    import torch

    network, picture = request.source.network, example(request)
    try:
        with quiet():
            plain = is_plain(network(picture))
        if isinstance(network, torch.jit.ScriptModule) and plain:
            return network
        taken = network if plain else flattened(network, keep_names=keep_names)
        with quiet() as warned, plain_attention():
            program = torch.jit.trace(taken, picture, strict=False, check_trace=False)
    except Exception as exc:  # a network raises whatever it is written to raise
        raise ModelError(
            f"{request.source.name} does not run on an input of {shown(request)}: {telling(exc)}"
        ) from exc
    for place in decisions(warned):
        log.warning(
            "%s: %s decides by its input, and the export always does what it did for an input of %s: where other "
            "pictures or sizes go another way, write it with torch.where",
            request.source.name, place, shown(request),
        )  # fmt: skip
    return program


def exported(request: ExportRequest) -> Any:
    """The ``torch.export.ExportedProgram`` of a request.

    Raises:
        ConfigError: the source is TorchScript.
        ModelError: it cannot be made.
    """
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
        with quiet(), plain_attention():
            return torch.export.export(
                request.source.network, (given,), dynamic_shapes=_dynamic_sides(request)
            )
    except Exception as exc:  # whatever the network and the exporter raise
        what = telling(exc)
        if "data-dependent" in str(exc):
            what = (
                f"it decides by what is in the picture{_place_in(exc)}: write that with torch.where"
            )
        raise ModelError(f"{request.source.name} cannot be made a program: {what}") from exc


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
    named_layer = scope.rpartition("::")[2].removeprefix("__module.")
    layer = f"in the layer {named_layer}" if named_layer else "in its outermost module"
    newer = _NEWER.search(str(error))
    remedy = f": `--opset {newer[1]}` has one" if newer else ""
    return ModelError(
        f"{request.source.name} cannot be converted to {target}, which has no operator for {found[0]}, {layer}{remedy}"
    )


def example(request: ExportRequest) -> Any:
    """A float tensor of the request's shape."""
    try:
        import torch
    except ImportError as exc:
        raise EngineUnavailable.not_installed("PyTorch", "torch") from exc
    return torch.rand(request.shape, generator=torch.Generator().manual_seed(0))


@contextlib.contextmanager
def quiet() -> Iterator[list[warnings.WarningMessage]]:
    """Without what PyTorch prints, logs and warns of; gives the warnings."""
    loggers = [logging.getLogger(name) for name in _LOUD]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    nowhere = io.StringIO()
    try:
        with (
            warnings.catch_warnings(record=True) as warned,
            contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere),
        ):  # fmt: skip
            warnings.simplefilter("always")
            yield warned
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def plain_attention() -> Iterator[None]:
    """Transformers as single operators: the one that PyTorch uses for all of a layer is known to no other format."""
    import torch

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def decisions(warned: Iterable[warnings.WarningMessage]) -> list[str]:
    """Where, in its own code, a traced network asked for the value of a tensor: file and line."""
    found = [
        f"{Path(one.filename).name}:{one.lineno}"
        for one in warned
        if _DECIDES.match(str(one.message)) and not _of_libraries(one.filename)
    ]
    return list(dict.fromkeys(found))


def _place_in(error: BaseException) -> str:
    """Where in the network's own code an error is from, for messages."""
    places = [
        f" ({Path(file).name}:{line})"
        for file, line in _PLACE.findall(str(error))
        if not _of_libraries(file)
    ]
    return places[-1] if places else ""


def _of_libraries(file: str) -> bool:
    """Whether code is PyTorch's, or of this package: graphs as networks look at shapes that are fixed by then."""
    import torch

    libraries = {Path(torch.__file__).parent, Path(__file__).parents[2]}
    return not libraries.isdisjoint(Path(file).parents)


def telling(error: BaseException) -> str:
    """The first line of an error that says something, without where in a graph it was raised."""
    text = str(error).partition("  [Caused by")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def shown(request: ExportRequest) -> str:
    """The shape of the example, for messages."""
    return "×".join(map(str, request.shape))


def _dynamic_sides(request: ExportRequest) -> object:
    import torch

    sides = [(0, "batch"), (2, "size"), (3, "size")]
    return ({axis: torch.export.Dim.AUTO for axis, what in sides if what in request.dynamic},)
