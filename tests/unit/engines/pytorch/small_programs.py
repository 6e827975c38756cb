"""Programs of PyTorch, small ones, in both of its formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


class Small(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A convolution, and how its answer is put together."""

    def __init__(self, answer: Callable[[Any], Any] = lambda x: x) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.answer = answer

    def forward(self, images: Any) -> Any:
        return self.answer(self.conv(images))


def scripted(path: Path, module: Any = None) -> Path:
    example = torch.zeros(1, 3, 64, 64)
    torch.jit.trace(module or Small().eval(), example, strict=False).save(str(path))
    return path


def exported(path: Path, module: Any = None, **options: Any) -> Path:
    example = torch.zeros(2, 3, 64, 64)
    torch.export.save(torch.export.export(module or Small().eval(), (example,), **options), path)
    return path
