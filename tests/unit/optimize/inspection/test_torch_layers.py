"""PyTorch programs: work and weights by running them once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sightline.errors import ModelError
from sightline.optimize.inspection.torch_layers import inspect_torch

torch: Any = pytest.importorskip("torch")

MACS = 16 * 16 * 8 * 27 + 16 * 16 * 8 * 9 + 2048 * 10
PARAMETERS = (8 * 27 + 8) + (8 * 9 + 8) + (2048 * 10 + 10)


@pytest.fixture(scope="module")
def network() -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, 1, 1, groups=8),
        nn.Flatten(),
        nn.Linear(8 * 16 * 16, 10),
    ).eval()


def test_torchscript(network: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.torchscript"
    torch.jit.trace(network, torch.zeros(1, 3, 32, 32)).save(path)
    found = inspect_torch(path, (32, 32))
    assert (found.macs, found.parameters, found.at) == (MACS, PARAMETERS, (32, 32))
    assert [layer.name for layer in found.largest(1)] == ["4"]

    unknown = inspect_torch(path, None)
    assert (unknown.macs, unknown.parameters) == (None, PARAMETERS)
    assert "--size" in unknown.notes[0]

    wrong = inspect_torch(path, (64, 64))
    assert (wrong.macs, wrong.parameters) == (None, PARAMETERS)
    assert "does not run" in wrong.notes[0]


def test_an_exported_program_has_a_size_of_its_own(network: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(network, (torch.zeros(1, 3, 32, 32),)), path)
    found = inspect_torch(path, None)
    assert (found.macs, found.parameters, found.at) == (MACS, PARAMETERS, (32, 32))


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "weights.torchscript"
    torch.save({"a": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match="pickle"):
        inspect_torch(path, None)
