"""``sightline doctor``: what is installed and what this machine can do, one line each."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import typer

from sightline._version import __version__

PACKAGES = {
    "numpy": "arrays",
    "opencv-contrib-python-headless": "pictures, `people`",
    "simplejpeg": "JPEG pictures",
    "av": "video files, cameras, streams",
    "scipy": "tracking",
    "onnx": "models",
    "supervision": "annotated output",
    "sqlalchemy": "database",
    "rich": "progress",
}


def doctor() -> None:
    """Show what is installed, which engines and precisions this machine has, one line each.

    Exits with 1 when nothing here can run a model.
    """
    ok = False
    for name, state, good in _lines():
        mark = typer.style("ok", fg="green") if good else typer.style("--", fg="yellow")
        typer.echo(f"{mark}  {name:<32} {state}")
        ok = ok or (good and name.startswith("engine"))
    if not ok:
        typer.secho(
            "error: no engine can run: pip install 'sightline[onnxruntime]'", fg="red", err=True
        )
        raise typer.Exit(1)


def _lines() -> Iterator[tuple[str, str, bool]]:
    import importlib.metadata
    import platform

    yield (
        "sightline",
        f"{__version__}, Python {platform.python_version()}, {platform.platform()}",
        True,
    )
    yield "processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores", True
    for package, purpose in PACKAGES.items():
        try:
            yield package, f"{importlib.metadata.version(package)} ({purpose})", True
        except importlib.metadata.PackageNotFoundError:
            yield package, f"not installed ({purpose})", False
    yield _onnxruntime()
    yield _openvino()
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
