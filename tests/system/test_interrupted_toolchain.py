"""Commands of the toolchain that are interrupted, or find the disk full: nothing half-written is left."""

from __future__ import annotations

import errno
import importlib
from pathlib import Path
from typing import Any, NoReturn

import pytest
from tests.command import Run, in_process

STREET = "street://?seed=3&duration=4&fps=10&width=320&height=192"


@pytest.fixture
def sightline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    return in_process(tmp_path, monkeypatch, capsys)


# The command, and what it does last but to move files to their places.
COMMANDS = [
    pytest.param(
        ["optimize", "street", "--data", STREET, "--frames", "40", "--size", "320", "--variants", "fp16", "-o", "new/small"],
        "sightline.replaced_files", "move_into_place", id="optimize",
    ),
    pytest.param(
        ["deploy", "triton", "street", "-o", "new/models"],
        "sightline.replaced_files", "move_into_place", id="triton",
    ),
    pytest.param(
        ["deploy", "torchserve", "street", "-o", "new/served"],
        "sightline.replaced_files", "move_into_place", id="torchserve",
    ),
    pytest.param(
        ["export", "street", "new/street.xml"],
        "sightline.replaced_files", "move_into_place", id="export",
    ),
    pytest.param(
        ["package", "street", "--data", STREET, "--target", "kiosk", "--targets", "machines.yaml", "-o", "new/gate"],
        "sightline.build.toolchain.package", "_place", id="package",
    ),
    pytest.param(
        ["bench", "model", "street", "--seconds", "0.5", "--backends", "onnxruntime", "-o", "new/report.html"],
        "sightline.optimize.benchmarks.measurement", "measure_setups", id="bench",
    ),
]  # fmt: skip


@pytest.mark.parametrize("failure", ["Ctrl-C", "full disk"])
@pytest.mark.parametrize(("command", "module", "last"), COMMANDS)
def test_nothing_is_left(
    sightline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    command: list[str], module: str, last: str, failure: str,
) -> None:  # fmt: skip
    def fails(*_: Any, **__: Any) -> NoReturn:
        if failure == "Ctrl-C":
            raise KeyboardInterrupt
        raise whole_files.sink_error("it", OSError(errno.ENOSPC, ""))

    whole_files = importlib.import_module("sightline.whole_files")
    monkeypatch.setattr(importlib.import_module(module), last, fails)
    (tmp_path / "machines.yaml").write_text("kiosk: {size_mb: 50, latency_ms: 10000, kept: 0.1}\n")
    done = sightline(*command)
    assert done.returncode == (130 if failure == "Ctrl-C" else 1), done.stderr
    if failure != "Ctrl-C":
        assert "the disk is full" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["machines.yaml"]


@pytest.mark.parametrize("moved", range(1, 4))
def test_a_repository_of_which_a_part_was_moved_is_taken_back(
    sightline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    """The second version is whole or not there, and the first stays as it was."""
    assert sightline("deploy", "triton", "street", "-o", "models").returncode == 0
    before = _contents(tmp_path)
    repository = importlib.import_module("sightline.replaced_files")
    move, count = repository.move_into_place, iter(range(moved))

    def moving(made: Path, target: Path) -> None:
        if next(count, None) is None:
            raise KeyboardInterrupt
        move(made, target)

    monkeypatch.setattr(repository, "move_into_place", moving)
    again = ["deploy", "triton", "street", "-o", "models", "--model-version", "2", "--keep-versions", "2"]  # fmt: skip
    assert sightline(*again).returncode == 130
    assert _contents(tmp_path) == before
    monkeypatch.setattr(repository, "move_into_place", move)
    assert sightline(*again).returncode == 0


def _contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
