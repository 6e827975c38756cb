"""The bundled detector's training step, made quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_removable: list[str] = []
"""Layers of the bundled detector whose channels can be removed; to find them takes seconds."""


@pytest.fixture
def training_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The step with one picture at a time, as ``--training`` names it in ``tmp_path``; its data is in ``frames``."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("torch_pruning", reason="torch-pruning is not installed")
    from sightline.optimize.training import channels, importance
    from sightline.optimize.training.pruning import ChannelPruning

    monkeypatch.setattr(importance, "BATCHES", 1)
    look = channels.removable

    def known(network: Any, example: Any) -> list[str]:
        if not _removable:
            _removable.extend(look(network, example))
        return _removable

    monkeypatch.setattr(channels, "removable", known)
    monkeypatch.setattr(ChannelPruning, "rounds", 1)
    recipe = Path(__file__).parents[1] / "training"
    monkeypatch.syspath_prepend(str(recipe))
    before, threads = set(sys.modules), torch.get_num_threads()
    torch.set_num_threads(1)
    importlib.import_module("data").build(tmp_path / "frames", range(1), 2)
    monkeypatch.setattr(importlib.import_module("fine_tune"), "OBSERVED", 2)
    (tmp_path / "step.py").write_text(
        "from fine_tune import StreetTask\ndef small(data): return StreetTask(data, count=1)\n"
    )
    yield "step.py:small"
    torch.set_num_threads(threads)
    for name in set(sys.modules) - before:
        if str(recipe) in str(getattr(sys.modules[name], "__file__", "")) or name == "step":
            del sys.modules[name]
