"""Core ML packages, of PyTorch models and of ONNX files. They are run on Apple's systems only."""

from __future__ import annotations

import contextlib
import copy
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sightline.engines.pytorch.engine import named
from sightline.errors import ConfigError, EngineUnavailable, ModelError
from sightline.optimize.export.request import ExportRequest, ExportSource
from sightline.optimize.export.tracing import (
    INPUT,
    chosen_names,
    example,
    exported,
    output_names,
    quiet,
    telling,
    traced,
    unsupported,
)

log = logging.getLogger(__name__)

TOLERANCE = 1e-3
"""How far a module that is made of an ONNX file may be from it."""

COMPUTE_UNITS = ("ALL", "CPU_ONLY", "CPU_AND_GPU", "CPU_AND_NE")


def write_mlpackage(request: ExportRequest) -> None:
    """Write an .mlpackage (an ML program) whose input is an image of the request's size.

    Core ML scales the pixels itself where the deviation is the same for all channels; otherwise the
    input is a tensor of normalised floats.

    Raises:
        EngineUnavailable: coremltools is not installed.
        ConfigError: there are no such compute units, or no such system.
        ModelError: an operator has no counterpart.
    """
    ct = _coremltools()
    if request.compute_units not in COMPUTE_UNITS:
        raise ConfigError(f"--compute-units: there are {', '.join(COMPUTE_UNITS)}")
    system = getattr(ct.target, request.coreml_target, None)
    if system is None:
        known = ", ".join(name for name in dir(ct.target) if name.startswith(("iOS", "macOS")))
        raise ConfigError(f"--target {request.coreml_target}: there are {known}")
    request, names = _as_network(request)
    program = traced(request)
    if request.fp16:
        check_half(request)
    precision = ct.precision.FLOAT16 if request.fp16 else ct.precision.FLOAT32
    with quiet(), _temporary_files_in(request.path.parent):
        model = _converted(
            request,
            program,
            lambda given: ct.convert(
                given,
                convert_to="mlprogram",
                inputs=[_input(ct, request)],
                outputs=[ct.TensorType(name=name) for name in names],
                minimum_deployment_target=system,
                compute_precision=precision,
                compute_units=getattr(ct.ComputeUnit, request.compute_units),
                skip_model_load=True,
            ),
        )
        # What it runs on is the app's to choose: the package can only tell it.
        model.user_defined_metadata["sightline.compute_units"] = request.compute_units
        model.save(str(request.path))
    check_package(request.path, names)


def check_half(request: ExportRequest) -> None:
    """Run the network in FP16 on noise, since Core ML computes so and nothing here runs its packages.

    Networks that PyTorch cannot run so on this processor are not checked.

    Raises ModelError: a number overflows.
    """
    import torch

    norm, steps = request.normalization, (1, 3, 1, 1)
    picture = example(request) * 255 * norm.scale - torch.tensor(norm.mean).reshape(steps)
    picture = (picture / torch.tensor(norm.std).reshape(steps)).half()
    try:
        with torch.inference_mode(), quiet():
            whole = named(request.source.network(picture.float()))
            halves = named(copy.deepcopy(request.source.network).half()(picture))
    except Exception as exc:  # noqa: BLE001 - whatever a network raises of numbers that it does not know
        log.info("%s: its FP16 was not tried: %s", request.source.name, telling(exc))
        return
    for (name, before), (_, after) in zip(whole, halves, strict=True):
        if bool(before.isfinite().all()) and not bool(after.isfinite().all()):
            raise ModelError(
                f"{request.source.name} overflows in FP16, in which Core ML computes: its output {name} has numbers that "
                "are not finite: give --fp32"
            )


