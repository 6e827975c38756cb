"""``sightline package --training``: networks are taught where nothing else meets a machine's limits."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.command import Done, Run, in_process

from sightline.build.toolchain import package_subjects, package_trials, package_variants
from sightline.build.toolchain.package_check import verify_package
from sightline.cli.terminal.progress_line import ProgressLine
from sightline.errors import ModelError
from sightline.optimize.training import fine_tuning
from sightline.optimize.training.distillation import Distillation
from sightline.optimize.training.fine_tuning import FineTuning

pytest_plugins = ("tests.training_fixtures",)
DATA = "street://?seed=7&width=640&height=384&duration=0.2"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_subjects, "TIMED_S", 0.02)
    monkeypatch.setattr(package_subjects, "WARM_UP_S", 0.0)
    monkeypatch.setattr(package_trials, "FRAMES", 2)
    monkeypatch.setattr(package_variants, "SMALLER", ())


@pytest.fixture
def without_int8(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra `optimize` is not installed, but `training` is."""
    find = importlib.util.find_spec
    monkeypatch.setattr(package_variants.importlib.util, "find_spec", lambda name: None if name in {"nncf", "onnxslim"} else find(name))  # fmt: skip


@pytest.fixture
def package(
    tmp_path: Path,
    training_step: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Any:
    run: Run = in_process(tmp_path, monkeypatch, capsys)

    def pack(size_mb: float, *more: object, kept: float = 0.0) -> Done:
        machine = {"gate": {"size_mb": size_mb, "latency_ms": 10_000, "kept": kept}}
        (tmp_path / "machines.yaml").write_text(yaml.safe_dump(machine))
        return run(
            "package", "street", "-o", "gate", "--target", "gate", "--targets", "machines.yaml", "--data", DATA,
            "--training", training_step, "--training-data", "frames", "--training-steps", 1, *more,
        )  # fmt: skip

    return pack


def tried(folder: Path) -> list[str]:
    manifest = json.loads((folder / "package.json").read_text())
    return [one["variant"] for one in manifest["tried"]]


@pytest.mark.usefixtures("without_int8")
def test_a_network_is_pruned_until_the_limits_are_met(package: Any, tmp_path: Path) -> None:
    done = package(1.2, "--training-variants", "pruned-0.4")
    assert done.returncode == 0, done.stderr
    assert tried(tmp_path / "gate") == ["fp32", "pruned-0.4"]
    manifest = json.loads((tmp_path / "gate" / "package.json").read_text())
    assert manifest["measured"]["training"]["steps"] == 1
    assert manifest["measured"]["size_mb"] < 1.2
    (step,) = yaml.safe_load((tmp_path / "gate" / "street.yaml").read_text())["history"]
    assert step["options"]["variant"] == "pruned-0.4"
    assert step["options"]["training"] == "step.py:small"
    assert verify_package(tmp_path / "gate", {}).objects >= 2
    assert not (tmp_path / "gate.training").exists()


def test_a_network_that_was_taught_is_tried_in_int8(package: Any, tmp_path: Path) -> None:
    pytest.importorskip("nncf", reason="NNCF is not installed")
    done = package(0.8, "--training-variants", "qat,pruned-0.4")
    assert done.returncode == 0, done.stderr
    assert tried(tmp_path / "gate") == ["fp32", "int8", "pruned-0.4", "pruned-0.4-int8"]
    assert "qat: not taught: it is as large and as fast as int8, which keeps enough" in done.stderr


@pytest.mark.usefixtures("without_int8")
def test_an_interrupted_training_goes_on(
    package: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fine_tuning, "SAVED_EVERY_S", 0.0)
    monkeypatch.setattr(fine_tuning, "TOLD_EVERY_S", 0.0)
    more = ("--training-variants", "pruned-0.4", "--training-steps", 3)

    def interrupt(_: object, what: str) -> None:
        if "step 3" in what:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ProgressLine, "__call__", interrupt)
        assert package(1.2, *more).returncode == 130
    assert not (tmp_path / "gate").exists()
    assert [file.name for file in (tmp_path / "gate.training").iterdir()] == ["street-pruned-0.4.checkpoint.pt"]  # fmt: skip
    told: list[str] = []
    monkeypatch.setattr(ProgressLine, "__call__", lambda _, what: told.append(what))
    done = package(1.2, *more)
    assert done.returncode == 0, done.stderr
    assert [what.partition(",")[0] for what in told if "step" in what] == ["pruned-0.4: step 3"]
    assert not (tmp_path / "gate.training").exists()


@pytest.mark.usefixtures("without_int8")
def test_what_was_taught_is_kept_where_it_does_not_suffice(
    package: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ("--training-variants", "pruned-0.4")
    done = package(0.1, *more)
    assert done.returncode == 1
    assert "no variant of street.onnx meets the limits of gate" in done.stderr
    assert "What was taught is kept in gate.training for another try" in done.stderr
    assert not (tmp_path / "gate").exists()
    monkeypatch.setattr(FineTuning, "_update", None)  # nothing is taught any more
    done = package(0.1, *more, "--allow-missed")
    assert done.returncode == 0, done.stderr
    assert tried(tmp_path / "gate")[-1] == "pruned-0.4"


@pytest.mark.usefixtures("without_int8")
def test_a_training_that_fails_is_told_and_others_go_on(
    package: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ModelError("the loss is not a number")

    monkeypatch.setattr(Distillation, "apply", fails)
    done = package(1.2, "--training-variants", "distilled-0.5,pruned-0.4")
    assert done.returncode == 0, done.stderr
    assert "distilled-0.5: cannot be made: the loss is not a number" in done.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--training-variants", "sparse-0.5"), "--training-variants sparse-0.5: what makes a package smaller or faster is qat"),
        (("--training-variants", "int4"), "--training-variants int4: what makes a package smaller"),
        (("--training-variants", ","), "--training-variants: name one at least"),
        (("--training", "no.such:thing"), "cannot import it"),
    ],
)  # fmt: skip
def test_what_is_refused(package: Any, tmp_path: Path, more: tuple[str, ...], message: str) -> None:
    done = package(1.2, *more)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.glob("gate*"))


def test_another_network_is_refused_before_anything_is_tried(
    package: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.py").write_text(
        "import step, torch\n"
        "class Other(step.StreetTask):\n"
        "    def network(self):\n"
        "        network = super().network()\n"
        "        torch.nn.init.normal_(next(network.parameters()))\n"
        "        return network\n"
    )
    done = package(1.2, "--training", "other.py:Other")
    assert done.returncode == 2
    assert "--training: its network is not the model" in done.stderr
    assert not list(tmp_path.glob("gate*"))
