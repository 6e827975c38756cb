"""PyTorch's own formats: TorchScript, and exported programs."""

from __future__ import annotations

from sightline.errors import ConfigError
from sightline.optimize.export.request import ExportRequest
from sightline.optimize.export.tracing import exported, quiet, traced


def write_torchscript(request: ExportRequest) -> None:
    """Write a TorchScript, which needs nothing of the program that the network is from.

    Raises ConfigError: the source is an exported program. Raises ModelError: it cannot be traced.
    """
    import torch

    if request.source.kind == "program":
        raise ConfigError(
            f"{request.source.name} is an exported program, which PyTorch does not turn into "
            "TorchScript: export the module that it was made from (`package.module:factory`)"
        )
    program = traced(request, keep_names=True)
    with quiet():
        torch.jit.freeze(program.eval()).save(str(request.path))


def write_program(request: ExportRequest) -> None:
    """Write a ``torch.export`` program (.pt2). Raises ConfigError, ModelError."""
    import torch

    program = exported(request)
    with quiet():
        torch.export.save(program, request.path)