def _converted(request: ExportRequest, program: object, convert: Callable[[Any], Any]) -> Any:
    """What coremltools makes of a trace, or of an exported program where that fails: it knows more of these.

    Raises ModelError, which tells of the trace.
    """
    import torch

    try:
        return convert(program)
    except Exception as exc:  # whatever its converters raise
        failure = unsupported(request, program, exc, "Core ML")
        if isinstance(request.source.network, torch.jit.ScriptModule):
            raise failure from exc
        try:
            return convert(exported(request).run_decompositions({}))
        except Exception:  # noqa: BLE001 - the first failure is told
            raise failure from exc


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """coremltools removes its drafts when the interpreter ends, which the command does not wait for."""
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def check_package(path: Path, outputs: list[str]) -> Any:
    """The specification of a package, whose input and outputs are as wanted. Raises ModelError."""
    ct = _coremltools()
    try:
        spec = ct.utils.load_spec(str(path))
    except Exception as exc:  # whatever its reader raises
        raise ModelError(f"{path}: no whole Core ML package: {exc}") from exc
    found = [output.name for output in spec.description.output]
    if sorted(found) != sorted(outputs) or len(spec.description.input) != 1:
        raise ModelError(f"{path}: its outputs are {', '.join(found)}, not {', '.join(outputs)}")
    return spec


def _as_network(request: ExportRequest) -> tuple[ExportRequest, list[str]]:
    """The request with a module in place of an ONNX file, and the names of its outputs."""
    file = request.source.file
    if file is None:
        return request, output_names(request)
    from sightline.optimize.export.onnx_network import OnnxNetwork

    try:
        network = OnnxNetwork(file.graph, fixed=True).float().eval()
    except ModelError as exc:
        raise ModelError(f"{request.source.name}: {exc}") from exc
    source = ExportSource("network", request.source.name, network, sha256=request.source.sha256)
    _check_network(file.content, network, request)
    names = chosen_names([output.name for output in file.outputs], request.output_names)
    given = request.input_name or file.input.name
    return replace(request, source=source, input_name=given), names


def _check_network(model: Path | bytes, network: Any, request: ExportRequest) -> None:
    """Compare the module with ONNX Runtime, since nothing here runs what is made of it.

    Raises ModelError: they differ.
    """
    import numpy as np
    import onnxruntime
    import torch

    picture = example(request)
    session = onnxruntime.InferenceSession(str(model) if isinstance(model, Path) else model)
    wanted = session.run(None, {session.get_inputs()[0].name: picture.numpy()})
    try:
        with torch.inference_mode(), quiet():
            found = [output.numpy() for _, output in named(network(picture))]
    except Exception as exc:  # whatever PyTorch raises of a node that means something else there
        raise ModelError(
            f"{request.source.name} cannot be turned into a PyTorch module: {telling(exc)}"
        ) from exc
    for name, before, after in zip(session.get_outputs(), wanted, found, strict=True):
        distance = float((np.abs(after - before) / (1 + np.abs(before))).max(initial=0.0))
        if not distance <= TOLERANCE:
            raise ModelError(
                f"{request.source.name}: as a PyTorch module its output {name.name} differs by {distance:.3g}"
            )


def _input(ct: Any, request: ExportRequest) -> Any:
    """An image, or a tensor where Core ML cannot scale it as the model wants."""
    norm, name = request.normalization, request.input_name or INPUT
    if len(set(norm.std)) > 1 or request.batch != 1:
        return ct.TensorType(name=name, shape=request.shape)
    layouts = {"rgb": ct.colorlayout.RGB, "bgr": ct.colorlayout.BGR}
    return ct.ImageType(
        name=name,
        shape=request.shape,
        scale=norm.scale / norm.std[0],
        bias=[-mean / norm.std[0] for mean in norm.mean],
        color_layout=layouts[request.order],
    )


def _coremltools() -> Any:
    logging.getLogger("coremltools").setLevel(
        logging.ERROR
    )  # it warns of versions that it has not seen
    try:
        with quiet():
            import coremltools
    except ImportError as exc:
        raise EngineUnavailable.not_installed("coremltools", "coreml") from exc
    return coremltools
