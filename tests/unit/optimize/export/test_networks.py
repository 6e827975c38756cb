"""PyTorch models that are exported: import paths and checkpoints, and which pickles are run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sightline.errors import ConfigError, ModelError
from sightline.optimize.export import networks

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

NETS = """
import torch
class Small(torch.nn.Module):
    def __init__(self, channels=4):
        super().__init__()
        self.body = torch.nn.Conv2d(3, channels, 3)
    def forward(self, x):
        return self.body(x).mean((2, 3))
class Wide(Small):
    def __init__(self, channels):
        super().__init__(channels)
def wide(): return Wide(8)
def loaded(checkpoint):
    made = Small()
    made.load_state_dict(torch.load(checkpoint, weights_only=True)["only"])
    return made
def number(): return 3
def failing(): raise OSError("no such weights")
ready = Small()
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of a user, in the current folder."""
    (tmp_path / "user_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "user_nets", raising=False)
    networks.imported("user_nets:ready")
    yield sys.modules["user_nets"]
    sys.modules.pop("user_nets", None)


@pytest.mark.parametrize("name", ["Small", "wide", "ready"])
def test_a_class_a_factory_and_a_module_are_imported(nets: Any, name: str) -> None:
    source = networks.imported(f"user_nets:{name}")
    assert isinstance(source.network, nets.Small)
    assert not source.network.training
    assert (source.kind, source.name) == ("network", f"user_nets:{name}")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param("user_nets", "give package.module:name", id="no name"),
        pytest.param(
            "user_netz:Small", "cannot import it: No module named 'user_netz'", id="module"
        ),
        pytest.param("user_nets:Smal", "has no attribute 'Smal'", id="attribute"),
        pytest.param("user_nets:number", "it makes int, and a torch.nn.Module", id="no network"),
        pytest.param("user_nets:failing", "OSError: no such weights", id="failing"),
        pytest.param("user_nets:Wide", "cannot be made: TypeError", id="wants an argument"),
    ],
)
def test_what_cannot_be_imported_is_said(nets: Any, path: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        networks.imported(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a.b:c", True), ("a:b.c", True), ("a.onnx", False), ("c:\\a", False), ("rtsp://a", False)],
)
def test_words_that_are_import_paths(text: str, *, expected: bool) -> None:
    assert networks.is_import_path(text) is expected


@pytest.mark.parametrize(
    ("wrap", "better"),
    [
        pytest.param(lambda good, _: good, "", id="itself"),
        pytest.param(lambda good, _: {"state_dict": good, "epoch": 3}, "", id="in a mapping"),
        pytest.param(lambda good, bad: {"model": bad, "ema": good}, "", id="the average counts"),
        pytest.param(
            lambda good, _: {f"module.{k}": v for k, v in good.items()}, "", id="parallel"
        ),
        pytest.param(
            lambda good, _: {f"module._orig_mod.{k}": v for k, v in good.items()}, "", id="compiled"
        ),
        pytest.param(
            lambda good, bad: {
                "state_dict": {
                    **{f"net.{k}": v for k, v in bad.items()},
                    **{f"ema.module.{k}": v for k, v in good.items()},
                    "loss.weight": torch.ones(3),
                }
            },
            "",
            id="within a training program",
        ),
    ],
)
def test_weights_are_found_in_a_checkpoint(
    nets: Any, tmp_path: Path, wrap: Any, better: str
) -> None:
    good, bad = nets.Small().state_dict(), nets.Small().state_dict()
    torch.save(wrap(good, bad), tmp_path / "a.pt")
    path = tmp_path / "a.pt"
    source = networks.checkpoint(path, module="user_nets:Small", trust_pickle=False)
    assert torch.equal(source.network.body.weight, good["body.weight"])
    assert source.sha256 == networks._sha256(path)


def test_a_factory_that_takes_a_path_loads_by_itself(nets: Any, tmp_path: Path) -> None:
    state = nets.Small().state_dict()
    torch.save({"only": state, "other": nets.Small().state_dict()}, tmp_path / "a.pt")
    source = networks.checkpoint(tmp_path / "a.pt", module="user_nets:loaded", trust_pickle=False)
    assert torch.equal(source.network.body.weight, state["body.weight"])


def test_weights_of_another_network_are_named(nets: Any, tmp_path: Path) -> None:
    torch.save({"body.weight": torch.zeros(1), "head.bias": torch.zeros(1)}, tmp_path / "a.pt")
    with pytest.raises(ModelError, match=r"lacks body\.bias and has head\.bias besides"):
        networks.checkpoint(tmp_path / "a.pt", module="user_nets:Small", trust_pickle=False)
    torch.save(nets.Small(8).state_dict(), tmp_path / "b.pt")
    with pytest.raises(ModelError, match=r"do not fit: .*size mismatch"):
        networks.checkpoint(tmp_path / "b.pt", module="user_nets:Small", trust_pickle=False)


class Trap:
    """What a pickle may do: run anything."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("sprung"),))


def test_no_pickle_is_run_that_is_not_trusted(nets: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"model": nets.Small(), "trap": Trap()}, path)
    with pytest.raises(ConfigError, match=r"a\.pt is a pickle that runs code of .*--trust-pickle"):
        networks.checkpoint(path, module=None, trust_pickle=False)
    with pytest.raises(ModelError, match=r"holds more than weights.*or say --trust-pickle"):
        networks.checkpoint(path, module="user_nets:Small", trust_pickle=False)
    assert not (tmp_path / "sprung").exists()
    source = networks.checkpoint(path, module=None, trust_pickle=True)
    assert isinstance(source.network, nets.Small)
    assert (tmp_path / "sprung").exists()


def test_a_trusted_pickle_gives_its_weights_to_a_module(nets: Any, tmp_path: Path) -> None:
    """As most training programs write them: options beside the weights."""
    weights = nets.Small().state_dict()
    path = tmp_path / "a.pt"
    torch.save({"model": weights, "args": argparse.Namespace(rate=0.1)}, path)
    source = networks.checkpoint(path, module="user_nets:Small", trust_pickle=True)
    assert torch.equal(source.network.body.weight, weights["body.weight"])


def test_checkpoints_of_old_pytorch_are_told_as_todays(nets: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"a": Trap()}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(ConfigError, match=r"is a pickle that runs code of .*--trust-pickle"):
        networks.checkpoint(path, module=None, trust_pickle=False)
    assert not (tmp_path / "sprung").exists()
    torch.save(nets.Small(), path, _use_new_zipfile_serialization=False)
    source = networks.checkpoint(path, module=None, trust_pickle=True)
    assert isinstance(source.network, nets.Small)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ModelError, match="no checkpoint of PyTorch"):
        networks.checkpoint(path, module=None, trust_pickle=False)


def test_weights_without_a_program_and_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"w": torch.zeros(2)}, path)
    with pytest.raises(ConfigError, match=r"--module package\.module:factory"):
        networks.checkpoint(path, module=None, trust_pickle=False)
    path.write_bytes(b"no zip")
    with pytest.raises(ModelError, match="no checkpoint of PyTorch"):
        networks.checkpoint(path, module=None, trust_pickle=False)
    torch.jit.trace(torch.nn.ReLU(), torch.zeros(1, 3, 4, 4)).save(str(path))
    assert networks.checkpoint(path, module=None, trust_pickle=False).kind == "network"
