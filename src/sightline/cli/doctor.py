"""``sightline doctor``: what is installed and what this machine can do, one line each."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator

import typer

from sightline._version import __version__

_PURPOSES = {
    "numpy": "arrays",
    "opencv-contrib-python-headless": "pictures, `people`",
    "simplejpeg": "JPEG pictures",
    "av": "video files, cameras, streams",
    "scipy": "tracking",
    "onnx": "models",
    "supervision": "annotated output",
    "faster-coco-eval": "evaluate",
    "sqlalchemy": "database",
    "rich": "progress",
    "fastapi": "service",
    "uvicorn": "service",
    "httpx": "service: pictures by URL",
    "grpcio": "service: gRPC",
    "tritonclient": "service: gRPC",
    "prometheus-client": "metrics",
}
"""What the packages are for that a user may ask about."""

_SERVICE = (
    "sightline.build.service",
    "sightline.serving.http.server",
    "sightline.serving.kserve.grpc_server",
)
"""Modules that need everything that the service needs."""


def doctor() -> None:
    """Show what is installed, which engines and precisions this machine has, one line each.

    Exits with 1 when a package that Sightline needs is missing, or nothing here can run a model.
    """
    engine, missing = False, []
    for name, state, good in _lines():
        mark = typer.style("ok", fg="green") if good else typer.style("--", fg="yellow")
        typer.echo(f"{mark}  {name:<32} {state}")
        engine = engine or (good and name.startswith("engine"))
        if not good and name in {"service", *required_packages()}:
            missing.append(name)
    if missing:
        typer.secho(
            f"error: not usable: {', '.join(missing)}; install Sightline again with its "
            "dependencies: pip install sightline",
            fg="red",
            err=True,
        )
    if not engine:
        typer.secho(
            "error: no engine can run: pip install 'sightline[onnxruntime]'", fg="red", err=True
        )
    if missing or not engine:
        raise typer.Exit(1)


def required_packages() -> list[str]:
    """The packages that Sightline's own metadata asks for, those for other systems left out."""
    import importlib.metadata

    try:
        requirements = importlib.metadata.requires("sightline") or []
    except importlib.metadata.PackageNotFoundError:  # run from its source folder, not installed
        return []
    return [
        match[0]
        for requirement in requirements
        if ";" not in requirement and (match := re.match(r"[\w.-]+", requirement))
    ]


def _lines() -> Iterator[tuple[str, str, bool]]:
    import importlib.metadata
    import platform

    yield (
        "sightline",
        f"{__version__}, Python {platform.python_version()}, {platform.platform()}",
        True,
    )
    yield "processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores", True
    for package in required_packages():
        purpose = f" ({_PURPOSES[package]})" if package in _PURPOSES else ""
        try:
            yield package, f"{importlib.metadata.version(package)}{purpose}", True
        except importlib.metadata.PackageNotFoundError:
            yield package, f"not installed{purpose}", False
    yield _onnxruntime()
    yield _openvino()
    yield _tensorrt()
    yield _service()
    display = bool(os.environ.get("DISPLAY")) or sys.platform in {"darwin", "win32"}
    yield "display", "here: --show works" if display else "none: --show cannot work", display


def _onnxruntime() -> tuple[str, str, bool]:
    try:
        import onnxruntime
    except ImportError as exc:
        return "engine onnxruntime", f"not usable: {exc}; extra: sightline[onnxruntime]", False
    providers = ", ".join(
        p.removesuffix("ExecutionProvider") for p in onnxruntime.get_available_providers()
    )
    return "engine onnxruntime", f"{onnxruntime.__version__}: {providers}; fp32", True


def _openvino() -> tuple[str, str, bool]:
    try:
        import openvino
    except ImportError as exc:
        return "engine openvino", f"not usable: {exc}; extra: sightline[openvino]", False
    from sightline.engines.openvino_ import precisions, shared_core

    core = shared_core()
    devices = ", ".join(f"{d} ({', '.join(precisions(core, d))})" for d in core.available_devices)
    return "engine openvino", f"{openvino.__version__.partition('-')[0]}: {devices}", bool(devices)


def _tensorrt() -> tuple[str, str, bool]:
    from sightline.engines.tensorrt.cuda import CudaDevice
    from sightline.engines.tensorrt.library import tensorrt_library
    from sightline.errors import EngineUnavailable

    try:
        version = tensorrt_library().__version__
        device = CudaDevice()
    except EngineUnavailable as exc:
        return "engine tensorrt", f"not usable: {exc}", False
    return "engine tensorrt", f"{version}: {device}; fp32, fp16, int8", True


def _service() -> tuple[str, str, bool]:
    """Whether `run` and `serve` can start: their modules are imported, as they would do it."""
    import importlib

    try:
        for module in _SERVICE:
            importlib.import_module(module)
    except ImportError as exc:
        return "service", f"not usable: {exc}; extra: sightline[serve]", False
    return "service", "HTTP, gRPC, metrics", True


def _processor() -> str:
    import platform

    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - a pseudo file
            model = next(
                (line.partition(":")[2].strip() for line in file if line.startswith("model name")),
                "",
            )
    except OSError:
        model = ""
    return model or platform.processor() or platform.machine()
