"""Core ML packages: their structure, since only Apple's systems run them; and what they are made of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml
from onnx import helper
from tests.command import in_process

from sightline.build.toolchain.export import export
from sightline.build.toolchain.export_sources import ExportOptions
from sightline.config import ModelOptions
from sightline.errors import ConfigError, ModelError

MakeModel = Callable[..., Path]

NETS = """
import torch
class Nets(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Conv2d(3, 6, 32, 32)
    def forward(self, x):
        return self.head(x).flatten(2)
"""


@pytest.fixture(scope="module", autouse=True)
def core_ml() -> None:
    """Imported by the one process that runs these tests, not by all that collect them: it takes seconds."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("coremltools", reason="coremltools is not installed")


def package(path: Path) -> Any:
    import coremltools

    return coremltools.utils.load_spec(str(path))


def test_an_onnx_detector_takes_an_image(
    tmp_path: Path, pyramid_model: MakeModel, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run = in_process(tmp_path, monkeypatch, capsys)
    model = pyramid_model(6, transposed=True)
    model.with_suffix(".yaml").write_text("order: bgr\n")
    done = run("deploy", "coreml", model, "-o", "it.mlpackage", "--size", "128x64", "--compute-units", "CPU_AND_NE", "--target", "iOS17")  # fmt: skip
    assert done.stdout == "it.mlpackage\n", done.stderr
    spec = package(tmp_path / "it.mlpackage")
    (given,), (found,) = spec.description.input, spec.description.output
    assert (given.name, found.name) == ("images", "output0")
    image = given.type.imageType
    assert (image.width, image.height, image.ColorSpace.Name(image.colorSpace)) == (128, 64, "BGR")
    assert spec.specificationVersion == 8  # iOS 17
    assert spec.description.metadata.userDefined["sightline.compute_units"] == "CPU_AND_NE"
    card = yaml.safe_load((tmp_path / "it.yaml").read_text())
    assert (card["size"], card["fixed_size"]) == ([128, 64], True)
    (step,) = card["history"]
    assert step["options"]["coreml_target"] == "iOS17"
    assert "coremltools" in step["versions"]


def test_a_module_is_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "coreml_nets.py").write_text(NETS)
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        options = ExportOptions(size=(96, 64), output_names=("cells",), fp32=True)
        export(ModelOptions(model="coreml_nets:Nets"), tmp_path / "a.mlpackage", options)
    finally:
        sys.modules.pop("coreml_nets", None)
    spec = package(tmp_path / "a.mlpackage")
    assert [output.name for output in spec.description.output] == ["cells"]
    assert spec.description.input[0].type.imageType.width == 96
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        pytest.param({"extra": {"compute_units": "NPU"}}, ConfigError, "there are ALL, CPU_ONLY", id="units"),
        pytest.param({"extra": {"coreml_target": "iOS3"}}, ConfigError, "there are iOS13", id="system"),
        pytest.param({"dynamic": frozenset({"size"})}, ConfigError, "input of Core ML is fixed", id="dynamic"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(
    tmp_path: Path, pyramid_model: MakeModel, options: Any, error: Any, message: str
) -> None:
    model = ModelOptions(model=str(pyramid_model(6, transposed=True)))
    with pytest.raises(error, match=message):
        export(model, tmp_path / "a.mlpackage", ExportOptions(**options))
    assert not list(tmp_path.glob("*.mlpackage"))


def test_an_operator_that_is_not_known_is_named_with_its_layer(
    tmp_path: Path, pyramid_model: MakeModel
) -> None:
    graph = onnx.load(pyramid_model(6, transposed=True))
    graph.graph.node[-1].output[0] = "joined"
    graph.graph.node.append(helper.make_node("Erf", ["joined"], ["output0"], name="head/erf"))
    onnx.save(graph, tmp_path / "b.onnx")
    with pytest.raises(ModelError, match=r"b\.onnx: the operator Erf of the layer head/erf"):
        export(
            ModelOptions(model=str(tmp_path / "b.onnx")), tmp_path / "a.mlpackage", ExportOptions()
        )


@pytest.mark.parametrize(
    ("factor", "fp32", "message"),
    [(1e6, False, "overflows in FP16, in which Core ML computes"), (1e6, True, None), (1e3, False, None)],
)  # fmt: skip
def test_numbers_that_overflow_in_fp16_are_told(
    factor: float, fp32: bool, message: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large_nets.py").write_text(
        "import torch\n"
        "class Large(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.head = torch.nn.Conv2d(3, 4, 32, 32)\n"
        "        torch.nn.init.constant_(self.head.weight, 1e-3)\n"
        f"    def forward(self, x): return self.head(x) * {factor} / {factor}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    made = tmp_path / "a.mlpackage"
    options = ExportOptions(size=(96, 64), fp32=fp32)
    try:
        if message is None:
            export(ModelOptions(model="large_nets:Large"), made, options)
        else:
            with pytest.raises(ModelError, match=message):
                export(ModelOptions(model="large_nets:Large"), made, options)
    finally:
        sys.modules.pop("large_nets", None)
    assert made.exists() == (message is None)


def test_a_transformer_is_converted_as_an_exported_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """coremltools fails at what a trace makes of attention."""
    (tmp_path / "attending_nets.py").write_text(
        "import torch\n"
        "class Attending(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.patches = torch.nn.Conv2d(3, 16, 32, 32)\n"
        "        self.layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)\n"
        "    def forward(self, x): return self.layer(self.patches(x).flatten(2).transpose(1, 2)).mean(1)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        options = ExportOptions(size=(96, 64), output_names=("vector",))
        export(ModelOptions(model="attending_nets:Attending"), tmp_path / "a.mlpackage", options)
    finally:
        sys.modules.pop("attending_nets", None)
    assert [o.name for o in package(tmp_path / "a.mlpackage").description.output] == ["vector"]
    assert "decides by its input" not in caplog.text
